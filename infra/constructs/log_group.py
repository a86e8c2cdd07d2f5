"""A CloudWatch log group with a key and an end."""

from __future__ import annotations

from infra.constructs.stack import Resource, Stack

RETENTION_DAYS = 365
"""A year of operation; what must be kept longer goes to the audit bucket."""


def add_log_group(stack: Stack, name: str, *, log_group_name: str, key_arn: str) -> Resource:
    """A log group, encrypted with `key_arn` and emptied after `RETENTION_DAYS`."""
    return stack.add("aws_cloudwatch_log_group", name, name=log_group_name, retention_in_days=RETENTION_DAYS, kms_key_id=key_arn)
