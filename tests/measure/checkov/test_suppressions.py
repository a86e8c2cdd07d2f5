"""A finding passes only with a reason, an owner and a date that has not come."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.measure.checkov.suppressions import Failed, Suppression, judge, read_suppressions

TODAY = datetime.date(2026, 11, 21)
FAILED = Failed("CKV_AWS_18", "aws_s3_bucket.audit", "live-1-registry/cdk.tf.json", "Ensure the S3 bucket has access logging enabled")
ACCEPTED = Suppression(
    check="CKV_AWS_18",
    resource="aws_s3_bucket.*",
    reason="The bucket that receives access logs cannot log to itself.",
    owner="platform@example.com",
    expires=datetime.date(2027, 5, 21),
)


def test_explained_finding_passes() -> None:
    assert list(judge([FAILED], [ACCEPTED], TODAY)) == []


def test_unexplained_finding_is_told_with_file_and_remedy() -> None:
    assert list(judge([FAILED], [], TODAY)) == [
        (
            "live-1-registry/cdk.tf.json: aws_s3_bucket.audit: CKV_AWS_18 Ensure the S3 bucket has access logging enabled; "
            "mend it, or suppress it with reason, owner and expiry"
        )
    ]


def test_explanation_of_another_check_does_not_count() -> None:
    other = ACCEPTED.model_copy(update={"check": "CKV_AWS_19"})
    assert len(list(judge([FAILED], [other], TODAY))) == 2


def test_expired_explanation_is_told_with_its_owner() -> None:
    expired = ACCEPTED.model_copy(update={"expires": datetime.date(2026, 11, 20)})
    assert list(judge([FAILED], [expired], TODAY)) == [
        "suppressions.yaml: CKV_AWS_18 aws_s3_bucket.*: expired on 2026-11-20; platform@example.com mends it or renews it"
    ]


def test_explanation_of_nothing_is_told() -> None:
    assert list(judge([], [ACCEPTED], TODAY)) == [
        "suppressions.yaml: CKV_AWS_18 aws_s3_bucket.*: nothing fails this check any more; remove it"
    ]


@pytest.mark.parametrize("part", ["reason", "owner", "expires"])
def test_suppression_without_a_part_is_refused(tmp_path: Path, part: str) -> None:
    lines = {
        "check": "CKV_AWS_18",
        "resource": "aws_s3_bucket.*",
        "reason": "The bucket that receives access logs cannot log to itself.",
        "owner": "platform@example.com",
        "expires": "2027-05-21",
    }
    del lines[part]
    body = "".join(f"    {key}: {value}\n" for key, value in lines.items())
    path = tmp_path / "suppressions.yaml"
    path.write_text(f"suppressions:\n  -\n{body}")
    with pytest.raises(ValidationError, match=part):
        read_suppressions(path)


def test_committed_suppressions_all_have_their_parts() -> None:
    read_suppressions(Path(__file__).with_name("suppressions.yaml"))
