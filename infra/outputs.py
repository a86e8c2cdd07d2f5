"""The only channel between stacks: what each one exports and how another reads it.

A stack publishes one of the classes below as Terraform outputs; a reader gets the same class back, filled with
expressions over the producer's remote state. The field names are the output names, so both ends are checked by the
type checker. Every value is a Terraform expression or plain text; where a field is a list, it says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class NetworkOutputs:
    """What the others need of the VPC."""

    STACK: ClassVar[str] = "network"
    vpc_id: str
    private_subnet_ids: str
    """List of three, one per zone, in the order of the inventory."""
    log_key_arn: str
    """The KMS key of all CloudWatch log groups of the cluster."""


@dataclass(frozen=True, slots=True)
class ClusterOutputs:
    """What the others need of EKS."""

    STACK: ClassVar[str] = "cluster"
    cluster_name: str
    cluster_arn: str
    endpoint: str
    certificate_authority: str
    """Base64, as EKS gives it."""
    security_group_id: str
    """The group EKS makes for the control plane and its nodes."""
    oidc_provider_arn: str
    vault_unseal_key_arn: str


@dataclass(frozen=True, slots=True)
class AcceleratorsOutputs:
    """What the Karpenter add-on needs."""

    STACK: ClassVar[str] = "accelerators"
    instance_profile_name: str
    node_role_arn: str
    queue_name: str


@dataclass(frozen=True, slots=True)
class RegistryOutputs:
    """What the others need of the buckets."""

    STACK: ClassVar[str] = "registry"
    models_bucket: str
    models_key_arn: str
    audit_bucket: str
    audit_key_arn: str


@dataclass(frozen=True, slots=True)
class IdentityOutputs:
    """What the in-cluster platform needs of the identities."""

    STACK: ClassVar[str] = "identity"
    vault_role_arn: str


@dataclass(frozen=True, slots=True)
class EdgeOutputs:
    """What the secondary needs of the primary's DNS zone."""

    STACK: ClassVar[str] = "edge"
    zone_id: str


Outputs = NetworkOutputs | ClusterOutputs | AcceleratorsOutputs | RegistryOutputs | IdentityOutputs | EdgeOutputs
