"""What holds for the whole run: the longest tests begin first, so that they end with the others, and every test is timed."""

from __future__ import annotations

import pytest

from tests.suite.longest_first import urgency
from tests.suite.times_plugin import TimesPlugin


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(TimesPlugin(), "times")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=urgency)
