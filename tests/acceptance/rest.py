"""What the platform costs while nobody asks it anything: processor and memory by machine and process, and of this computer as a whole."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tidegate.operations.local import cgroups
from tidegate.operations.local.bring_up import Local
from tidegate.operations.local.machine_view import machine_names

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20


class Cost(BaseModel):
    """Thousandths of a core, on average over the window, and MiB at its end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    millicores: float
    mib: int


class MachineCost(Cost):
    """A machine by its control group, pods included. Resident memory of processes counts shared pages once for each."""

    programs: dict[str, Cost]


class Rest(BaseModel):
    """One measurement. `computer_millicores` is everything that ran on this computer meanwhile; `beside` what belongs to no machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float
    computer_millicores: float
    machines: dict[str, MachineCost]
    beside: dict[str, Cost]


def measure(local: Local, seconds: float) -> Rest:
    """Looks twice, `seconds` apart. A process that began or ended meanwhile is counted by its machine only."""
    names = machine_names(local)
    before, busy, started = _processes(), _busy_seconds(), time.monotonic()
    used = {name: cgroups.cpu_seconds(local.instance, name) for name in names}
    time.sleep(seconds)
    passed = time.monotonic() - started
    after = _processes()
    computer = round((_busy_seconds() - busy) / passed * 1000, 1)
    members = {pid: name for name in names for pid in cgroups.processes(local.instance, name)}
    programs: dict[str, dict[str, Cost]] = defaultdict(dict)
    for (pid, began), (program, cpu_seconds, mib) in after.items():
        if (pid, began) not in before:
            continue
        machine = members.get(pid, "")
        known = programs[machine].get(program, Cost(millicores=0, mib=0))
        spent = (cpu_seconds - before[pid, began][1]) / passed * 1000
        programs[machine][program] = Cost(millicores=round(known.millicores + spent, 1), mib=known.mib + mib)
    machines = {
        name: MachineCost(
            millicores=round((cgroups.cpu_seconds(local.instance, name) - used[name]) / passed * 1000, 1),
            mib=round(cgroups.memory_bytes(local.instance, name) / 2**20),
            programs=_most_first(programs[name]),
        )
        for name in names
    }
    beside = {name: cost for name, cost in programs[""].items() if cost.millicores >= 1}
    return Rest(seconds=round(passed, 1), computer_millicores=computer, machines=machines, beside=_most_first(beside))


def _busy_seconds() -> float:
    """Processor seconds of everything on this computer since its start, waiting for disks left out."""
    user, nice, system, _idle, _waiting, irq, softirq, *_ = map(
        int, Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / _TICKS


def _most_first(costs: dict[str, Cost]) -> dict[str, Cost]:
    return dict(sorted(costs.items(), key=lambda one: -one[1].millicores))


def _processes() -> dict[tuple[int, int], tuple[str, float, int]]:
    """Program, seconds of processor and resident MiB of every process, by pid and start."""
    found: dict[tuple[int, int], tuple[str, float, int]] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            stat, command = (folder / "stat").read_text(encoding="utf-8", errors="replace"), (folder / "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        name, fields = stat[stat.index("(") + 1 : stat.rindex(")")], stat[stat.rindex(")") + 2 :].split()
        key = (int(folder.name), int(fields[19]))
        found[key] = (_program(name, command), (int(fields[11]) + int(fields[12])) / _TICKS, round(int(fields[21]) * _PAGE_MIB))
    return found


def _program(name: str, command: bytes) -> str:
    """A Python program by its file, anything else by its own name."""
    words = command.decode(errors="replace").split("\0")
    if not name.startswith("python"):
        return name
    scripts = [word for word in words[1:] if not word.startswith("-")]
    return Path(scripts[0]).name if scripts else name
