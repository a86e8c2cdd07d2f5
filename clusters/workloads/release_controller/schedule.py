"""When which model is looked at: when something woke it, and again after the time that its last look named. One look of a model at a time."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from clusters.workloads.release_controller.api import ApiError, ConflictError
from clusters.workloads.release_controller.known import Model
from clusters.workloads.release_controller.lease import LeaseLostError

logger = logging.getLogger(__name__)

AT_ONCE = 8
"""Looks that may wait for the API server at the same time; twice as many with those that are urgent, which come first."""

TURN_SECONDS = 30.0
TICK_SECONDS = 5.0
BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
URGENT_SECONDS = 2.0
"""The longest pause of a model whose candidate has users: an abort may be due."""

Look = Callable[[Model], Awaitable[float | None]]
"""Looks once; seconds until the next look, None when the model is no longer there."""

Failed = Callable[[Model, Exception], Awaitable[None]]


class Schedule:
    """The models and when they are due."""

    def __init__(self, look: Look, failed: Failed, is_urgent: Callable[[Model], bool], monotonic: Callable[[], float]) -> None:
        self._look, self._failed, self._is_urgent, self._monotonic = look, failed, is_urgent, monotonic
        self._due: dict[Model, float] = {}
        self._turns: dict[Model, asyncio.Task[None]] = {}
        self._woken: set[Model] = set()
        self._failures: dict[Model, int] = {}
        self._conflicts: dict[Model, int] = {}
        self._changed = asyncio.Event()
        self.turned_at = monotonic()
        self.conflicts = 0
        self.failures = 0

    def wake(self, model: Model) -> None:
        """Something happened to it."""
        if model in self._turns:
            self._woken.add(model)
        elif not self._failures.get(model):  # one that fails is not tried more often for every event
            self._due[model] = self._monotonic()
        else:
            self._due.setdefault(model, self._monotonic())
        self._changed.set()

    async def run(self) -> None:
        """Until it is cancelled; raises `LeaseLostError` when a look found that."""
        try:
            while True:
                self.turned_at = now = self._monotonic()
                self._reap()
                due = [(not self._is_urgent(one), at, one) for one, at in self._due.items() if at <= now]
                for is_patient, _, model in sorted(due):
                    if len(self._turns) >= (AT_ONCE if is_patient else 2 * AT_ONCE):
                        break
                    del self._due[model]
                    self._begin(model)
                await self._rest(now)
        finally:
            for task in self._turns.values():
                task.cancel()
            await asyncio.gather(*self._turns.values(), return_exceptions=True)

    async def _rest(self, now: float) -> None:
        is_full = len(self._turns) >= AT_ONCE
        next_at = min((at for at in self._due.values() if not is_full or at > now), default=now + TICK_SECONDS)
        self._changed.clear()
        try:
            async with asyncio.timeout(min(max(next_at - now, 0), TICK_SECONDS)):
                await self._changed.wait()
        except TimeoutError:
            pass

    def _begin(self, model: Model) -> None:
        task = asyncio.create_task(self._turn(model), name=str(model))
        self._turns[model] = task
        task.add_done_callback(lambda _task: self._changed.set())

    def _reap(self) -> None:
        for model, task in [(one, task) for one, task in self._turns.items() if task.done()]:
            del self._turns[model]
            task.result()  # a lost lease ends the schedule
            if model in self._woken:
                self._woken.discard(model)
                if not self._failures.get(model):
                    self._due[model] = self._monotonic()

    async def _turn(self, model: Model) -> None:
        try:
            async with asyncio.timeout(TURN_SECONDS):
                pause = await self._look(model)
        except LeaseLostError:
            raise
        except ConflictError as error:
            self.conflicts += 1
            count = self._conflicts[model] = self._conflicts.get(model, 0) + 1
            logger.info("%s: looks again: %s", model, error)
            self._due[model] = self._monotonic() + random.uniform(0.02, min(0.1 * 2**count, 5.0))  # noqa: S311 - only so that two do not meet again
            return
        except Exception as error:  # noqa: BLE001 - one model's fault must not stop the others
            await self._fail(model, error)
            return
        self._failures.pop(model, None)
        self._conflicts.pop(model, None)
        if pause is not None:
            self._due[model] = self._monotonic() + pause

    async def _fail(self, model: Model, error: Exception) -> None:
        self.failures += 1
        count = self._failures[model] = self._failures.get(model, 0) + 1
        pause = BACKOFF_SECONDS[min(count, len(BACKOFF_SECONDS)) - 1]
        if self._is_urgent(model):
            pause = min(pause, URGENT_SECONDS)
        self._due[model] = self._monotonic() + pause
        logger.warning(
            "%s: failed %d times, again in %.0f s: %s",
            model,
            count,
            pause,
            _said(error),
            exc_info=not isinstance(error, ApiError | TimeoutError),
        )
        try:
            await self._failed(model, error)
        except LeaseLostError:
            raise
        except Exception as other:  # noqa: BLE001 - what is said is not worth another failure
            logger.info("%s: the failure could not be noted: %s", model, _said(other))


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
