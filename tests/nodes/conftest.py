"""These tests look at nodes somewhere else: `pytest tests/nodes --hosts=ssh://<node>`. Without a node there is nothing to run."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if collection_path.name.startswith("test_") and not config.option.hosts else None
