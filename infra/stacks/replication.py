"""Copies of the models and audit buckets in the pair's region.

Here: what needs both regions' `registry` first: the rules, and the role S3 assumes to follow them. Not here: the buckets.
Each cluster has this stack, so both directions are set and either region may become the writing one; S3 does not copy a
copy, so there is no loop. Deletions are not copied: a mistake in one region leaves the other's copy alone.
"""

from __future__ import annotations

from infra.constructs.policy import Condition, Statement, service_trust
from infra.constructs.role import add_role
from infra.constructs.stack import Resource, Stack
from infra.outputs import RegistryOutputs

REPLICATION_MINUTES = 15
"""The only value S3's replication time control offers; a breach shows as a metric and counts against the RPO."""


def build(stack: Stack) -> None:
    """Adds the role and one rule per bucket."""
    own = stack.read(RegistryOutputs)
    other = stack.read(RegistryOutputs, stack.pair)
    role = _add_role(stack, own, other)
    for name, source, target, target_key in (
        ("models", own.models_bucket, other.models_bucket, other.models_key_arn),
        ("audit", own.audit_bucket, other.audit_bucket, other.audit_key_arn),
    ):
        stack.add(
            "aws_s3_bucket_replication_configuration", name,
            bucket=source,
            role=role["arn"],
            rule=[{
                "id": f"to-{stack.pair.name}", "status": "Enabled", "priority": 0, "filter": [{"prefix": ""}],
                "delete_marker_replication": [{"status": "Disabled"}],
                "source_selection_criteria": [{"sse_kms_encrypted_objects": [{"status": "Enabled"}]}],
                "destination": [{
                    "bucket": f"arn:aws:s3:::{target}", "storage_class": "STANDARD",
                    "encryption_configuration": [{"replica_kms_key_id": target_key}],
                    "replication_time": [{"status": "Enabled", "time": [{"minutes": REPLICATION_MINUTES}]}],
                    "metrics": [{"status": "Enabled", "event_threshold": [{"minutes": REPLICATION_MINUTES}]}],
                }],
            }],
        )  # fmt: skip


def _add_role(stack: Stack, own: RegistryOutputs, other: RegistryOutputs) -> Resource:
    cluster, pair = stack.cluster, stack.pair
    sources = [f"arn:aws:s3:::{bucket}" for bucket in (own.models_bucket, own.audit_bucket)]
    targets = [f"arn:aws:s3:::{bucket}/*" for bucket in (other.models_bucket, other.audit_bucket)]
    read_objects = [
        "s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging", "s3:GetObjectRetention", "s3:GetObjectLegalHold",
    ]  # fmt: skip
    statements = [
        Statement("ReadConfiguration", ["s3:GetReplicationConfiguration", "s3:ListBucket"], sources),
        Statement("ReadObjects", read_objects, [f"{arn}/*" for arn in sources]),
        Statement("WriteCopies", ["s3:ReplicateObject", "s3:ReplicateTags"], targets),
        Statement("Decrypt", ["kms:Decrypt"], [own.models_key_arn, own.audit_key_arn], condition=_through_s3(cluster.region)),
        Statement(
            "Encrypt",
            ["kms:Encrypt", "kms:GenerateDataKey"],
            [other.models_key_arn, other.audit_key_arn],
            condition=_through_s3(pair.region),
        ),
    ]
    ours: Condition = {"StringEquals": {"aws:SourceAccount": cluster.account_id}, "ArnLike": {"aws:SourceArn": sources}}
    return add_role(
        stack, "replication", role_name=f"{cluster.name}-replication", trust=service_trust("s3.amazonaws.com", ours),
        allows={"replicate": statements},
    )  # fmt: skip


def _through_s3(region: str) -> Condition:
    return {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}
