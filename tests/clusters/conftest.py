"""The committed inventory, what it renders to, and the schemas (read once with Go, then from a cache)."""

from __future__ import annotations

from typing import Any

import pytest

from clusters import cluster_tree
from tests.clusters.selection import Select
from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.facts.platform import Platform
from tidegate.manifests.schemas import SchemaSet
from tidegate.manifests.tree import RenderedObject
from tidegate.repository.schemas import load_schemas


@pytest.fixture(scope="session")
def platform() -> Platform:
    return inventory.load(ROOT)


@pytest.fixture(scope="session")
def rendered(platform: Platform) -> list[RenderedObject]:
    return list(cluster_tree.objects(platform))


@pytest.fixture(scope="session")
def select(rendered: list[RenderedObject]) -> Select:
    """Objects of a folder, by kind and name where given."""

    def select_objects(folder: str, kind: str | None = None, name: str | None = None) -> list[Any]:
        return [
            each.manifest
            for each in rendered
            if each.folder == folder and kind in {None, each.manifest["kind"]} and name in {None, each.manifest["metadata"]["name"]}  # pyright: ignore[reportIndexIssue] - every object has metadata
        ]

    return select_objects


@pytest.fixture(scope="session")
def schemas() -> SchemaSet:
    return load_schemas()
