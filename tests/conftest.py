"""What holds for the whole run: the longest tests begin first, every test is timed, and a fault in Tidegate fails any test."""

from __future__ import annotations

import pytest

from tests.suite import unexpected_ends
from tests.suite.longest_first import urgency
from tests.suite.times_plugin import TimesPlugin


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(TimesPlugin(), "times")
    unexpected_ends.watch()
    config.pluginmanager.register(unexpected_ends.UnexpectedEnds(), "unexpected-ends")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=urgency)
