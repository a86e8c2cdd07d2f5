"""The process is killed before and after each write of a release, and paused for a minute at it: users get no more than was approved, and it ends."""

from __future__ import annotations

import asyncio

import pytest

from tests.clusters.workloads.release_controller import virtual_time
from tests.clusters.workloads.release_controller.processes import Process, region, until
from tests.clusters.workloads.release_controller.simulated_region import is_settled
from tests.clusters.workloads.release_controller.told import Told
from tests.root import WHOLE
from tests.tidegate.release.world import Kind

KINDS = (Kind.GOOD, Kind.ERRORING)
EVERY = 1 if WHOLE else 6
PAUSE_SECONDS = 60.0


def play(kind: Kind, when: str, number: int, fate: str) -> int:
    """A release with one fate at one write; how many writes there were."""

    async def meet(process: Process, at: str, _method: str, _path: str) -> None:
        done = sum(len(one.writes) for one in both)
        if at == when and done == number and not met:
            met.append(at)
            if fate == "killed":
                await process.die(again_after=2)
            # The lease is found to be held, the process stops, another one takes over, and the write goes out all the same.
            await asyncio.sleep(PAUSE_SECONDS)

    async def run() -> int:
        async with region({1: Kind.GOOD, 2: kind}, number) as there:
            both.extend(Process(there, Told(there), pod, meet) for pod in ("one", "other"))
            for one in both:
                one.start()
            await until(lambda: is_settled(there), 3000, there)
            for one in both:
                await one.end()
            return sum(len(one.writes) for one in both)

    both: list[Process] = []
    met: list[str] = []
    return virtual_time.run(run())


@pytest.mark.parametrize("fate", ["killed", "paused"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", KINDS)
def test_at_any_write(kind: Kind, when: str, fate: str) -> None:
    total = play(kind, when, 0, fate)
    assert total > 10
    for number in range(1, total + 1, EVERY):
        play(kind, when, number, fate)
