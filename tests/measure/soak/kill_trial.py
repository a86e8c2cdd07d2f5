"""One trial: something is killed with SIGKILL at a random moment of a bring-up, and `down` must leave no trace."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from tests.root import ROOT
from tests.scratch_checkout import make_scratch_checkout
from tidegate import tools
from tidegate.embedded import emulator, machine_needs
from tidegate.embedded.fleet import bring_up
from tidegate.facts import inventory

LONGEST_SECONDS = 40.0
"""By then Argo CD is at work; what comes later adds pods, which die with their machine."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What was killed when, and what was left after `down`."""

    seed: int
    after_seconds: float
    victim: str
    left_over: tuple[str, ...]


def run_trial(seed: int, folder: Path) -> Trial:
    """Runs one trial in `folder`, which must be empty. Everything random comes from `seed`."""
    chance = random.Random(seed)
    after_seconds = round(chance.uniform(0.3, LONGEST_SECONDS), 1)
    checkout = make_scratch_checkout(folder)
    local = bring_up.open_local(checkout, inventory.load(checkout.root))
    command = [str(ROOT / ".venv/bin/python"), "-m", "tests.measure.soak.regions_up"]
    run = tools.start_server(command, log_path=folder / "run.log", cwd=checkout.root, env={"PYTHONPATH": str(ROOT)})
    started: list[tools.ServerProcess] = []
    try:
        time.sleep(after_seconds)
        started = tools.descendants(run.pid)  # of a killed bring-up nobody could tell them any more; what it had started ends by itself
        victim = _kill_something(chance, run, local)
    finally:
        for member in {one.pid: one for one in (run, *started, *tools.descendants(run.pid))}.values():
            cloud = emulator.find_running(checkout)
            if not (cloud and member.pid == cloud.process.pid) and not _is_machine(member.pid, local) and tools.is_running(member):
                os.kill(member.pid, signal.SIGKILL)
        try:
            bring_up.remove(local, lambda _subject, _what: None)
        finally:  # also when something is left over
            emulator.stop(checkout)
    left = [*bring_up.left_over(local), *(f"process {pid}: {tools.command_line(pid)}" for pid in tools.mentioning(str(folder)))]
    return Trial(seed, after_seconds, victim, tuple(left))


def _kill_something(chance: random.Random, run: tools.ServerProcess, local: bring_up.Local) -> str:
    """The bring-up itself in half of the trials, any process of the machines in the other half."""
    candidates = [
        child
        for name in ("internet", "host", *local.regions)
        if (holder := local.machine(name).process())
        for child in (holder, *tools.descendants(holder.pid))
    ]
    victim = run if not candidates or chance.random() < 0.5 else chance.choice(candidates)
    name = "the bring-up itself" if victim is run else Path(f"/proc/{victim.pid}/comm").read_text(encoding="utf-8").strip()
    if tools.is_running(victim):
        os.kill(victim.pid, signal.SIGKILL)
    return name


def _is_machine(pid: int, local: bring_up.Local) -> bool:
    """Machines are left to `remove`: it must cope with them as the kill left them."""
    holders = [holder for name in ("internet", "host", *local.regions) if (holder := local.machine(name).process())]
    return any(pid in {holder.pid, *(child.pid for child in tools.descendants(holder.pid))} for holder in holders)


def fit() -> list[str]:
    """What this machine lacks for trials."""
    return [str(finding) for finding in machine_needs.lacking()]
