"""Which tenants may call which inside one cluster's mesh."""

from __future__ import annotations

from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant


def callers_of(platform: Platform, cluster: str, tenant: Tenant) -> list[Tenant]:
    """The tenants that may call `tenant` and run in `cluster`, by name."""
    allowed = {caller.tenant for caller in tenant.callers if caller.tenant}
    return [other for other in platform.tenants_of(cluster) if other.name in allowed]


def called_by(platform: Platform, cluster: str, tenant: Tenant) -> list[Tenant]:
    """The tenants in `cluster` that `tenant` may call, by name."""
    return [other for other in platform.tenants_of(cluster) if any(caller.tenant == tenant.name for caller in other.callers)]
