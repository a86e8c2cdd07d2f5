"""Moves a tenant from `gitops/tenants` to `gitops/tombstones`, or changes nothing at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tidegate.checkout import Checkout
from tidegate.errors import UsageError
from tidegate.facts import inventory
from tidegate.facts.platform import tenant_source
from tidegate.facts.tombstone import tombstone_source
from tidegate.repository.tombstone_files import put, tombstone_text, tried


@dataclass(frozen=True, slots=True)
class Removal:
    """A tenant that was moved: the file that is gone and the one that was written, relative to the repository."""

    deleted: str
    written: str


def remove_tenant(checkout: Checkout, name: str, requested_by: str, reason: str, today: date) -> Removal:
    """Writes the tombstone of tenant `name` and deletes its file.

    Raises `UsageError` when there is no such tenant, `InventoryError` when the inventory is refused as it is, or would be
    without the tenant (somebody still names it as a caller), or would be with this tombstone; then nothing is changed.
    """
    platform = inventory.load(checkout.root)
    if name not in platform.tenants:
        raise UsageError(f"no tenant {name!r}; there are {', '.join(sorted(platform.tenants))}")
    tenant, earlier = platform.tenants[name], platform.tombstones.get(name)
    # Where it has left one cluster before, it is still to be gone from there.
    clusters = sorted({*tenant.clusters, *(earlier.clusters if earlier else ())})
    old, new = tenant_source(name), tombstone_source(name)
    changes = {new: tombstone_text(tenant, requested_by, reason, today, clusters=clusters), old: None}
    tried(checkout, changes)
    put(checkout, changes)
    return Removal(old, new)
