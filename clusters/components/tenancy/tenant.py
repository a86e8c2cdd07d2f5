"""A tenant's namespace, its quota and limits, and the accounts that act in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from clusters.objects.placement import resource_name
from clusters.objects.wire_form import to_wire
from tidegate.facts import names, numerals
from tidegate.facts.cluster import Cluster
from tidegate.facts.tenant import QUEUE_PROXY, Tenant, replica_parts
from tidegate.facts.tombstone import removal_role
from tidegate.manifests.yaml_text import Manifest

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import LimitRangeArgsDict, NamespaceArgsDict, ResourceQuotaArgsDict, ServiceAccountArgsDict
    from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict
    from pulumi_kubernetes.rbac.v1 import PolicyRuleArgsDict, RoleArgsDict, RoleBindingArgsDict

CONFIRM_DELETION = {"argocd.argoproj.io/sync-options": "Prune=confirm,Delete=confirm"}
"""Argo CD asks a person before it deletes the object: a vanished file must not take a tenant with it."""

CONTAINER_DEFAULT = {"cpu": "500m", "memory": "256Mi"}
"""Limits of a container that names none, such as Knative's queue-proxy."""

CONTAINER_DEFAULT_REQUEST = {"cpu": numerals.cpu(QUEUE_PROXY.cpu), "memory": numerals.memory(QUEUE_PROXY.memory_gib)}
"""Requests of such a container; quotas and nodes are reckoned with them."""

LARGEST_SIDECAR_CPU, LARGEST_SIDECAR_MEMORY_GIB = 2.0, 1.0
"""Limits of Istio's proxy in its chart (2 cores, 1 GiB); KServe's storage initializer stays below."""


def guard_rails(cluster: Cluster, tenant: Tenant) -> Iterator[Manifest]:
    """Namespace, ResourceQuota, LimitRange, ServiceAccounts and the rights of Argo CD's account."""
    namespace, labels = tenant.namespace_name, names.tenant_labels(tenant.name, tenant.tier)
    yield to_wire(_namespace(cluster, tenant))
    quota: ResourceQuotaArgsDict = {
        "api_version": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "quota", "namespace": namespace, "labels": labels},
        "spec": {"hard": _hard(cluster, tenant)},
    }
    yield to_wire(quota)
    yield to_wire(_limit_range(tenant))
    for account in ("default", names.serving_service_account(tenant.name), names.deploy_service_account(tenant.name)):
        service_account: ServiceAccountArgsDict = {
            "api_version": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": account, "namespace": namespace, "labels": labels},
            "automount_service_account_token": False,
        }
        yield to_wire(service_account)
    yield from _deploy_rights(tenant)


def _namespace(cluster: Cluster, tenant: Tenant) -> NamespaceArgsDict:
    version = f"v{cluster.kubernetes_version}"
    return {
        "api_version": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": tenant.namespace_name,
            "labels": {**names.tenant_labels(tenant.name, tenant.tier), "istio-injection": "enabled", **pod_security_labels(version)},
            "annotations": {
                names.ANNOTATION_OWNERS: ",".join(tenant.owners),
                names.ANNOTATION_BUDGET: numerals.decimal(tenant.budget_usd_per_month),
                **CONFIRM_DELETION,
            },
        },
    }


def pod_security_labels(version: str, level: str = "restricted") -> dict[str, str]:
    """Pod Security `level`, pinned, so that a newer API server does not tighten it unannounced.

    Sidecars must come through Istio's CNI plugin: the istio-init container would need NET_ADMIN, which this refuses.
    """
    modes = ("enforce", "audit", "warn")
    prefix = "pod-security.kubernetes.io"
    return {f"{prefix}/{mode}{suffix}": value for mode in modes for suffix, value in (("", level), ("-version", version))}


def _hard(cluster: Cluster, tenant: Tenant) -> dict[str, str]:
    """Zero for everything the tenant has no share of: without it an extended resource is unlimited."""
    offered = {resource_name(pool) for pool in cluster.gpu_pools.values()}
    accelerators = {**dict.fromkeys(sorted(offered), 0), **tenant.quota.accelerators}
    return {
        "requests.cpu": numerals.cpu(tenant.quota.cpu),
        "requests.memory": numerals.memory(tenant.quota.memory_gib),
        "pods": numerals.count(tenant.quota.pods),
        **{f"requests.{name}": numerals.count(shares) for name, shares in sorted(accelerators.items())},
        "persistentvolumeclaims": "0",
        "services.loadbalancers": "0",
        "services.nodeports": "0",
    }


def _limit_range(tenant: Tenant) -> LimitRangeArgsDict:
    """The largest container is the largest any model declares, sidecars included; extended resources are the quota's matter."""
    models = tenant.models.values()
    cpu = max(2 * resources.cpu for model in models for _, _, resources in replica_parts(model))
    memory = max(resources.memory_gib for model in models for _, _, resources in replica_parts(model))
    return {
        "api_version": "v1",
        "kind": "LimitRange",
        "metadata": {
            "name": "containers",
            "namespace": tenant.namespace_name,
            "labels": names.tenant_labels(tenant.name, tenant.tier),
        },
        "spec": {
            "limits": [
                {
                    "type": "Container",
                    "default": CONTAINER_DEFAULT,
                    "default_request": CONTAINER_DEFAULT_REQUEST,
                    "max": {
                        "cpu": numerals.cpu(max(cpu, LARGEST_SIDECAR_CPU)),
                        "memory": numerals.memory(max(memory, LARGEST_SIDECAR_MEMORY_GIB)),
                    },
                }
            ]
        },
    }


def _deploy_rights(tenant: Tenant) -> Iterator[Manifest]:
    # No `delete`: only a tombstone gives it.
    verbs = ["get", "list", "watch", "create", "update", "patch"]
    rule: PolicyRuleArgsDict = {"api_groups": ["serving.kserve.io"], "resources": ["inferenceservices"], "verbs": verbs}
    yield from _rights(tenant, names.deploy_service_account(tenant.name), rule)


def removal_rights(tenant: Tenant, models: Sequence[str]) -> Iterator[Manifest]:
    """Lets Argo CD, which applies models as the tenant's own account, delete the `models` that have a tombstone (decision 0045)."""
    if models:
        rule: PolicyRuleArgsDict = {
            "api_groups": ["serving.kserve.io"],
            "resources": ["inferenceservices"],
            "resource_names": list(models),
            "verbs": ["delete"],
        }
        yield from _rights(tenant, removal_role(tenant.name), rule)


def _rights(tenant: Tenant, name: str, rule: PolicyRuleArgsDict) -> Iterator[Manifest]:
    """A Role of one rule, and its binding to the account that Argo CD applies the tenant's models as."""
    metadata: ObjectMetaArgsDict = {
        "name": name,
        "namespace": tenant.namespace_name,
        "labels": names.tenant_labels(tenant.name, tenant.tier),
    }
    role: RoleArgsDict = {"api_version": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": [rule]}
    yield to_wire(role)
    account = names.deploy_service_account(tenant.name)
    binding: RoleBindingArgsDict = {
        "api_version": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "role_ref": {"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": tenant.namespace_name}],
    }
    yield to_wire(binding)
