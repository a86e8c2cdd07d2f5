"""The published merchants, and one pool for the tests that break nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clusters.workloads.dense_pool.published import Published, publish
from tests.clusters.workloads.dense_pool.running import EVERYTHING, Pool, running_pool
from tidegate.facts.models.dense_pool import PoolAccess

ACCESS = (
    *EVERYTHING,
    PoolAccess(subject="merchant-007-terminal", models=("merchant-007",)),
    PoolAccess(subject="chain-of-shops", models=("merchant-01*", "merchant-300")),
)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return publish(tmp_path_factory.mktemp("published") / "pool")


@pytest.fixture(scope="session")
def pool(published: Published, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    arguments = ["--requests-per-second-per-copy=20"]
    folder = tmp_path_factory.mktemp("pool")
    with running_pool(folder, published, pods=3, budget_bytes=256 << 20, access=ACCESS, placer_arguments=arguments) as running:
        yield running
