"""A registry for each test, and somebody who may push there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidegate.embedded.publishing.registry_server import RIGHT, Served, served


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """The registry, logged in."""
    with served(tmp_path) as found:
        monkeypatch.setenv("DOCKER_CONFIG", found.log_in(RIGHT)["DOCKER_CONFIG"])
        yield found
