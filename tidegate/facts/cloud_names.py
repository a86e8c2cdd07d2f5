"""Names in the cloud: buckets, stacks and roles. One place, because Terraform makes them and clusters refer to them."""

from __future__ import annotations

from tidegate.facts.names import MODEL_REGISTRY_URI


def in_models_bucket(uri: str, cluster: str, account_id: str) -> str:
    """`uri` as a cluster reads it: from its own region's bucket, so that the other region may be gone."""
    if not uri.startswith(MODEL_REGISTRY_URI):
        return uri
    return f"s3://{models_bucket(cluster, account_id)}/{uri.removeprefix(MODEL_REGISTRY_URI)}"


def models_bucket(cluster: str, account_id: str) -> str:
    """The model registry bucket of a cluster; the account keeps it unique among all of S3."""
    return f"tidegate-{cluster}-models-{account_id}"


def audit_bucket(cluster: str, account_id: str) -> str:
    """The audit bucket of a cluster."""
    return f"tidegate-{cluster}-audit-{account_id}"


def state_bucket(cluster: str, account_id: str) -> str:
    """The bucket holding the Terraform state of a cluster's stacks."""
    return f"tidegate-{cluster}-state-{account_id}"


def stack(cluster: str, stack_name: str) -> str:
    """The name of a stack and of its state: `<cluster>-<stack>`."""
    return f"{cluster}-{stack_name}"


def tenant_role(cluster: str, tenant: str) -> str:
    """The IAM role of a tenant's models in one cluster; at most IAM's 64 characters."""
    return f"{cluster}-tenant-{tenant}"
