"""A platform large enough to render ten thousand objects: the committed one with its tenants repeated under other names."""

from __future__ import annotations

import itertools
from pathlib import Path

from clusters import cluster_tree
from tidegate import inventory
from tidegate.manifests.tree import RenderedObject
from tidegate.model.platform import Platform

OBJECTS = 10_000


def large_platform(root: Path, tenants: int) -> Platform:
    """The platform of `root` with `tenants` tenants, each a copy of a committed one; nobody calls another."""
    committed = inventory.load(root)
    patterns = itertools.cycle(committed.tenants.values())
    copies = {
        f"team-{number:04d}": pattern.model_copy(
            update={"name": f"team-{number:04d}", "callers": tuple(caller for caller in pattern.callers if caller.subject)}
        )
        for number, pattern in zip(range(tenants), patterns, strict=False)
    }
    return Platform(committed.clusters, copies)


def render_objects(platform: Platform) -> list[RenderedObject]:
    """The first `OBJECTS` objects of a platform; raises `ValueError` when it has fewer."""
    objects = list(itertools.islice(cluster_tree.objects(platform), OBJECTS))
    if len(objects) < OBJECTS:
        raise ValueError(f"the platform has {len(objects)} objects only; ask for more tenants")
    return objects
