"""Which tests without regions begin first: a file of long tests that began last would keep one worker busy and leave the other idle."""

from __future__ import annotations

import pytest

MARKERS = ("emulator", "apiserver", "terraform")
"""Of tests that take long, the longest first."""


def urgency(item: pytest.Item) -> int:
    """The key to sort tests by. pytest-xdist keeps the order with `--no-loadscope-reorder` only."""
    return next((place for place, name in enumerate(MARKERS) if item.get_closest_marker(name)), len(MARKERS))
