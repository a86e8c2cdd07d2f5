"""Looks into the machines: what runs in each, what it costs, and what it has said."""

from __future__ import annotations

import http.client
import socket
import time
import xmlrpc.client
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from xml.parsers.expat import ExpatError

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

from tidegate.embedded.fleet import host
from tidegate.embedded.fleet.bring_up import Local, kubeconfig_path
from tidegate.embedded.machines import cgroups, network
from tidegate.embedded.machines.machines import Machine
from tidegate.errors import MachineError, UsageError

_TAIL_BLOCK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ProgramState:
    """A supervised program. `pid` is as seen inside its machine, 0 when it does not run."""

    name: str
    state: str
    pid: int
    uptime_seconds: int
    problem: str


@dataclass(frozen=True, slots=True)
class MachineState:
    """A machine. `memory_mib` counts its pods too, `cpu_cores` is what it used while we looked.

    `problem` says why its programs could not be asked for.
    """

    name: str
    running: bool
    memory_mib: int
    cpu_cores: float
    cpu_seconds: float
    programs: tuple[ProgramState, ...]
    problem: str


class _Process(BaseModel):
    """What supervisor tells of a program."""

    model_config = ConfigDict(extra="ignore")

    name: str
    start: int
    now: int
    statename: str
    pid: int
    spawnerr: str = ""
    exitstatus: int = 0


_SCHEMES = {"api": "https", "edge": "https", "login": "https", "prometheus": "http"}


def loopback_addresses(local: Local) -> dict[str, str]:
    """Where this machine reaches what runs inside, by `<what>-<region>`; none while the relays do not run.

    An edge answers to tenants' hosts only: `curl --connect-to` leads a host there.
    """
    if local.machine(host.HOST).process() is None:
        return {}
    return {name: f"{_SCHEMES[name.partition('-')[0]]}://127.0.0.1:{port}" for name, (port, _) in sorted(local.relays().items())}


def machine_names(local: Local) -> list[str]:
    """Every machine there can be."""
    return [network.INTERNET, host.HOST, *local.regions]


def running_regions(local: Local) -> list[str]:
    """The regions whose machine runs, nearest first."""
    return [name for name in nearest_regions(local) if local.machine(name).process() is not None]


def find_machine(local: Local, name: str) -> Machine:
    """A machine by its name. Raises `UsageError` naming those there are."""
    if name not in machine_names(local):
        raise UsageError(f"no machine {name!r}; there are {', '.join(machine_names(local))}")
    return local.machine(name)


def read_machines(local: Local, *, sample_seconds: float = 0.5) -> list[MachineState]:
    """Every machine with its programs; CPU is measured over `sample_seconds`."""
    known = machine_names(local)
    before, started = {name: cgroups.cpu_seconds(local.instance, name) for name in known}, time.monotonic()
    time.sleep(sample_seconds)
    passed = max(time.monotonic() - started, 0.001)
    states: list[MachineState] = []
    for name in known:
        machine = local.machine(name)
        running = machine.process() is not None
        used = cgroups.cpu_seconds(local.instance, name) if running else 0.0
        memory_mib = round(cgroups.memory_bytes(local.instance, name) / 2**20) if running else 0
        cores = round((used - before[name]) / passed, 2) if running else 0.0
        programs, problem = _programs(machine) if running else ((), "")
        states.append(MachineState(name, running, memory_mib, cores, round(used, 1), programs, problem))
    return states


def _programs(machine: Machine) -> tuple[tuple[ProgramState, ...], str]:
    try:
        return read_programs(machine.sockets / "supervisor.sock"), ""
    except MachineError as error:
        return (), str(error)


def read_programs(supervisor_socket: Path) -> tuple[ProgramState, ...]:
    """The programs that a supervisor keeps. Raises `MachineError` when it does not answer."""
    request = xmlrpc.client.dumps((), "supervisor.getAllProcessInfo")
    connection = http.client.HTTPConnection("supervisor", timeout=5)
    try:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(5)
        connection.sock.connect(str(supervisor_socket))
        connection.request("POST", "/RPC2", request, {"Content-Type": "text/xml"})
        answer = connection.getresponse().read()
        listed = cast("tuple[object, ...]", xmlrpc.client.loads(answer)[0])[0]
    except (OSError, http.client.HTTPException, xmlrpc.client.Error, ExpatError) as error:
        raise MachineError(f"the supervisor behind {supervisor_socket} does not answer: {error}") from error
    finally:
        connection.close()
    return tuple(
        ProgramState(one.name, one.statename, one.pid, one.now - one.start if one.pid else 0, _trouble(one))
        for one in TypeAdapter(list[_Process]).validate_python(listed)
    )


def _trouble(process: _Process) -> str:
    if process.statename in {"RUNNING", "STOPPED"}:
        return ""
    return process.spawnerr or (f"ended with exit code {process.exitstatus}" if process.exitstatus else "")


def log_files(machine: Machine) -> dict[str, Path]:
    """The log of each program, of supervisor itself (`supervisord`) and of the machine's start (`machine`)."""
    found = {path.stem: path for path in sorted(machine.logs.glob("*.log"))}
    start = machine.folder / "machine.log"
    return {**found, "machine": start} if start.is_file() else found


def find_log(local: Local, reference: str) -> Path:
    """The log of `<machine>/<program>`. Raises `UsageError` naming those there are."""
    machine_name, _, program = reference.partition("/")
    logs = log_files(find_machine(local, machine_name))
    if program not in logs:
        known = ", ".join(f"{machine_name}/{name}" for name in logs) or f"none: {machine_name} has never run here"
        raise UsageError(f"no log {reference!r}; there are {known}")
    return logs[program]


def tail(path: Path, lines: int) -> list[str]:
    """The last `lines` lines of a file, of any size."""
    with path.open("rb") as file:
        start = end = file.seek(0, 2)
        content = b""
        while start > 0 and content.count(b"\n") <= lines:
            start = max(0, start - _TAIL_BLOCK_BYTES)
            file.seek(start)
            content = file.read(end - start)
    found = content.decode(errors="replace").splitlines()
    return found[-lines:] if lines > 0 else []


def find_kubeconfig(local: Local, region: str | None) -> Path:
    """The kubeconfig of a region, default the nearest one's. Raises `UsageError` when unknown, `MachineError` when it was never up."""
    path = next((path for name in nearest_regions(local, region) if (path := kubeconfig_path(local, name)).is_file()), None)
    if path is None:
        raise MachineError(f"{region or 'no region'} has {'no' if region else 'a'} kubeconfig yet; bring it up with `tidegate up`")
    return path


def merged_kubeconfig(local: Local) -> str:
    """One kubeconfig with a context for every region that has been up, the nearest chosen, as YAML."""
    regions = [name for name in nearest_regions(local) if kubeconfig_path(local, name).is_file()]
    if not regions:
        raise MachineError("no region has a kubeconfig yet; bring them up with `tidegate up`")
    parts = [cast("dict[str, Any]", yaml.load(kubeconfig_path(local, name).read_bytes(), yaml.CSafeLoader)) for name in regions]
    lists = {key: [entry for part in parts for entry in part[key]] for key in ("clusters", "users", "contexts")}
    merged = {"apiVersion": "v1", "kind": "Config", **lists, "current-context": regions[0]}
    return yaml.dump(merged, Dumper=yaml.CSafeDumper, sort_keys=False)


def nearest_regions(local: Local, wanted: str | None = None) -> Sequence[str]:
    """Regions in the order a caller tries them: primary edges first. With `wanted` just that one; `UsageError` when unknown."""
    if wanted is not None and wanted not in local.regions:
        raise UsageError(f"no region {wanted!r}; there are {', '.join(local.regions)}")
    ordered = sorted(local.regions, key=lambda name: (local.platform.clusters[name].edge.role != "primary", name))
    return [wanted] if wanted is not None else ordered
