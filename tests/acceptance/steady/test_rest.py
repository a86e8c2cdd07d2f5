"""While nobody asks it anything the platform costs little; what it costs is in out/times.json, by machine and process."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.acceptance.running_platform import REGIONS, Running
from tests.suite import times
from tests.suite.rest import Rest, measure

LOOK_SECONDS, LOOKS = 45, 4
"""Argo CD's first round of comparisons may fall into a look; one that has settled within four is enough."""

MOST_MILLICORES_SOON, MOST_MIB = 450, 3600
"""Of a region right after its bring-up, with all tenants' models: pods settle, and what is at zero has just gone there."""

LONG_SECONDS = 600


def told(name: str, rest: Rest) -> None:
    times.add(rest={name: rest.model_dump(mode="json")})


def _cost(platform: Running) -> tuple[Rest, list[str]]:
    """A look, and the regions that cost too much in it."""
    rest = measure(platform.local, LOOK_SECONDS)
    found = {region: rest.machines[region] for region in REGIONS}
    return rest, [region for region, cost in found.items() if cost.millicores > MOST_MILLICORES_SOON or cost.mib > MOST_MIB]


@pytest.mark.touches(alone=True)
@pytest.mark.timeout(300)
def test_region_costs_little_soon_after_it_came_up(platform: Running, record_property: Callable[[str, object], None]) -> None:
    rest, costly = _cost(platform)
    for _ in range(LOOKS - 1):
        if not costly:
            break
        rest, costly = _cost(platform)
    told("soon", rest)
    record_property("millicores_and_mib", {region: (rest.machines[region].millicores, rest.machines[region].mib) for region in REGIONS})
    assert not costly, "\n".join(rest.lines())


@pytest.mark.soak
@pytest.mark.touches(alone=True)
@pytest.mark.timeout(1800)
def test_region_costs_a_fifth_of_a_core_at_rest(platform: Running, record_property: Callable[[str, object], None]) -> None:
    time.sleep(LONG_SECONDS)
    rest = measure(platform.local, LONG_SECONDS)
    told("at rest", rest)
    found = {region: (rest.machines[region].millicores, rest.machines[region].mib) for region in REGIONS}
    record_property("millicores_and_mib", found)
    assert all(millicores <= 200 and mib <= 2662 for millicores, mib in found.values()), found
