"""The nodes that `--hosts` names."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from testinfra.host import Host

from tests.nodes.checks import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_node(host: Host, check: Callable[[Host], None]) -> None:
    check(host)
