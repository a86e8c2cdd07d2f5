"""Takes a region's machine away as a crash would, with or without its disk, and brings it back with `up`."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from dataclasses import dataclass

from tests.acceptance.running_platform import EXECUTED, REGIONS, Running, wait_for
from tests.suite.telling import tell
from tidegate.embedded import lifecycle


@dataclass(frozen=True, slots=True)
class Loss:
    """Which machine is lost, whether its disk is too, and how long after that `up` begins."""

    region: str
    with_disk: bool
    pause_seconds: float


def seeded(seed: int) -> Loss:
    """One of all losses; everything random comes from `seed`. Even seeds lose the disk."""
    chance = random.Random(seed)
    return Loss(chance.choice(REGIONS), seed % 2 == 0, round(chance.uniform(0, 10), 1))


def lose(running: Running, loss: Loss) -> float:
    """Kills the machine, brings the platform up and waits until every model of the region answers; the seconds from the kill."""
    machine = running.local.machine(loss.region)
    holder = machine.process()
    assert holder, f"{loss.region} does not run"
    os.kill(holder.pid, signal.SIGKILL)
    started = time.monotonic()
    if loss.with_disk:
        while machine.process():
            time.sleep(0.01)
        shutil.rmtree(machine.folder)
    time.sleep(loss.pause_seconds)
    lifecycle.bring_up(running.checkout, lambda subject, what: tell(f"{subject}: {what}"), only_stacks=lifecycle.STACKS_FOR_REGIONS)
    for reference in (reference for region, reference in EXECUTED if region == loss.region):
        wait_for(
            f"{reference} answers in {loss.region}",
            lambda one=reference: running.ask(loss.region, one).status,
            lambda status: status == 200,
            120,
            1,
        )
    return round(time.monotonic() - started, 1)
