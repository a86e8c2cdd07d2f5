"""What the platform costs while nobody asks it: processor and memory by machine and process, and of the computer as a whole.

`python -m tests.suite.rest --seconds 300` measures the running platform, adds it to `out/times.json` and shows it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tests.root import ROOT
from tests.suite import times
from tidegate.checkout import Checkout
from tidegate.embedded import emulator
from tidegate.embedded.fleet import bring_up
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.fleet.machine_view import machine_names
from tidegate.embedded.machines import cgroups
from tidegate.facts import inventory

_TICKS = os.sysconf("SC_CLK_TCK")
_INTERPRETERS = ("python", "sh", "bash", "dash", "setpriv")
ENDED = "(ended meanwhile)"
"""What a machine's control group counted and no process that is left did."""


class Cost(BaseModel):
    """Processor in thousandths of a core, memory in MiB (each process's share of what several use)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    millicores: float = 0
    mib: float = 0


class MachineCost(Cost):
    """A machine as its control group counts it, with all its pods, and each of its programs by name."""

    programs: dict[str, Cost]


class Rest(BaseModel):
    """One measurement over `seconds`. `computer` is everything on it, this measurement too; `cloud` is the emulated AWS."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float
    computer: Cost
    cloud: Cost
    machines: dict[str, MachineCost]

    def lines(self, shown: int = 12) -> list[str]:
        """For people: the machines, and the costliest programs of each."""
        told = [f"computer {self.computer.millicores:.0f} m, {self.computer.mib:.0f} MiB; emulated AWS {self.cloud.millicores:.0f} m"]
        for name, machine in self.machines.items():
            told.append(f"{name}: {machine.millicores:.0f} m, {machine.mib:.0f} MiB")
            ordered = sorted(machine.programs.items(), key=lambda one: -one[1].millicores)[:shown]
            told += [f"    {program:<28} {cost.millicores:6.1f} m {cost.mib:7.0f} MiB" for program, cost in ordered]
        return told


@dataclass(frozen=True, slots=True)
class Process:
    """A process, told from a later one with its pid by when it started; `ticks` of the processor that it has used."""

    pid: int
    started: int
    name: str
    ticks: int


def name_of(arguments: list[str], command: str) -> str:
    """What a process is called: its program, or what an interpreter runs; `command` is the kernel's name for it."""
    if not arguments or not arguments[0]:
        return command
    program = Path(arguments[0]).name
    if program.rstrip("0123456789.") in _INTERPRETERS:
        for before, one in zip(["", *arguments[1:]], arguments[1:], strict=False):
            if before == "-m" or (not one.startswith("-") and before != "-c"):
                return Path(one).name
    return program


def read_process(pid: int) -> Process | None:
    """A process as it is now; None when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        arguments = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return None
    command, _, rest = stat.partition("(")[2].rpartition(")")
    fields = rest.split()
    return Process(pid, int(fields[19]), name_of(arguments, command), int(fields[11]) + int(fields[12]))


def read_memory_mib(pid: int) -> float:
    """The process's share of memory, 0 when it is gone."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:  # gone, or not ours to look at
        pass
    return 0


def processes_in(group: Path) -> dict[tuple[int, int], Process]:
    """The processes of a control group and of all below it."""
    pids = {int(pid) for path in group.rglob("cgroup.procs") for pid in path.read_text(encoding="ascii").split()}
    return {(one.pid, one.started): one for one in map(read_process, sorted(pids)) if one}


def costs(before: Mapping[tuple[int, int], Process], after: Iterable[Process], seconds: float) -> dict[str, Cost]:
    """By name, what processes have used since `before`; those that are new since then, all of it."""
    ticks, memory = Counter[str](), Counter[str]()
    for one in after:
        known = before.get((one.pid, one.started))
        ticks[one.name] += one.ticks - (known.ticks if known else 0)
        memory[one.name] += round(read_memory_mib(one.pid) * 1024)
    return {
        name: Cost(millicores=round(ticks[name] / _TICKS / seconds * 1000, 1), mib=round(memory[name] / 1024, 1)) for name in sorted(ticks)
    }


def measure(local: Local, seconds: float) -> Rest:
    """Looks at the running platform twice, `seconds` apart."""
    groups = {name: group for name in machine_names(local) if (group := _group(local, name)) is not None}
    moto = emulator.find_running(local.checkout)
    cloud = {(one.pid, one.started): one for one in [read_process(moto.process.pid) if moto else None] if one}
    processes = {name: processes_in(group) for name, group in groups.items()}
    used, computer, started = {name: cgroups.cpu_seconds(local.instance, name) for name in groups}, _busy_ticks(), time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - started
    busy = _busy_ticks() - computer
    machines: dict[str, MachineCost] = {}
    for name, group in groups.items():
        millicores = (cgroups.cpu_seconds(local.instance, name) - used[name]) / passed * 1000
        programs = costs(processes[name], processes_in(group).values(), passed)
        left = millicores - sum(one.millicores for one in programs.values())
        if left > 1:
            programs[ENDED] = Cost(millicores=round(left, 1))
        mib = cgroups.memory_bytes(local.instance, name) / 2**20
        machines[name] = MachineCost(millicores=round(millicores, 1), mib=round(mib, 1), programs=programs)
    now = [one for one in (read_process(pid) for pid, _ in cloud) if one]
    of_cloud = next(iter(costs(cloud, now, passed).values()), Cost())
    whole = Cost(millicores=round(busy / _TICKS / passed * 1000, 1), mib=round(_memory_in_use_mib(), 1))
    return Rest(seconds=round(passed, 1), computer=whole, cloud=of_cloud, machines=machines)


def _group(local: Local, machine: str) -> Path | None:
    """The machine's control group in the hierarchy that counts the processor; None when it does not run."""
    for tree in cgroups.present(local.instance):
        if any((tree / machine / name).is_file() for name in ("cpuacct.usage", "cpu.stat")):
            return tree / machine
    return None


def _busy_ticks() -> int:
    """Ticks in which the processors were neither idle nor waiting for a disk."""
    numbers = [int(one) for one in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]]
    return sum(numbers) - numbers[3] - numbers[4]


def _memory_in_use_mib() -> float:
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    return (int(fields["MemTotal"].split()[0]) - int(fields["MemAvailable"].split()[0])) / 1024


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.suite.rest")
    parser.add_argument("--seconds", type=float, default=300)
    chosen = parser.parse_args()
    checkout = Checkout(ROOT)
    found = measure(bring_up.open_local(checkout, inventory.load(ROOT)), chosen.seconds)
    times.add(rest=found.model_dump(mode="json"))
    sys.stdout.write("\n".join(found.lines()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
