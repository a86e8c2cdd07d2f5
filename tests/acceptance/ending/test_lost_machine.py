"""A region whose machine died, its disk with it, is back after `tidegate up`, and the other region serves meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.acceptance.edge_client import load
from tests.acceptance.lost_machine import Loss, lose, seeded
from tests.acceptance.running_platform import Running

pytestmark = [pytest.mark.timeout(1200), pytest.mark.soak]  # four and a half minutes for one machine


def test_machine_that_died_with_its_disk_comes_back(platform: Running, record_property: Callable[[str, object], None]) -> None:
    with load(platform, "live-1", "fraud/scorer", per_second=2) as seen:
        record_property("seconds", lose(platform, Loss("live-2", with_disk=True, pause_seconds=0)))
    assert not seen.bad


@pytest.mark.parametrize("seed", range(1, 21))
def test_machine_that_was_lost_comes_back(platform: Running, record_property: Callable[[str, object], None], seed: int) -> None:
    loss = seeded(seed)
    record_property("loss", f"{loss}")
    record_property("seconds", lose(platform, loss))
