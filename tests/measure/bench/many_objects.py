"""A platform large enough to render ten thousand objects: the committed one with its tenants repeated under other names."""

from __future__ import annotations

import itertools
import string
from pathlib import Path

from clusters import cluster_tree
from tidegate.facts import inventory
from tidegate.facts.platform import Platform
from tidegate.manifests.tree import RenderedObject

OBJECTS = 10_000


def large_platform(root: Path, tenants: int) -> Platform:
    """One cluster of `root` with `tenants` tenants, each a copy of a committed one; nobody calls another.

    One, because kustomize refuses two objects of one name, and both clusters have the same names.
    """
    committed = inventory.load(root)
    patterns = itertools.cycle(committed.tenants.values())
    letters = itertools.product(string.ascii_lowercase, repeat=3)
    copies = {
        name: pattern.model_copy(update={"name": name, "callers": tuple(caller for caller in pattern.callers if caller.subject)})
        for name, pattern in zip((f"team-{''.join(three)}" for three in itertools.islice(letters, tenants)), patterns, strict=False)
    }
    one = sorted(committed.clusters)[0]
    return Platform({one: committed.clusters[one]}, copies)


def render_objects(platform: Platform) -> list[RenderedObject]:
    """The first `OBJECTS` objects of a platform; raises `ValueError` when it has fewer."""
    # The tenants' own only: some of the platform's hold a rule per tenant, and Istio allows 512 in one object.
    distinct = (one for one in cluster_tree.objects(platform) if "/team-" in one.folder)
    objects = list(itertools.islice(distinct, OBJECTS))
    if len(objects) < OBJECTS:
        raise ValueError(f"the platform has {len(objects)} objects only; ask for more tenants")
    return objects
