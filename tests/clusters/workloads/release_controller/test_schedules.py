"""Generated schedules of faults against the whole controller: at no write may users get what was not approved, and every release ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from unittest import mock

from clusters.workloads.release_controller.api import ApiError
from clusters.workloads.release_controller.lease import Lease
from tests.clusters.workloads.release_controller import virtual_time
from tests.clusters.workloads.release_controller.meddling import meddle, rest
from tests.clusters.workloads.release_controller.processes import Process, region, until
from tests.clusters.workloads.release_controller.simulated_region import is_settled
from tests.clusters.workloads.release_controller.told import Told
from tests.root import WHOLE
from tests.tidegate.release.world import Kind

SEEDS = 200 if WHOLE else 6
FAULTY_SECONDS, QUIET_SECONDS = 900, 6000


async def run(seed: int) -> None:
    chance = random.Random(seed)
    kinds = {1: Kind.GOOD, 2: chance.choice(list(Kind)), 3: chance.choice(list(Kind))}

    async def meet(process: Process, _when: str, _method: str, _path: str) -> None:
        fate = chance.random() if there.faults else 1.0
        if fate < 0.02:
            await asyncio.sleep(60)
        elif fate < 0.05:
            await process.die(again_after=chance.uniform(1, 5))

    async with region(kinds, seed, faults=True) as there:
        both = [Process(there, Told(there), pod, meet) for pod in ("one", "other")]
        for one in both:
            one.start()
        try:
            while there.now < FAULTY_SECONDS:
                await asyncio.sleep(chance.uniform(5, 120))
                meddle(there, both)
                assert not there.wrong
            rest(there)
            for one in both:
                one.ahead = 0.0
            await until(lambda: is_settled(there), QUIET_SECONDS, there)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, {kinds}: {error}\n" + "\n".join([*there.wrong, *there.account.log[-25:]])) from error
        finally:
            for one in both:
                one.kill()
            await asyncio.gather(*(one.task for one in both), return_exceptions=True)


def run_all(seeds: Iterable[int]) -> None:
    for seed in seeds:
        virtual_time.run(run(seed))


@contextmanager
def nobody_minds_the_lease() -> Generator[None]:
    """Both lead all the time."""

    async def held(lease: Lease) -> bool:
        lease.asked_at = asyncio.get_running_loop().time()
        with suppress(ApiError):
            await lease._read()  # pyright: ignore[reportPrivateUsage] - it hears what time it is
        return True

    with mock.patch.object(Lease, "_try", held), mock.patch.object(Lease, "is_held", return_value=True):
        yield


def test_nobody_gets_what_was_not_approved() -> None:
    run_all(range(SEEDS))


def test_not_even_from_two_that_both_lead() -> None:
    with nobody_minds_the_lease():
        run_all(range(1000, 1000 + SEEDS))
