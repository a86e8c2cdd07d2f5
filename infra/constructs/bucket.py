"""A private, versioned, encrypted bucket that is reached over TLS only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from infra.constructs.policy import Statement, only_over_tls, policy
from infra.constructs.stack import Resource, Stack, Value

MULTIPART_DAYS = 7
"""After so many days an upload nobody finished is thrown away; its parts would be paid for unseen."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Default retention of every new object version. COMPLIANCE cannot be lifted by anybody, root included."""

    mode: Literal["GOVERNANCE", "COMPLIANCE"]
    days: int | None = None
    years: int | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket and its parts that others wait for."""

    bucket: Resource
    versioning: Resource
    arn: str


def bucket_arn(bucket_name: str) -> str:
    """The ARN of a bucket, which needs neither account nor region."""
    return f"arn:aws:s3:::{bucket_name}"


def add_bucket(
    stack: Stack, name: str, *, bucket_name: str, key_arn: str | None, old_versions_days: int, lock: Lock | None = None,
    statements: Sequence[Statement] = (), expire_days: int | None = None,
) -> Bucket:  # fmt: skip
    """A bucket with its policy, versions, encryption and lifecycle.

    `key_arn` None means S3's own key, which only buckets that AWS services write their logs to need. `old_versions_days`
    is how long a replaced version is kept, `expire_days` how long a current one (default: for ever).
    """
    arn = bucket_arn(bucket_name)
    bucket = stack.add(
        "aws_s3_bucket", name,
        bucket=bucket_name,
        object_lock_enabled=True if lock else None,
        force_destroy=True if stack.target.is_emulated else None,
        lifecycle=stack.keep(),
    )  # fmt: skip
    block = stack.add(
        "aws_s3_bucket_public_access_block", name,
        bucket=bucket["id"], block_public_acls=True, block_public_policy=True, ignore_public_acls=True, restrict_public_buckets=True,
    )  # fmt: skip
    stack.add("aws_s3_bucket_ownership_controls", name, bucket=bucket["id"], rule=[{"object_ownership": "BucketOwnerEnforced"}])
    versioning = stack.add("aws_s3_bucket_versioning", name, bucket=bucket["id"], versioning_configuration=[{"status": "Enabled"}])
    encryption: Value = {"sse_algorithm": "aws:kms", "kms_master_key_id": key_arn} if key_arn else {"sse_algorithm": "AES256"}
    stack.add(
        "aws_s3_bucket_server_side_encryption_configuration", name,
        bucket=bucket["id"],
        rule=[{"apply_server_side_encryption_by_default": [encryption], "bucket_key_enabled": key_arn is not None}],
    )  # fmt: skip
    if lock:
        retention: dict[str, Value] = {"mode": lock.mode, "days": lock.days} if lock.days else {"mode": lock.mode, "years": lock.years}
        stack.add(
            "aws_s3_bucket_object_lock_configuration", name,
            bucket=bucket["id"], rule=[{"default_retention": [retention]}], depends_on=[versioning],
        )  # fmt: skip
    stack.add(
        "aws_s3_bucket_lifecycle_configuration", name,
        bucket=bucket["id"], rule=_lifecycle_rules(old_versions_days, expire_days), depends_on=[versioning],
    )  # fmt: skip
    document = policy(only_over_tls([arn, f"{arn}/*"], "s3"), *statements)
    # Beside the block in one go, S3 answers with a conflict.
    stack.add("aws_s3_bucket_policy", name, bucket=bucket["id"], policy=document, depends_on=[block])
    return Bucket(bucket, versioning, arn)


def _lifecycle_rules(old_versions_days: int, expire_days: int | None) -> list[Value]:
    everything: Value = [{"prefix": ""}]
    rules: list[Value] = [
        {
            "id": "old-versions", "status": "Enabled", "filter": everything,
            "noncurrent_version_expiration": [{"noncurrent_days": old_versions_days}],
        },
        {
            "id": "unfinished-uploads", "status": "Enabled", "filter": everything,
            "abort_incomplete_multipart_upload": [{"days_after_initiation": MULTIPART_DAYS}],
        },
    ]  # fmt: skip
    if expire_days:
        rules.append({"id": "current-versions", "status": "Enabled", "filter": everything, "expiration": [{"days": expire_days}]})
    return rules
