"""A checkout with a build of its own, and what it asks of the go command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tidegate.embedded.builds.scratch_builds import scratch_checkout, watch_go
from tidegate.checkout import Checkout


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    return scratch_checkout(tmp_path, monkeypatch)


@pytest.fixture
def go_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """What was asked of the go command since."""
    log = watch_go(tmp_path, monkeypatch)
    return lambda: log.read_text().split()
