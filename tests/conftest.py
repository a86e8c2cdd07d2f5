"""What holds for the whole run: the longest tests begin first, so that they end with the others."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("emulator") is None)
