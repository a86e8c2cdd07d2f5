"""Whether each tenant's namespace has its whole fence. A rule sees one object and cannot miss another; this one counts them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidegate.errors import Finding
from tidegate.facts.platform import Platform, tenant_source
from tidegate.manifests.layout import RENDERED, tenant_folder
from tidegate.manifests.placed import Placed, items
from tidegate.manifests.tree import RENDER_COMMAND

RULE = "require-tenant-fence"


def fence_findings(platform: Platform, cluster: str, objects: Sequence[Placed]) -> Iterator[Finding]:
    """A finding for each part of a fence that a tenant of `cluster` lacks among the cluster's `objects`."""
    own: dict[str, list[Placed]] = {}
    for placed in objects:
        if placed.tenant_namespace:
            own.setdefault(placed.tenant_namespace, []).append(placed)
    for tenant in platform.tenants_of(cluster):
        found = own.get(tenant.namespace_name, [])
        for part, there in (
            ("NetworkPolicy that refuses all traffic by default", any(_denies_all(placed) for placed in found)),
            ("AuthorizationPolicy that allows named callers only", any(_allows_named(placed) for placed in found)),
            ("PeerAuthentication", any(placed.kind == "PeerAuthentication" for placed in found)),
            ("ResourceQuota", any(placed.kind == "ResourceQuota" for placed in found)),
        ):
            if not there:
                folder = f"{RENDERED}/{tenant_folder(cluster, tenant.name)}"
                yield Finding(
                    folder, "", RULE, f"namespace {tenant.namespace_name} has no {part}",
                    f"run `{RENDER_COMMAND}`, which writes it from {tenant_source(tenant.name)}",
                )  # fmt: skip


def _denies_all(placed: Placed) -> bool:
    spec = placed.spec
    opened = items(spec.get("ingress")) or items(spec.get("egress"))
    return (
        placed.kind == "NetworkPolicy"
        and spec.get("podSelector") == {}
        and not opened
        and set(items(spec.get("policyTypes"))) == {"Ingress", "Egress"}
    )


def _allows_named(placed: Placed) -> bool:
    return placed.kind == "AuthorizationPolicy" and placed.spec.get("action", "ALLOW") == "ALLOW" and "selector" not in placed.spec
