"""Measures the load gate and makes the entry `load_gate` of `out/bench.json`.

Each run asks a server of its own, in a process of its own, whose latencies are drawn from a seeded distribution: its true p99 is that of what
it gave. Where it is allowed, the kernel lets server and generator run before all other work of the machine, as real callers have machines of
their own; stock Locust and the closed loop have the preferred server and no preference. `python -m tests.measure.bench.load_gate` runs it alone, in about five minutes.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from loadtests.plan import Endpoint, Plan
from loadtests.recording import merged
from loadtests.run import ENVIRONMENT, Judged, run
from loadtests.shapes import Constant, Poisson
from tests.loadtests.servers import drawn_seconds, known
from tests.measure.bench.edge_path import loops
from tests.measure.bench.edge_path.connections import Asked, Connection
from tests.measure.bench.load_gate.truth import figures, quantile, run_entry, through_freeze
from tidegate import tools
from tidegate.checkout import find_checkout
from tidegate.facts.models.scaling import Slo

RATES = (200.0, 1000.0, 2000.0)
SECONDS = 12.0
PROCESSES = 2
LATENCIES: dict[str, tuple[float, dict[str, Any]]] = {
    "p99 8 ms": (8.0, {"median_ms": 3.0, "sigma": 0.4217}),
    "p99 120 ms": (120.0, {"median_ms": 30.0, "sigma": 0.596}),
    "bimodal": (109.0, {"share_slow": 0.03, "fast": [10.0, 0.3], "slow": [100.0, 0.2]}),
}
"""The p99 of each distribution, which is the limit of its runs, and the distribution."""

USERS = 10
"""Of stock Locust, each of which keeps a tenth of the rate."""

FROZEN_RATE, FROZEN_SECONDS, FREEZE_AT, FREEZE_SECONDS = 100.0, 60.0, 30.0, 1.0
FROZEN: dict[str, Any] = {"latency": {"median_ms": 10.0, "sigma": 0.2}, "freezes": [[FREEZE_AT, FREEZE_SECONDS]], "preferred": True}
Tell = Callable[[str], None]


def endpoint(name: str, port: int, rate: float, seconds: float, limit_ms: float, *, constant: bool = False) -> Endpoint:
    """One that is asked as the protocol v2 has it."""
    shape = Constant if constant else Poisson
    return Endpoint(
        name=name, protocol="v2", url=f"http://127.0.0.1:{port}/v2/models/m/infer", body={"inputs": []}, duration_seconds=seconds,
        arrivals=shape(requests_per_second=rate), limits=Slo(p99_ms=limit_ms, availability=0.999),
    )  # fmt: skip


def _true_run(folder: Path, name: str, rate: float) -> dict[str, Any]:
    limit, latency = LATENCIES[name]
    facts = {"latency": latency, "seed": 7, "preferred": True}
    with known(folder, facts) as (port, _):
        judged = run(find_checkout(Path(__file__).parent).root, _plan(endpoint("known", port, rate, SECONDS, limit)))
    recorded = merged(judged.recording.processes).get("known") if judged.recording else None
    given = drawn_seconds(facts, recorded.begun if recorded and recorded.begun else 1)
    return run_entry(name, rate, 1000 * quantile(given), judged.verdict, recorded)


def _plan(one: Endpoint) -> Plan:
    return Plan(endpoints=(one,), processes=PROCESSES, answer_timeout_seconds=10.0, preferred=True)


def _freeze(folder: Path) -> dict[str, Any]:
    """Ours, stock Locust and a closed loop at the same time, each against a server of its own that stands still once."""
    root = find_checkout(Path(__file__).parent).root
    found: dict[str, Any] = {}
    given = drawn_seconds({**FROZEN, "seed": 1}, int(FROZEN_RATE * FROZEN_SECONDS))
    arrivals = [number / FROZEN_RATE for number in range(len(given))]
    truth = 1000 * quantile(through_freeze(arrivals, given, FREEZE_AT, FREEZE_SECONDS))

    def ours(port: int) -> None:
        judged: Judged = run(root, _plan(endpoint("frozen", port, FROZEN_RATE, FROZEN_SECONDS, 120.0, constant=True)))
        recorded = merged(judged.recording.processes).get("frozen") if judged.recording else None
        found["ours"] = run_entry("frozen", FROZEN_RATE, truth, judged.verdict, recorded) | {"verdict": judged.verdict.outcome}

    def stock(port: int) -> None:
        command = [
            str(root / ENVIRONMENT / "bin" / "locust"), "-f", str(Path(__file__).with_name("stock_locustfile.py")), "--headless", "--only-summary",
            "--users", str(USERS), "--spawn-rate", str(USERS), "--run-time", f"{FROZEN_SECONDS:.0f}s", "--host", f"http://127.0.0.1:{port}",
        ]  # fmt: skip
        said = tools.run(command, cwd=root, without=["LOCUST_"], env={"EACH_PER_SECOND": f"{FROZEN_RATE / USERS:g}"}).stdout
        line = next(line for line in said.splitlines() if line.startswith("stock: "))
        found["stock"] = _compared(json.loads(line.removeprefix("stock: ")), truth)

    def closed(port: int) -> None:
        body = b'{"inputs": []}'
        request = b"POST /v2/models/m/infer HTTP/1.1\r\nHost: known\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        milliseconds: list[float] = []
        with contextlib.closing(Connection(Asked(port, request))) as connection:
            until = time.monotonic() + FROZEN_SECONDS
            while time.monotonic() < until:
                milliseconds += loops.closed(connection, 20).answered_ms
        found["closed"] = _compared({"p99_ms": round(quantile(milliseconds), 2), "requests": len(milliseconds)}, truth)

    with contextlib.ExitStack() as stack:
        threads = [
            threading.Thread(target=generator, args=[stack.enter_context(known(folder, {**FROZEN, "seed": 1}))[0]])
            for generator in (ours, stock, closed)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return found


def _compared(seen: Mapping[str, Any], truth_ms: float) -> dict[str, Any]:
    return {**seen, "p99_error": round(seen["p99_ms"] / truth_ms - 1, 4)}


def measured() -> dict[str, Any]:
    """The entry of out/bench.json."""
    began = time.monotonic()

    def tell(what: str) -> None:
        print(f"load_gate: {time.monotonic() - began:4.0f} s: {what}", flush=True)

    load = os.getloadavg()[0]
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="tidegate-load-gate-") as name:
        folder = Path(name)
        for latencies in LATENCIES:
            for rate in RATES:
                tell(f"{latencies} at {rate:g} requests a second")
                runs.append(_true_run(folder, latencies, rate))
        tell(f"a server that stands still for {FREEZE_SECONDS:g} s in {FROZEN_SECONDS:g}, beside stock Locust and a closed loop")
        frozen = _freeze(folder)
    return {
        **figures(runs), "stock_error": frozen["stock"]["p99_error"], "closed_error": frozen["closed"]["p99_error"],
        "freeze_error": frozen["ours"].get("p99_error"), "runs": runs, "freeze": frozen,
        "machine": {
            "cores": os.cpu_count(), "load_average_before": round(load, 2), "load_average_after": round(os.getloadavg()[0], 2),
            "seconds": round(time.monotonic() - began, 1),
        },
    }  # fmt: skip


def summary(found: Mapping[str, Any]) -> str:
    """In some lines."""
    lines = ["load gate against servers of known latencies:"]
    for one in found["runs"]:
        seen = f"p99 {one['p99_ms']:g} ms, {one['p99_error']:+.1%}" if "p99_ms" in one else "no p99"
        said = f"invalid: {one['invalid']}" if one["invalid"] else "valid"
        lines.append(f"  {one['latencies']:<10} {one['rate_per_second']:5g}/s  true p99 {one['true_p99_ms']:7.2f} ms  {seen}  {said}")
    errors = {name: found[f"{name}_error"] for name in ("freeze", "stock", "closed")}
    shown = {name: "none" if error is None else f"{error:+.1%}" for name, error in errors.items()}
    lines.append(
        f"  a second of standstill: ours {shown['freeze']}, stock Locust {shown['stock']}, closed loop {shown['closed']} from the true p99"
    )
    wrong = "none" if not found["wrong"] else str(len(found["wrong"]))
    lines.append(f"  goal: every run within 10% or invalid; wrong: {wrong}")
    return "\n".join(lines)
