"""Tenants that would vanish: what a rendering would forget is compared with what the one before it left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from tidegate.errors import Finding
from tidegate.facts import names
from tidegate.facts.platform import Platform, tenant_source
from tidegate.facts.tombstone import Tombstone, tombstone_source
from tidegate.manifests.layout import delivery_folder
from tidegate.manifests.yaml_text import parse

RULE = "tenant-removed-without-tombstone"


def without_tombstone(platform: Platform, out: Path) -> list[Finding]:
    """A finding for each tenant that lives in the tree at `out` and has neither a file nor a tombstone for that cluster.

    Its Applications would vanish and leave everything they applied where it is, with nobody to look after it.
    """
    living: dict[str, list[str]] = {}
    for cluster in sorted(platform.clusters):
        buried = {tombstone.name for tombstone in platform.tombstones_of(cluster)}
        for tenant in set(_living(out / delivery_folder(cluster))) - platform.tenants.keys() - buried:
            living.setdefault(tenant, []).append(cluster)
    return [_finding(tenant, ", ".join(clusters), platform.tombstones.get(tenant)) for tenant, clusters in sorted(living.items())]


def _finding(tenant: str, clusters: str, tombstone: Tombstone | None) -> Finding:
    problem = f"it would vanish from {clusters}, where nothing would then delete what it runs"
    if tombstone:
        listed = ", ".join(tombstone.clusters)
        return Finding(tombstone_source(tenant), "clusters", RULE, problem, f"add {clusters}", listed)
    remedy = f"put the file back and run `tidegate tenant remove {tenant}`, or write {tombstone_source(tenant)}"
    return Finding(tenant_source(tenant), "", RULE, problem, remedy)


def _living(folder: Path) -> Iterator[str]:
    """The tenants whose Application in `folder` is not one that deletes them."""
    prefix = f"application-{names.tenant_application('')}"
    for path in folder.glob(f"{prefix}*.yaml"):
        if not _is_removal(path):
            yield path.stem.removeprefix(prefix)


def _is_removal(path: Path) -> bool:
    try:
        metadata = cast("dict[str, dict[str, str]]", parse(path.read_text(encoding="utf-8")).get("metadata") or {})
        return names.ANNOTATION_DELETION_APPROVED in (metadata.get("annotations") or {})
    except (ValueError, AttributeError):  # not what we wrote: whoever changed it has removed nobody
        return False
