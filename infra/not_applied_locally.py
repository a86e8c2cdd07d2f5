"""What the emulated AWS cannot take, and why. Nothing else is ever left out of a local apply.

Each entry stays in the production stacks and is checked by `terraform validate`; in emulated mode it is not
synthesised, and a stack that refers to it is refused. Reasons are observations of moto 5.2.5, started with AWS's managed
policies (`MOTO_IAM_LOAD_MANAGED_POLICIES=true`), which the roles attach.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NotApplied:
    """One resource type of one stack that the emulator lacks."""

    stack: str
    type: str
    reason: str


NOT_APPLIED_STACKS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "bootstrap": (
        "needs a Kubernetes API server behind EKS, which the emulator has not",
        (("helm_release", "argocd"), ("helm_release", "bootstrap")),
    ),
}
"""Whole stacks: name -> the reason, and the type and name of each resource."""

_NO_CONDITIONS = "moto ignores a bucket policy's conditions, so `deny unless TLS` would deny everybody"
_NO_EXPIRY = "moto never expires an object, and the provider waits 55 s until the rules have settled"

NOT_APPLIED: tuple[NotApplied, ...] = (
    NotApplied("state", "aws_s3_bucket_policy", _NO_CONDITIONS),
    NotApplied("state", "aws_s3_bucket_lifecycle_configuration", _NO_EXPIRY),
    NotApplied("registry", "aws_s3_bucket_policy", _NO_CONDITIONS),
    NotApplied("registry", "aws_s3_bucket_lifecycle_configuration", _NO_EXPIRY),
    NotApplied("registry", "aws_s3_bucket_logging", "needs the bucket policy above, which lets S3 write the log"),
    NotApplied("cluster", "aws_eks_addon", "moto's EKS has no add-ons"),
    NotApplied("cluster", "aws_eks_access_entry", "moto's EKS has no access entries"),
    NotApplied("cluster", "aws_eks_access_policy_association", "moto's EKS has no access entries"),
    NotApplied("accelerators", "aws_eks_access_entry", "moto's EKS has no access entries"),
    NotApplied("accelerators", "aws_eks_pod_identity_association", "moto's EKS has no pod identities"),
    NotApplied("accelerators", "aws_ec2_tag", "moto's EKS makes no security group to tag"),
    NotApplied("identity", "aws_eks_pod_identity_association", "moto's EKS has no pod identities"),
    NotApplied("edge", "aws_eks_pod_identity_association", "moto's EKS has no pod identities"),
)


@dataclass(frozen=True, slots=True)
class NotKept:
    """Attributes that the emulator takes and forgets, or makes up: sent, but their drift is not looked at locally."""

    stack: str
    type: str
    attributes: tuple[str, ...]
    """As Terraform's `ignore_changes` names them."""
    reason: str


NOT_KEPT: tuple[NotKept, ...] = (
    NotKept(
        "cluster", "aws_eks_cluster", ("access_config",),
        "moto's EKS answers without it, and the provider would replace the cluster",
    ),
    NotKept("cluster", "aws_launch_template", ("tag_specifications",), "moto counts the template's own tags among its instances'"),
    NotKept("cluster", "aws_eks_node_group", ("remote_access", "update_config"), "moto's EKS makes up an SSH key and forgets the update setting"),
    NotKept("replication", "aws_s3_bucket_replication_configuration", ("rule[0].source_selection_criteria",), "moto's S3 answers without it"),
)  # fmt: skip


def reason_for(stack: str, resource_type: str) -> str | None:
    """Why `resource_type` of `stack` is not applied locally; None when it is."""
    for entry in NOT_APPLIED:
        if (entry.stack, entry.type) == (stack, resource_type):
            return entry.reason
    return None


def forgotten_attributes(stack: str, resource_type: str) -> list[str]:
    """The attributes of `resource_type` of `stack` that the emulator does not keep."""
    return [name for entry in NOT_KEPT if (entry.stack, entry.type) == (stack, resource_type) for name in entry.attributes]
