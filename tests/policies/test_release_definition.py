"""The `Release` resource on a real API server: what the types refuse it refuses, and what the controller writes it takes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.admission_server import ApiServer
from tests.tidegate.release.world import files
from tidegate.contracts.release import Aborted, Phase, ReleaseSpec, ReleaseStatus, Revision

pytestmark = pytest.mark.apiserver
SPEC = ReleaseSpec(
    strategy="canary", wanted=files(2), promoted=files(1), steps_percent=(10, 100), step_seconds=60, minimum_requests=300, p99_ms=50,
    availability=0.99, rollback_hours=1,
)  # fmt: skip
STABLE = Revision(name="scorer-predictor-00001", uid="u1", files=files(1), template="t1")
STATUS = ReleaseStatus(
    phase=Phase.STEPPING, stable=STABLE, candidate=STABLE, allowed_percent=10, since=datetime(2026, 11, 30, tzinfo=UTC), message="10 %",
    aborted=(Aborted(sha256="c" * 64, template="", reason="it was slow", at=datetime(2026, 11, 1, tzinfo=UTC)),),
)  # fmt: skip


def release(**changes: Any) -> dict[str, Any]:
    spec = json.loads(SPEC.model_dump_json(by_alias=True)) | changes
    return {
        "apiVersion": "tidegate.dev/v1alpha1", "kind": "Release", "metadata": {"name": "scorer", "namespace": "default"}, "spec": spec,
    }  # fmt: skip


def test_release_is_kept_as_it_was_written(api: ApiServer) -> None:
    answer = api.create(release())
    assert answer.code == 201, answer.message
    kept = ReleaseSpec.model_validate_json(json.dumps(answer.body["spec"]))
    assert kept == SPEC
    written = answer.body | {"status": json.loads(STATUS.model_dump_json(by_alias=True, exclude_none=True))}
    said = api.request("PUT", "/apis/tidegate.dev/v1alpha1/namespaces/default/releases/scorer/status", written)
    assert said.code == 200, said.message
    assert ReleaseStatus.model_validate_json(json.dumps(said.body["status"])) == STATUS
    again = api.apply(release(stepSeconds=90))
    assert (again.body["spec"]["stepSeconds"], again.body["status"]) == (90, said.body["status"]), "who applies the spec keeps the status"
    stale = api.request("PUT", "/apis/tidegate.dev/v1alpha1/namespaces/default/releases/scorer/status", written)
    assert stale.code == 409, "a write of what was seen before is refused"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stepsPercent": [10, 50]}, "the last step must be 100; append it"),
        ({"stepsPercent": [50, 10, 100]}, "steps must rise; sort them and drop repeats"),
        ({"stepsPercent": [10, 10, 100]}, "steps must rise; sort them and drop repeats"),
        ({"stepsPercent": []}, "spec.stepsPercent in body should have at least 1 items"),
        ({"strategy": "blue-green"}, "only a canary has several steps; write [100]"),
        ({"strategy": "shadow"}, 'Unsupported value: "shadow"'),
        ({"wanted": {**json.loads(files(1).model_dump_json()), "sha256": "d" * 64}}, "one version has one digest"),
        ({"wanted": {"version": 2}}, "spec.wanted.sha256: Required value"),
        ({"availability": 1}, "spec.availability in body should be less than 1"),
        ({"promotedBy": "me"}, ".spec.promotedBy: field not declared in schema"),
    ],
)
def test_what_makes_no_sense_is_refused(api: ApiServer, changes: dict[str, Any], message: str) -> None:
    answer = api.apply(release(**changes) | {"metadata": {"name": "other", "namespace": "default"}}, dry_run=True)
    assert answer.code in {422, 500}, answer  # apply answers 500 to a field that no schema has
    assert message in answer.message


def test_share_without_a_candidate_is_refused(api: ApiServer) -> None:
    there = api.apply(release() | {"metadata": {"name": "third", "namespace": "default"}}).body
    wrong = there | {"status": {"allowedPercent": 10}}
    answer = api.request("PUT", "/apis/tidegate.dev/v1alpha1/namespaces/default/releases/third/status", wrong)
    assert (answer.code, "a share without a candidate is nobody's" in answer.message) == (422, True)
