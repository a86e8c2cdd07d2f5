"""A KMS key with rotation and an alias."""

from __future__ import annotations

from infra.constructs.policy import Statement, account_administers_key, policy
from infra.constructs.stack import Resource, Stack, key_alias


def add_key(stack: Stack, name: str, purpose: str, *users: Statement) -> Resource:
    """A key for one purpose, rotated once a year (AWS's default). `users` are key-policy statements for services; roles get theirs from IAM.

    Deleting takes 30 days, the longest AWS offers, because data without its key is lost; in the emulator the 7 days
    that AWS allows at least.
    """
    key = stack.add(
        "aws_kms_key", name,
        description=f"{stack.cluster.name}: {purpose}",
        enable_key_rotation=True,
        deletion_window_in_days=7 if stack.target.is_emulated else 30,
        policy=policy(account_administers_key(stack.cluster), *users),
        tags={"Name": f"{stack.cluster.name}-{name}"},
        lifecycle=stack.keep(),
    )  # fmt: skip
    stack.add("aws_kms_alias", name, name=key_alias(stack.cluster, name), target_key_id=key["key_id"])
    return key
