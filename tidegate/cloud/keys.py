"""How one resource is distinguished from another of its type: by the id that `terraform import` takes for it.

The same key is made from what the account lists (`listing`), from state, and from configuration once its references are
known (`adoption`), so that the three can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

Attributes = Mapping[str, object]


def _joined(separator: str, *fields: str) -> Callable[[Attributes], str]:
    return lambda attributes: separator.join(str(attributes[field]) for field in fields)


_FIELDS: dict[str, Callable[[Attributes], str]] = {
    "aws_cloudwatch_event_rule": _joined("/", "name"),
    "aws_cloudwatch_event_target": _joined("/", "rule", "target_id"),
    "aws_cloudwatch_log_group": _joined("/", "name"),
    "aws_eks_cluster": _joined("/", "name"),
    "aws_eks_node_group": _joined(":", "cluster_name", "node_group_name"),
    "aws_iam_instance_profile": _joined("/", "name"),
    "aws_iam_role": _joined("/", "name"),
    "aws_iam_role_policy": _joined(":", "role", "name"),
    "aws_iam_role_policy_attachment": _joined("/", "role", "policy_arn"),
    "aws_kms_alias": _joined("/", "name"),
    "aws_route": _joined("_", "route_table_id", "destination_cidr_block"),
    "aws_route53_record": lambda a: "_".join(str(a[f]) for f in ("zone_id", "name", "type", "set_identifier") if a.get(f)),
    "aws_route_table_association": _joined("/", "subnet_id", "route_table_id"),
    "aws_s3_bucket": _joined("/", "bucket"),
}
"""Types whose import id is made of their own arguments; every `aws_s3_bucket_*` goes by its bucket."""


def key_of(resource_type: str, attributes: Attributes) -> str:
    """The key of a resource with these attributes; its `id` where the provider or the cloud chose one.

    Raises `KeyError` when an attribute that makes the key is absent.
    """
    if resource_type.startswith("aws_s3_bucket_"):
        return str(attributes["bucket"])
    make = _FIELDS.get(resource_type)
    return make(attributes) if make else str(attributes["id"])


def is_named_by_arguments(resource_type: str) -> bool:
    """Whether the key is known before the resource exists."""
    return resource_type.startswith("aws_s3_bucket_") or resource_type in _FIELDS
