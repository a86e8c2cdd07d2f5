"""A platform large enough to render ten thousand objects: the committed one with its tenants repeated under other names."""

from __future__ import annotations

import itertools
from pathlib import Path

from clusters import cluster_tree
from clusters.components import gpu_pools
from tidegate import inventory
from tidegate.manifests.tree import RenderedObject
from tidegate.model.platform import Platform

OBJECTS = 10_000


def large_platform(root: Path, tenants: int) -> Platform:
    """One cluster of `root` with `tenants` tenants, each a copy of a committed one; nobody calls another.

    One, because kustomize refuses two objects of one name, and both clusters have the same names.
    """
    committed = inventory.load(root)
    patterns = itertools.cycle(committed.tenants.values())
    copies = {
        f"team-{number:04d}": pattern.model_copy(
            update={"name": f"team-{number:04d}", "callers": tuple(caller for caller in pattern.callers if caller.subject)}
        )
        for number, pattern in zip(range(tenants), patterns, strict=False)
    }
    one = sorted(committed.clusters)[0]
    return Platform({one: committed.clusters[one]}, copies)


def render_objects(platform: Platform) -> list[RenderedObject]:
    """The first `OBJECTS` objects of a platform; raises `ValueError` when it has fewer."""
    # The pools for KWOK nodes have the names of the real ones, which kustomize would refuse as well.
    distinct = (one for one in cluster_tree.objects(platform) if not one.folder.endswith(f"/{gpu_pools.KWOK_COMPONENT}"))
    objects = list(itertools.islice(distinct, OBJECTS))
    if len(objects) < OBJECTS:
        raise ValueError(f"the platform has {len(objects)} objects only; ask for more tenants")
    return objects
