"""One issuer for the tests that change nothing about it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clusters.embedded.issuer.running_issuer import Issuer, started


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    with started(tmp_path_factory.mktemp("m")) as running:
        yield running
