"""The buckets that outlive the cluster: served models, audit records and who read them.

Here: the model registry (versioned, locked, encrypted), the audit store (nobody deletes from it for seven years) and the
access log of both and of the state bucket. Not here: the copies in the other region (`replication`, because both
regions' buckets must exist first) and who may read (`identity`).

Locks: a model version may be removed early by somebody with the right to bypass governance, because a tenant's data
may have to be erased; an audit record by nobody, the account's root included.
"""

from __future__ import annotations

from infra.constructs.bucket import Bucket, Lock, add_bucket
from infra.constructs.key import add_key
from infra.constructs.policy import Condition, Statement
from infra.constructs.stack import Stack
from infra.outputs import RegistryOutputs
from tidegate.facts import cloud_names

MODELS_LOCK = Lock("GOVERNANCE", days=90)
"""As long as a rollback may reach."""

AUDIT_LOCK = Lock("COMPLIANCE", years=7)
"""What supervisors of regulated tiers ask for."""

OLD_MODELS_DAYS = 365
OLD_AUDIT_DAYS = 2557
"""Seven years with two leap days: never below the lock, which would make the rule wait anyway."""

ACCESS_LOG_DAYS = 400
"""A year, and a month to look into it."""


def access_log_bucket(cluster: str, account_id: str) -> str:
    """The bucket of a cluster's S3 access logs."""
    return f"tidegate-{cluster}-access-logs-{account_id}"


def build(stack: Stack) -> None:
    """Adds the three buckets."""
    name, account = stack.cluster.name, stack.cluster.account_id
    models_key = add_key(stack, "models", "served models")
    models_name = cloud_names.models_bucket(name, account)
    models = add_bucket(
        stack, "models", bucket_name=models_name, key_arn=models_key["arn"], lock=MODELS_LOCK, old_versions_days=OLD_MODELS_DAYS,
        statements=_only_own_key(models_name, models_key["arn"]),
    )  # fmt: skip
    audit_key = add_key(stack, "audit", "audit records")
    audit_name = cloud_names.audit_bucket(name, account)
    audit = add_bucket(
        stack, "audit", bucket_name=audit_name, key_arn=audit_key["arn"], lock=AUDIT_LOCK, old_versions_days=OLD_AUDIT_DAYS,
        statements=_only_own_key(audit_name, audit_key["arn"]),
    )  # fmt: skip
    _add_access_log(stack, {"models": models_name, "audit": audit_name, "state": cloud_names.state_bucket(name, account)}, models, audit)
    stack.publish(RegistryOutputs(
        models_bucket=models.bucket["id"], models_key_arn=models_key["arn"], audit_bucket=audit.bucket["id"], audit_key_arn=audit_key["arn"],
    ))  # fmt: skip


def _only_own_key(bucket_name: str, key_arn: str) -> list[Statement]:
    """Denies uploads that ask for anything but KMS and this key. Those that ask for nothing get the bucket's default."""
    objects = [f"arn:aws:s3:::{bucket_name}/*"]
    unencrypted: Condition = {
        "StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}, "Null": {"s3:x-amz-server-side-encryption": "false"},
    }  # fmt: skip
    other_key: Condition = {"StringNotEqualsIfExists": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key_arn}}
    return [
        Statement("OnlyKms", ["s3:PutObject"], objects, effect="Deny", everybody=True, condition=unencrypted),
        Statement("OnlyOwnKey", ["s3:PutObject"], objects, effect="Deny", everybody=True, condition=other_key),
    ]


def _add_access_log(stack: Stack, logged: dict[str, str], *made_here: Bucket) -> None:
    """The access log of `logged` (prefix -> bucket name). S3 can neither write it with a KMS key nor under a lock."""
    cluster = stack.cluster
    target_name = access_log_bucket(cluster.name, cluster.account_id)
    from_ours: Condition = {
        "ArnLike": {"aws:SourceArn": [f"arn:aws:s3:::{bucket_name}" for bucket_name in logged.values()]},
        "StringEquals": {"aws:SourceAccount": cluster.account_id},
    }
    writes = Statement(
        "AccessLogs", ["s3:PutObject"], [f"arn:aws:s3:::{target_name}/*"], service="logging.s3.amazonaws.com", condition=from_ours,
    )  # fmt: skip
    target = add_bucket(
        stack, "access-logs", bucket_name=target_name, key_arn=None, old_versions_days=30, expire_days=ACCESS_LOG_DAYS, statements=[writes],
    )  # fmt: skip
    for prefix, bucket_name in logged.items():
        stack.add(
            "aws_s3_bucket_logging", prefix,
            bucket=bucket_name, target_bucket=target.bucket["id"], target_prefix=f"{prefix}/", depends_on=[made.bucket for made in made_here],
        )  # fmt: skip
