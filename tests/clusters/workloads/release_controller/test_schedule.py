"""When models are looked at: one that hangs or fails delays no other, and one whose candidate has users comes first."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from clusters.workloads.release_controller.api import ConflictError, UnreachableError
from clusters.workloads.release_controller.known import Model
from clusters.workloads.release_controller.lease import LeaseLostError
from clusters.workloads.release_controller.schedule import AT_ONCE, Schedule
from tests.clusters.workloads.release_controller import virtual_time

URGENT = Model("tenant", "urgent")
OTHERS = [Model("tenant", f"model-{one}") for one in range(3 * AT_ONCE)]
Look = Callable[[Model], Awaitable[float | None]]


def play(look: Look, wake: list[Model], seconds: float) -> tuple[list[tuple[float, Model]], Schedule]:
    """What was looked at, and when."""

    async def run() -> Schedule:
        now = asyncio.get_running_loop().time

        async def noted(model: Model) -> float | None:
            looked.append((now(), model))
            return await look(model)

        async def failed(model: Model, error: Exception) -> None:
            failures.append(f"{model}: {error}")

        schedule = Schedule(noted, failed, lambda model: model == URGENT, now)
        for model in wake:
            schedule.wake(model)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await schedule.run()
        return schedule

    looked: list[tuple[float, Model]] = []
    failures: list[str] = []
    return looked, virtual_time.run(run())


def times(looked: list[tuple[float, Model]], model: Model) -> list[float]:
    return [round(at, 1) for at, one in looked if one == model]


def test_urgent_one_is_looked_at_while_others_hang() -> None:
    async def look(model: Model) -> float | None:
        if model != URGENT:
            await asyncio.sleep(20)
        return 1.0

    looked, _ = play(look, [*OTHERS, URGENT], 10)
    assert times(looked, URGENT)[:5] == [0, 1, 2, 3, 4]
    assert len(looked) == AT_ONCE + len(times(looked, URGENT)), "not everybody asks the API server at once"


def test_look_that_never_ends_is_ended() -> None:
    async def look(model: Model) -> float | None:
        await asyncio.sleep(1000 if model == OTHERS[0] else 0)
        return 10.0

    looked, schedule = play(look, OTHERS[:2], 45)
    assert times(looked, OTHERS[0]) == [0, 30.5], "a failure after 30 s"
    assert schedule.failures == 1
    assert times(looked, OTHERS[1]) == [0, 10, 20, 30, 40]


def test_failing_one_is_tried_less_and_less_but_for_an_urgent_one() -> None:
    async def look(_model: Model) -> float | None:
        raise UnreachableError("no answer in time")

    looked, _ = play(look, [OTHERS[0], URGENT], 100)
    assert times(looked, OTHERS[0]) == [0, 0.5, 1.5, 3.5, 8.5, 23.5, 83.5]
    assert times(looked, URGENT)[:6] == [0, 0.5, 1.5, 3.5, 5.5, 7.5]


def test_conflict_is_looked_at_again_soon_and_is_no_failure() -> None:
    async def look(model: Model) -> float | None:
        if len(met) < 3:
            met.append(model)
            raise ConflictError(409, "the object has been modified")
        return None

    met: list[Model] = []
    looked, schedule = play(look, OTHERS[:1], 10)
    assert (len(looked), schedule.failures, schedule.conflicts) == (4, 0, 3)
    assert looked[-1][0] < 1.5


def test_lost_lease_ends_it() -> None:
    async def look(_model: Model) -> float | None:
        raise LeaseLostError("another one has it")

    with pytest.raises(LeaseLostError):
        play(look, OTHERS[:1], 10)


def test_event_during_a_look_is_another_look() -> None:
    async def run() -> int:
        async def look(model: Model) -> float | None:
            looks.append(model)
            if len(looks) == 1:
                schedule.wake(model)
            await asyncio.sleep(1)
            return 600.0

        async def failed(_model: Model, _error: Exception) -> None:
            raise AssertionError

        looks: list[Model] = []
        schedule = Schedule(look, failed, lambda _model: False, asyncio.get_running_loop().time)
        schedule.wake(OTHERS[0])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                await schedule.run()
        return len(looks)

    assert virtual_time.run(run()) == 2
