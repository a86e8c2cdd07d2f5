"""The arithmetic of `edge_path`: quantiles, ratios, shares, when a generator was too late, goals. No clocks and no processes here."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

ANSWERS_MIN = 100
"""Fewer have no 99th percentile."""

FAILED_SHARE_MAX = 0.01
LATE_MS = 1.0
"""From here on a start is late: half of what the platform may add to a request."""

LATE_SHARE_MAX = 0.05
ADDED_P50_MS_MAX, EDGE_PROCESSOR_MS_MAX = 2.0, 0.5


@dataclass(frozen=True, slots=True)
class Latencies:
    """Milliseconds of the requests that were answered with 200, and how many were not."""

    answered_ms: Sequence[float]
    failed: int = 0

    @property
    def sent(self) -> int:
        return len(self.answered_ms) + self.failed

    def quantile(self, percent: int) -> float:
        """As `statistics.quantiles` has it."""
        return statistics.quantiles(self.answered_ms, n=100)[percent - 1]

    def share_within(self, milliseconds: float) -> float:
        """Of all that were sent: what failed was not in time."""
        return sum(one <= milliseconds for one in self.answered_ms) / self.sent

    @property
    def no_result(self) -> str | None:
        """Why these are no figures, if so."""
        if len(self.answered_ms) < ANSWERS_MIN:
            return f"{len(self.answered_ms)} answers (at least {ANSWERS_MIN})"
        if self.failed > FAILED_SHARE_MAX * self.sent:
            return f"{self.failed} of {self.sent} requests failed (at most {FAILED_SHARE_MAX:.0%})"
        return None


def lateness(starts_late_ms: Sequence[float]) -> dict[str, Any]:
    """How late the generator itself was, and why its run is no result, if so: a late start is no fault of what is measured."""
    if len(starts_late_ms) < ANSWERS_MIN:
        return {"no_result": f"{len(starts_late_ms)} requests begun (at least {ANSWERS_MIN})"}
    share = sum(one > LATE_MS for one in starts_late_ms) / len(starts_late_ms)
    cuts = statistics.quantiles(starts_late_ms, n=100)
    reason = f"{share:.1%} of the requests began more than {LATE_MS} ms late (at most {LATE_SHARE_MAX:.0%})"
    return {
        "p50_ms": round(cuts[49], 3), "p99_ms": round(cuts[98], 3), "late_share": round(share, 4),
        "no_result": reason if share > LATE_SHARE_MAX else None,
    }  # fmt: skip


def loop_entries(
    loop: Mapping[str, Latencies], objective_ms: float | None = None, no_result: str | None = None
) -> dict[str, dict[str, Any]]:
    """By hop: p50 and p99 with their ratios to the first hop, and the share within the objective; or why there is no result.

    A first hop without a result leaves the others without one, because nothing is there to divide by.
    """
    first, alone = next(iter(loop.items()))
    found: dict[str, dict[str, Any]] = {}
    for name, one in loop.items():
        counted = {"sent": one.sent, "failed": one.failed}
        of_first = f"{first}: {alone.no_result}" if alone.no_result else None
        if reason := no_result or one.no_result or of_first:
            found[name] = {**counted, "no_result": reason}
            continue
        p50, p99 = one.quantile(50), one.quantile(99)
        ratios = {"p50_ratio": round(p50 / alone.quantile(50), 2), "p99_ratio": round(p99 / alone.quantile(99), 2)}
        share = {} if objective_ms is None else {"share_within_objective": round(one.share_within(objective_ms), 4)}
        found[name] = {**counted, "p50_ms": round(p50, 2), "p99_ms": round(p99, 2), **ratios, **share}
    return found


def per_request(seconds: Mapping[str, float], requests: int) -> dict[str, float]:
    """Milliseconds of a processor for one request, by process."""
    return {name: round(1000 * one / requests, 3) for name, one in seconds.items()} if requests else {}


def through_line(arrivals_seconds: Sequence[float], service_ms: Sequence[float]) -> list[float]:
    """Milliseconds of each request through processes that stand in a line, each with a core of its own and for one request at a time.

    `service_ms` is the processor time of each process for one request. Requests come in the order of `arrivals_seconds`.
    """
    free_ms = [0.0] * len(service_ms)
    found: list[float] = []
    for arrival in arrivals_seconds:
        now = begun = 1000 * arrival
        for place, service in enumerate(service_ms):
            now = free_ms[place] = max(now, free_ms[place]) + service
        found.append(now - begun)
    return found


def enough_cores(arrivals_seconds: Sequence[float], processor_ms: Mapping[str, float], objective_ms: float) -> dict[str, Any]:
    """What the hop would give if no process ever waited for a core."""
    if not processor_ms:
        return {"no_result": "no processor times"}
    line = Latencies(through_line(arrivals_seconds, list(processor_ms.values())))
    return {
        "one_request_ms": round(sum(processor_ms.values()), 2), "p50_ms": round(line.quantile(50), 2), "p99_ms": round(line.quantile(99), 2),
        "share_within_objective": round(line.share_within(objective_ms), 4),
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Goal:
    """What was wanted, what was found, and whether that is enough. Without a figure it is not."""

    goal: str
    value: float | None
    met: bool


def at_most(what: str, limit: float, value: float | None) -> Goal:
    """The goal of a figure that shall not be larger than `limit`."""
    return Goal(f"{what}: at most {limit} ms", value, value is not None and value <= limit)


def goals(hops: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The goals of the path, from its hops in order: the first is the server alone, the last everything we add."""
    first, *_, last = hops.values()

    def added(loop: str) -> float | None:
        if "p50_ms" not in first[loop] or "p50_ms" not in last[loop]:
            return None
        return round(last[loop]["p50_ms"] - first[loop]["p50_ms"], 2)

    edge = [last["processor_ms"][loop].get("edge") for loop in ("closed", "open")]
    known = [one for one in edge if one is not None]
    return {
        "added_p50_closed": asdict(at_most("everything we add, p50, one caller", ADDED_P50_MS_MAX, added("closed"))),
        "added_p50_open": asdict(at_most("everything we add, p50, open loop", ADDED_P50_MS_MAX, added("open"))),
        "edge_processor": asdict(
            at_most("the edge's processor time for one request, the larger of both loops", EDGE_PROCESSOR_MS_MAX, max(known, default=None))
        ),
    }
