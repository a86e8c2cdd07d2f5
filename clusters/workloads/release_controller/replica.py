"""One replica: waits for the Lease; while it has it, watches and acts; begins again from nothing when it lost it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from clusters.workloads.release_controller.announce import Announcer
from clusters.workloads.release_controller.api import Api
from clusters.workloads.release_controller.kinds import WATCHED
from clusters.workloads.release_controller.known import Model
from clusters.workloads.release_controller.lease import Lease, LeaseLostError
from clusters.workloads.release_controller.reader import Reader
from clusters.workloads.release_controller.report import Leading, Looks, Report
from clusters.workloads.release_controller.schedule import Schedule
from clusters.workloads.release_controller.server_time import ServerTime
from clusters.workloads.release_controller.settings import Settings
from clusters.workloads.release_controller.sources import Sources
from clusters.workloads.release_controller.store import Store
from clusters.workloads.release_controller.turn import Parts, Turn
from clusters.workloads.release_controller.watch import Watch
from clusters.workloads.release_controller.write import Writer

logger = logging.getLogger(__name__)

SYNC_SECONDS = 0.1


class Replica:
    """One of two."""

    def __init__(self, api: Api, settings: Settings, sources: Sources, clock: ServerTime, monotonic: Callable[[], float]) -> None:
        self._api, self._settings, self._sources, self._clock, self._monotonic = api, settings, sources, clock, monotonic
        self.lease = Lease(api, settings, monotonic, clock.now)
        self.report = Report(lambda: self.lease.asked_at, monotonic)

    async def run(self) -> None:
        """Until it is cancelled; then the Lease is given up."""
        try:
            while True:
                await self.lease.acquire()
                try:
                    await self._lead()
                except LeaseLostError as lost:
                    logger.warning("%s", lost)
                self.report.leading = None
        finally:
            self.report.leading = None
            await self.lease.release()

    async def _lead(self) -> None:
        looks = Looks()
        announcer = Announcer(self._api, self.lease, self._clock.now)
        store = Store(self._settings.namespace)
        watches = tuple(Watch(self._api, kind, store, self._monotonic) for kind in WATCHED)
        turn = Turn(
            Parts(
                store, Reader(self._api, self._settings.namespace), Writer(self._api, self.lease, self._sources), self._sources, self._clock,
                announcer, lambda: next((why for one in watches if (why := one.why_blind())), ""),
            )
        )  # fmt: skip

        async def timed(model: Model) -> float | None:
            began = self._monotonic()
            try:
                return await turn.look(model)
            finally:
                looks.add(self._monotonic() - began)

        schedule = Schedule(timed, turn.failed, turn.is_urgent, self._monotonic)
        store.wake = schedule.wake
        self.report.leading = Leading(store, watches, schedule, announcer, looks)

        async def act() -> None:
            # Nothing is decided on half of what is there: an InferenceService that was not read yet looks like one that is gone.
            while any(one.age_seconds() == float("inf") for one in watches):
                schedule.turned_at = self._monotonic()
                await asyncio.sleep(SYNC_SECONDS)
            await schedule.run()

        await _first_to_end(self.lease.keep(), announcer.run(), act(), *(one.run() for one in watches))


async def _first_to_end(*works: Coroutine[Any, Any, None]) -> None:
    """Runs all until one ends, which ends all; raises what it raised."""
    tasks = [asyncio.create_task(one) for one in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
