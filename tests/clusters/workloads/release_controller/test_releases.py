"""The whole controller in a simulated region: a good version goes up by its steps, and no other gets further than it may."""

from __future__ import annotations

import pytest

from tests.clusters.workloads.release_controller import virtual_time
from tests.clusters.workloads.release_controller.processes import Process, region, until
from tests.clusters.workloads.release_controller.simulated_region import is_settled
from tests.clusters.workloads.release_controller.told import Told
from tests.tidegate.release.world import Kind, files
from tidegate.contracts.release import Phase


def test_good_version_goes_up_by_its_steps() -> None:
    async def play() -> list[int]:
        async with region({1: Kind.GOOD, 2: Kind.GOOD}) as there:
            one, other = (Process(there, Told(there), pod) for pod in ("one", "other"))
            one.start()
            other.start()
            await until(lambda: is_settled(there), 600, there)
            assert there.spec.promoted == files(2)
            assert not (one.writes and other.writes), "only who holds the lease writes"
            await one.end()
            await other.end()
            return there.shares

    shares = virtual_time.run(play())
    assert [share for at, share in enumerate(shares) if at == 0 or shares[at - 1] != share] == [0, 10, 25, 50, 100, 0]


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.GOOD])
def test_any_other_version_is_taken_back(kind: Kind) -> None:
    async def play() -> None:
        async with region({1: Kind.GOOD, 2: kind}) as there:
            one = Process(there, Told(there), "one")
            one.start()
            await until(lambda: is_settled(there), 3000, there)
            assert (there.spec.promoted, there.spec.wanted) == (files(1), files(1)), "the revert was proposed and merged"
            assert there.status.phase is Phase.STEADY
            assert max(there.shares) <= (0 if kind in {Kind.NEVER_READY, Kind.FAILS_SMOKE} else 10 if kind is Kind.ERRORING else 100)
            await one.end()

    virtual_time.run(play())
