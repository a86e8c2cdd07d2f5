"""Who the pods are to AWS: one role per tenant, and the platform's own.

Here: the tenants' right to read their own models, and Vault's right to unseal. Not here: Karpenter's rights
(`accelerators`), external-dns' (`edge`), people's (`cluster`). A tenant's policy names its prefix with the slash, so that
`team-1` never reaches `team-10`. Secrets never pass through here: they are Vault's (decision 0010).
"""

from __future__ import annotations

from infra.constructs.bucket import bucket_arn
from infra.constructs.policy import Condition, Statement
from infra.constructs.role import add_pod_role
from infra.constructs.stack import Stack
from infra.outputs import ClusterOutputs, IdentityOutputs, RegistryOutputs
from tidegate.facts import cloud_names, names
from tidegate.facts.tenant import Tenant

VAULT_SERVICE_ACCOUNT = "vault"


def build(stack: Stack) -> None:
    """Adds a role per tenant of the cluster, and Vault's."""
    cluster = stack.read(ClusterOutputs)
    registry = stack.read(RegistryOutputs)
    for tenant in stack.platform.tenants_of(stack.cluster.name):
        add_pod_role(
            stack, f"tenant-{tenant.name}",
            role_name=cloud_names.tenant_role(stack.cluster.name, tenant.name),
            namespace=tenant.namespace_name,
            service_account=names.serving_service_account(tenant.name),
            cluster_name=cluster.cluster_name,
            allows={"read-own-models": read_own_models(stack, tenant, registry.models_key_arn)},
        )  # fmt: skip
    stack.publish(IdentityOutputs(vault_role_arn=_add_vault(stack, cluster)))


def read_own_models(stack: Stack, tenant: Tenant, key_arn: str) -> list[Statement]:
    """What a tenant's models may do: list and read below `<tenant>/` in the models bucket of their cluster."""
    bucket = bucket_arn(cloud_names.models_bucket(stack.cluster.name, stack.cluster.account_id))
    prefix = f"{tenant.name}/"
    through_s3: Condition = {"StringEquals": {"kms:ViaService": f"s3.{stack.cluster.region}.amazonaws.com"}}
    return [
        Statement("ListOwn", ["s3:ListBucket"], [bucket], condition={"StringLike": {"s3:prefix": [f"{prefix}*"]}}),
        Statement("ReadOwn", ["s3:GetObject", "s3:GetObjectVersion"], [f"{bucket}/{prefix}*"]),
        Statement("DecryptModels", ["kms:Decrypt"], [key_arn], condition=through_s3),
    ]


def _add_vault(stack: Stack, cluster: ClusterOutputs) -> str:
    """Vault's right to unseal itself after a restart, with the key that `cluster` keeps; returns the role's ARN."""
    unseal = Statement("Unseal", ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"], [cluster.vault_unseal_key_arn])
    role = add_pod_role(
        stack, "vault", role_name=f"{stack.cluster.name}-vault", namespace=names.NAMESPACE_VAULT, service_account=VAULT_SERVICE_ACCOUNT,
        cluster_name=cluster.cluster_name, allows={"unseal": [unseal]},
    )  # fmt: skip
    return role["arn"]
