"""Replicas as processes of the simulated region: killed without a last word, paused without knowing it, started again under another name."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Awaitable, Callable

from clusters.workloads.release_controller.replica import Replica
from clusters.workloads.release_controller.server_time import ServerTime
from clusters.workloads.release_controller.settings import Settings, Terms
from tests.clusters.workloads.release_controller.simulated_api import BEGIN, Connection, SimulatedServer
from tests.clusters.workloads.release_controller.simulated_region import CONTROLLER, Region
from tests.clusters.workloads.release_controller.told import Told
from tests.tidegate.release.world import Kind

NAMESPACE = "release-controller"
Meet = Callable[["Process", str, str, str], Awaitable[None]]


class Process:
    """A pod's container: when its process dies, another one is started."""

    def __init__(self, region: Region, told: Told, pod: str, meet: Meet | None = None, terms: Terms | None = None) -> None:
        self.region, self.told, self.pod, self.meet, self.terms = region, told, pod, meet, terms or Terms()
        self.starts = 0
        self.writes: list[str] = []
        self.ahead = 0.0
        """What its own wall clock is wrong by."""

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self.starts += 1
        clock = ServerTime(loop.time, lambda: BEGIN.timestamp() + loop.time() + self.ahead)
        self.connection = Connection(self.region.server, CONTROLLER, clock.heard)
        self.connection.meet = self._meet
        settings = Settings(NAMESPACE, f"{self.pod}-{self.starts}", self.terms)
        self.replica = Replica(self.connection, settings, self.told.sources(), clock, loop.time)
        self.task = asyncio.create_task(self.replica.run(), name=settings.identity)
        self.task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and not self.connection.is_dead:
            self.region.wrong.append(f"{task.get_name()} ended by itself: {task.exception()!r}")

    async def _meet(self, when: str, method: str, path: str) -> None:
        if not path.endswith(("/leases", "/leases/release-controller", "/events")):
            if when == "before":
                self.writes.append(f"{method} {path}")
            if self.meet:
                await self.meet(self, when, method, path)

    def kill(self) -> None:
        """As the kernel does it: nothing more of it reaches the server."""
        self.connection.is_dead = True
        self.task.cancel()

    async def die(self, again_after: float) -> None:
        """Ends itself in the middle of a write; the kubelet starts it again."""
        self.kill()
        asyncio.get_running_loop().call_later(again_after, self.start)
        await asyncio.sleep(1_000_000)

    async def end(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task


@contextlib.asynccontextmanager
async def region(kinds: dict[int, Kind], seed: int = 1, *, faults: bool = False) -> AsyncGenerator[Region]:
    """A region with version 1 promoted and version 2 wanted, which lives."""
    chance = random.Random(seed)
    made = Region(SimulatedServer(chance), dict(kinds), chance, faults)
    made.begin()
    living = asyncio.create_task(made.live())
    yield made
    living.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await living


async def until(what: Callable[[], bool], seconds: float, region: Region) -> None:
    """Waits until something is so; nothing may be wrong meanwhile."""
    end = asyncio.get_running_loop().time() + seconds
    while not what():
        assert not region.wrong, "\n".join([*region.wrong, *region.account.log[-25:]])
        assert asyncio.get_running_loop().time() < end, f"not so after {seconds} s: {region.status}\n{region.route}\n" + "\n".join(
            region.account.log[-25:]
        )
        await asyncio.sleep(0.5)
    assert not region.wrong, "\n".join([*region.wrong, *region.account.log[-25:]])
