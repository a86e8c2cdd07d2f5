"""Measures the path and makes the entry `edge_path` of `out/bench.json`.

Every hop is asked in turn, in rounds, forwards and backwards, so that what disturbs the machine disturbs all alike. Ratios are those of one
run. `python -m tests.measure.bench.edge_path` runs it alone, in less than four minutes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clusters.edge_proxies import CLUSTER, HOST, token
from tests.clusters.workloads.dense_pool.usage import cpu_seconds
from tests.measure.bench.edge_path import figures, loops
from tests.measure.bench.edge_path.connections import Asked, Connection
from tests.measure.bench.edge_path.loops import Burst, Callers
from tests.measure.bench.edge_path.mesh import SIDECAR
from tests.measure.bench.edge_path.programs import MODEL, Running, running
from tidegate.checkout import find_checkout
from tidegate.embedded.prediction import TOLERANCE
from tidegate.facts import inventory

RATE_PER_SECOND = 70
CLOSED_ROUNDS, CLOSED_IN_A_ROW, CLOSED_SECONDS = 20, 50, 60
"""No round begins after so many seconds: on a busy machine there are fewer rounds, and the entry says how many requests there were."""

OPEN_ROUNDS, OPEN_SECONDS = 4, 5
SEED = 20261130

HOPS = {
    "server": (),
    "queue-proxy": ("queue-proxy",),
    "sidecar": ("sidecar", "queue-proxy"),
    "edge": ("edge", "local gateway", "sidecar", "queue-proxy"),
    "token check": ("edge with checks", "local gateway", "sidecar", "queue-proxy"),
}
"""What a request passes before the model server, in this order; each hop is what it adds and all that the hop before has."""

WHAT = {
    "server": "the model server alone, as its image starts it",
    "queue-proxy": "Knative's queue-proxy before it",
    "sidecar": "an Envoy before both, which asks for a certificate of the mesh",
    "edge": "edge and local gateway before these, two Envoys with the rendered settings; TLS for the caller, mutual TLS behind",
    "token check": "the same with token, policies, rate limits",
}
ASSUMPTIONS = """
All programs and the callers share one machine; the kernel's work for loopback counts with whoever asks for it.
Where machine.path_preferred is true, the kernel let the path's programs run before all other work of the machine, the callers before these.
The path's programs wait for each other for a core as ever.
Of Istio there are what it makes of our objects, mutual TLS and the inbound policy; neither its own filters nor its redirection of packets.
The local gateway has no rules by certificate, and certificates hold DNS names in place of SPIFFE ids.
The caller speaks TLS from the hop sidecar on; its own work for that is in the latencies of those hops, not in processor_ms.
enough_cores is computed, not measured: no process waits for a core, and each has one of its own.
A process takes one request at a time, for the mean processor time of one request (closed loop); one process comes after the other.
Requests come at the moments of the open loop and wait for each other only. Networks and requests slower than the mean are not in it.
""".strip().splitlines()


@dataclass
class _Hop:
    """One hop while it is measured."""

    asked: Asked
    processes: Mapping[str, int]
    """Pids by name, those of the path in its order."""
    bursts: dict[str, Burst] = field(default_factory=lambda: {"closed": Burst(), "open": Burst()})
    seconds: dict[str, dict[str, float]] = field(default_factory=lambda: {"closed": {}, "open": {}})

    def measure(self, loop: str, work: Callable[[], Burst]) -> None:
        """Counts what `work` sees, and what the processes of the hop use meanwhile."""
        before = {name: cpu_seconds(pid) for name, pid in self.processes.items()}
        self.bursts[loop].add(work())
        for name, pid in self.processes.items():
            self.seconds[loop][name] = self.seconds[loop].get(name, 0) + cpu_seconds(pid) - before[name]

    def latencies(self, loop: str) -> figures.Latencies:
        """What was seen so far."""
        return figures.Latencies(self.bursts[loop].answered_ms, self.bursts[loop].failed)

    def processor_ms(self, loop: str) -> dict[str, float]:
        """By process, for one request."""
        return figures.per_request(self.seconds[loop], self.latencies(loop).sent)


def _hops(there: Running) -> dict[str, _Hop]:
    body = json.dumps(there.sample.request).encode()

    def request(path: str, host: str, *headers: str) -> bytes:
        lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
        return "\r\n".join([*lines, "", ""]).encode() + body

    inside = request(there.sample.path, "scorer-predictor.tenant-fraud.svc.cluster.local")
    outside = f"/scorer{there.sample.path}"
    at = there.listening
    believed = f"Authorization: Bearer {token('card-authorisation')}"
    outer = there.mesh.caller_of_edge()
    asked = {
        "server": Asked(at["server"], inside),
        "queue-proxy": Asked(at["queue-proxy"], inside),
        "sidecar": Asked(at["sidecar"], inside, there.mesh.caller_in_mesh(), SIDECAR),
        "edge": Asked(at["edge"], request(outside, HOST), outer, HOST),
        "token check": Asked(at["edge with checks"], request(outside, HOST, believed), outer, HOST),
    }

    def pids(passed: Sequence[str]) -> dict[str, int]:
        return {name.removesuffix(" with checks"): there.processes[name].pid for name in (*passed, "server")}

    return {name: _Hop(asked[name], pids(passed)) for name, passed in HOPS.items()}


def _in_turn(hops: Mapping[str, _Hop], number: int) -> list[tuple[str, _Hop]]:
    listed = list(hops.items())
    return listed if number % 2 == 0 else listed[::-1]


def _check(there: Running, hops: Mapping[str, _Hop]) -> None:
    """Each hop gives the model's own answer: one that is refused is quick."""
    for name, hop in hops.items():
        with contextlib.closing(Connection(hop.asked)) as connection:
            status, body = connection.exchange()
        assert status == 200, f"{name}: {status} {body[:300]!r}"
        difference = there.sample.largest_difference(json.loads(body))
        assert difference <= TOLERANCE, f"{name}: {difference} from what the model gives in process"


def _closed(hops: Mapping[str, _Hop], tell: Callable[[str], None]) -> None:
    with contextlib.ExitStack() as stack:
        kept = {name: stack.enter_context(contextlib.closing(Connection(hop.asked))) for name, hop in hops.items()}
        for connection in kept.values():
            loops.closed(connection, CLOSED_IN_A_ROW)  # the first answers of a process take longer
        began = told = time.monotonic()
        for number in range(CLOSED_ROUNDS):
            if time.monotonic() - began > CLOSED_SECONDS:
                break
            for name, hop in _in_turn(hops, number):
                hop.measure("closed", lambda name=name: loops.closed(kept[name], CLOSED_IN_A_ROW))
            if time.monotonic() - told > 5:
                told = time.monotonic()
                tell(f"one caller: round {number + 1} of {CLOSED_ROUNDS}")


def _open(hops: Mapping[str, _Hop], tell: Callable[[str], None]) -> None:
    with contextlib.ExitStack() as stack:
        callers = {name: stack.enter_context(contextlib.closing(Callers(hop.asked))) for name, hop in hops.items()}
        for number in range(OPEN_ROUNDS):
            arrivals = loops.schedule(RATE_PER_SECOND, OPEN_SECONDS, SEED + number)
            for name, hop in _in_turn(hops, number):
                callers[name].warm()
                hop.measure("open", lambda name=name, arrivals=arrivals: callers[name].ask(arrivals))
                tell(f"{RATE_PER_SECOND} a second: round {number + 1} of {OPEN_ROUNDS}, {name}")


class _Others:
    """Cores that all other work of the machine takes meanwhile: what takes them from the path as well."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._pids = [*pids, os.getpid()]
        self._began, self._before = time.monotonic(), self._used()

    def cores(self) -> float:
        """On average since the begin."""
        return round((self._used() - self._before) / (time.monotonic() - self._began), 2)

    def _used(self) -> float:
        _, user, nice, system, _idle, _waiting, interrupts, soft, stolen, *_ = Path("/proc/stat").read_text(encoding="ascii").split()
        ticks = sum(map(int, (user, nice, system, interrupts, soft, stolen)))
        return ticks / os.sysconf("SC_CLK_TCK") - sum(map(cpu_seconds, self._pids))


@contextlib.contextmanager
def _ended_in_order() -> Generator[None]:
    """A request to stop ends the block, and with it all programs, instead of this process alone."""

    def end(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def measured() -> dict[str, Any]:
    """The entry of out/bench.json, in a scratch folder of its own."""
    began = time.monotonic()

    def tell(what: str) -> None:
        print(f"edge_path: {time.monotonic() - began:4.0f} s: {what}", flush=True)

    checkout = find_checkout(Path(__file__).parent)
    platform = inventory.load(checkout.root)
    load = os.getloadavg()[0]
    with _ended_in_order(), contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="tidegate-edge-path-"))  # not below /dev: Envoy reads no configuration there
        stack.callback(shutil.rmtree, folder)
        there = stack.enter_context(running(folder, checkout, platform, tell))
        hops = _hops(there)
        _check(there, hops)
        pids = [one.pid for one in there.processes.values()]
        others = _Others(pids)
        with loops.preferred(pids) as preferred:
            tell("one caller, hop by hop")
            _closed(hops, tell)
            tell(f"{RATE_PER_SECOND} requests a second, hop by hop")
            _open(hops, tell)
        busy = others.cores()
    objective = platform.tenants["fraud"].models["scorer"].slo.p99_ms
    machine = {
        "cores": os.cpu_count(), "load_average_before": round(load, 2), "load_average_after": round(os.getloadavg()[0], 2),
        "cores_taken_by_others": busy, "path_preferred": preferred, "seconds": round(time.monotonic() - began, 1),
    }  # fmt: skip
    return entry(hops, objective) | {"cluster": CLUSTER, "machine": machine}


def entry(hops: Mapping[str, _Hop], objective_ms: float) -> dict[str, Any]:
    """Figures of what was measured."""
    late = figures.lateness([one for hop in hops.values() for one in hop.bursts["open"].late_ms])
    closed = figures.loop_entries({name: hop.latencies("closed") for name, hop in hops.items()})
    opened = figures.loop_entries({name: hop.latencies("open") for name, hop in hops.items()}, objective_ms, late["no_result"])
    arrivals = loops.schedule(RATE_PER_SECOND, OPEN_ROUNDS * OPEN_SECONDS, SEED)
    found: dict[str, dict[str, Any]] = {}
    for name, hop in hops.items():
        processor = {loop: hop.processor_ms(loop) for loop in ("closed", "open")}
        computed = figures.enough_cores(arrivals, processor["closed"], objective_ms)
        found[name] = {
            "what": WHAT[name], "closed": closed[name], "open": opened[name], "processor_ms": processor, "enough_cores": computed,
        }  # fmt: skip
    return {
        "model": MODEL, "rate_per_second": RATE_PER_SECOND, "objective_ms": objective_ms, "generator_lateness": late, "hops": found,
        "goals": figures.goals(found), "assumptions": ASSUMPTIONS,
    }  # fmt: skip


def summary(found: Mapping[str, Any]) -> str:
    """A line for each hop, and one for each goal."""
    machine = found["machine"]
    beside = f"of {machine['cores']} cores {machine['cores_taken_by_others']} were taken by other work"
    lines = [f"edge_path              {found['model']}, hop by hop; ratios to the server alone; {beside}:"]
    for name, hop in found["hops"].items():
        closed, opened = (_said(hop[loop]) for loop in ("closed", "open"))
        processor = ", ".join(f"{process} {ms:.2f}" for process, ms in hop["processor_ms"]["closed"].items())
        enough = hop["enough_cores"].get("share_within_objective")
        computed = "nothing" if enough is None else f"{enough:.1%} within {found['objective_ms']:g} ms"
        loops_said = f"one caller {closed}; {found['rate_per_second']}/s {opened}"
        lines.append(f"  {name}: {loops_said}; processor ms: {processor}; with enough cores {computed}")
    return "\n".join([*lines, *(_judged(one) for one in found["goals"].values())])


def _judged(goal: Mapping[str, Any]) -> str:
    value = "no result" if goal["value"] is None else f"{goal['value']} ms"
    return f"  {goal['goal']}: {value}, {'met' if goal['met'] else 'not met'}"


def _said(loop: Mapping[str, Any]) -> str:
    if "no_result" in loop:
        return f"no result: {loop['no_result']}"
    share = f", {loop['share_within_objective']:.1%} in time" if "share_within_objective" in loop else ""
    return f"p50 {loop['p50_ms']} ms ({loop['p50_ratio']}), p99 {loop['p99_ms']} ms ({loop['p99_ratio']}){share}"
