"""Which tenants may call which inside one cluster's mesh."""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant


def callers_of(platform: Platform, cluster: str, tenant: Tenant) -> list[Tenant]:
    """The tenants that may call `tenant` and run in `cluster`, by name."""
    return _in_cluster(platform, cluster, {caller.tenant for caller in tenant.callers if caller.tenant})


def called_by(platform: Platform, cluster: str, tenant: Tenant) -> list[Tenant]:
    """The tenants in `cluster` that `tenant` may call, by name."""
    return _in_cluster(platform, cluster, platform.callees.get(tenant.name, ()))


def _in_cluster(platform: Platform, cluster: str, names: Iterable[str]) -> list[Tenant]:
    found = [platform.tenants[name] for name in sorted(names) if name in platform.tenants]
    return [tenant for tenant in found if cluster in tenant.clusters]
