"""Tenancy: objects stay in their tenant's namespace, namespaces are fenced, nothing secret is in Git."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.errors import Finding
from tidegate.facts import names
from tidegate.manifests.placed import Placed, fields, fields_in, items


def require_own_namespace(placed: Placed) -> Iterator[Finding]:
    """In a tenant's folder everything is the tenant's: its Namespace or inside it."""
    if placed.tenant_namespace is None:
        return
    at, path = placed.metadata.get("namespace"), "metadata.namespace"
    if placed.kind == "Namespace":
        at, path = placed.metadata.get("name"), "metadata.name"
    if at is None:
        yield placed.finding("require-own-namespace", path, "a cluster-scoped object in a tenant's folder", "move it to a component")
    elif at != placed.tenant_namespace:
        yield placed.finding("require-own-namespace", path, "another namespace than the tenant's", f"use {placed.tenant_namespace}", at)


_TENANT_KINDS = {
    "": {"ConfigMap", "LimitRange", "Namespace", "ResourceQuota", "Service", "ServiceAccount"},
    "gateway.networking.k8s.io": {"ReferenceGrant"},
    "monitoring.coreos.com": {"PodMonitor"},
    "networking.istio.io": {"EnvoyFilter"},  # reaches the proxies of its own namespace alone
    "networking.k8s.io": {"NetworkPolicy"},
    "policy": {"PodDisruptionBudget"},
    "rbac.authorization.k8s.io": {"Role", "RoleBinding"},
    "security.istio.io": {"AuthorizationPolicy", "PeerAuthentication"},
    "serving.kserve.io": {"InferenceService"},
}


def limit_tenant_kinds(placed: Placed) -> Iterator[Finding]:
    """A tenant's folder is applied with the platform's rights, its models apart: an Application in it would choose any project."""
    group = str(placed.manifest.get("apiVersion", "")).rpartition("/")[0]
    if placed.tenant_namespace is not None and placed.kind not in _TENANT_KINDS.get(group, ()):
        yield placed.finding("limit-tenant-kinds", "kind", "not what a tenant's folder holds", "move it to a component", placed.kind)


def require_pod_security(placed: Placed) -> Iterator[Finding]:
    """Every namespace we make is `restricted`, at a version that does not move; only the GPU Operator's agents drive the node."""
    if placed.kind != "Namespace":
        return
    labels = fields(placed.metadata.get("labels"))
    level = "privileged" if placed.metadata.get("name") == names.NAMESPACE_GPU_OPERATOR else "restricted"
    for mode in ("enforce", "audit", "warn"):
        key = f"pod-security.kubernetes.io/{mode}"
        if labels.get(key) != level:
            yield placed.finding(
                "require-pod-security",
                f"metadata.labels[{key}]",
                f"the level is not {level}",
                f"set it to {level}",
                labels.get(key, ""),
            )
        if not str(labels.get(f"{key}-version", "")).startswith("v1."):
            at = f"metadata.labels[{key}-version]"
            yield placed.finding(
                "require-pod-security", at, "the level moves with the API server", "pin it, such as v1.35", labels.get(f"{key}-version", "")
            )


def require_extended_resource_default(placed: Placed) -> Iterator[Finding]:
    """A LimitRange that caps an extended resource and sets no default makes the API server refuse every other container."""
    if placed.kind != "LimitRange":
        return
    for index, limit in fields_in(placed.spec.get("limits")):
        for name in fields(limit.get("max")):
            missing = [field for field in ("default", "defaultRequest") if name not in fields(limit.get(field))]
            if "/" in name and missing:
                at = f"spec.limits[{index}].max[{name}]"
                yield placed.finding(
                    "require-extended-resource-default",
                    at,
                    f"no {' and '.join(missing)} for it",
                    "remove it; the quota caps extended resources",
                )


def forbid_secret(placed: Placed) -> Iterator[Finding]:
    """What is in Git has been published."""
    if placed.kind == "Secret":
        yield placed.finding("forbid-secret", "kind", "a Secret in rendered files", "let Vault deliver it", "Secret")


def forbid_role_wildcard(placed: Placed) -> Iterator[Finding]:
    """`*` also grants what does not exist yet."""
    if placed.kind not in {"Role", "ClusterRole"}:
        return
    for index, rule in fields_in(placed.manifest.get("rules")):
        for field in ("apiGroups", "resources", "verbs"):
            if "*" in items(rule.get(field)):
                yield placed.finding("forbid-role-wildcard", f"rules[{index}].{field}", "grants everything", "list what is needed", "*")


def forbid_dotted_service_account(placed: Placed) -> Iterator[Finding]:
    """Istio read dots in account names as a pattern (CVE-2026-39350)."""
    name = str(placed.metadata.get("name", ""))
    if placed.kind == "ServiceAccount" and "." in name:
        yield placed.finding("forbid-dotted-service-account", "metadata.name", "a dot matches any character in Istio", "use dashes", name)


RULES = (
    forbid_dotted_service_account,
    forbid_role_wildcard,
    forbid_secret,
    limit_tenant_kinds,
    require_extended_resource_default,
    require_own_namespace,
    require_pod_security,
)
