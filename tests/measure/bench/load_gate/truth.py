"""What is true of the servers that are asked: quantiles of what they gave, also when they stood still for a while. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from loadtests.recording import Recorded
from tidegate.gates.verdict import Outcome, Verdict

QUANTILE = 0.99
ERROR_MAX = 0.10


def quantile(values: Iterable[float], share: float = QUANTILE) -> float:
    """The lowest value that at least `share` of all do not exceed."""
    listed = sorted(values)
    return listed[max(0, -int(-len(listed) * share // 1) - 1)]


def through_freeze(arrivals: Sequence[float], given: Sequence[float], begin: float, seconds: float) -> list[float]:
    """Seconds that each request takes where the server reads and writes nothing from `begin` for so many seconds.

    What comes meanwhile is read at its end and then takes what it was given; what would be answered meanwhile is answered at its end.
    """
    end, found = begin + seconds, list[float]()
    for arrival, latency in zip(arrivals, given, strict=True):
        if begin <= arrival < end:
            found.append(end - arrival + latency)
        elif arrival < begin <= arrival + latency < end:
            found.append(end - arrival)
        else:
            found.append(latency)
    return found


def run_entry(name: str, rate: float, truth_ms: float, verdict: Verdict, recorded: Recorded | None) -> dict[str, Any]:
    """One run: what was true, what was measured, and the reason where the generator itself refused the run."""
    reasons = [reason.text for reason in verdict.reasons if reason.outcome is Outcome.INVALID]
    found: dict[str, Any] = {
        "latencies": name,
        "rate_per_second": rate,
        "true_p99_ms": round(truth_ms, 2),
        "invalid": reasons[0] if reasons else None,
    }
    measured = recorded.histogram("latency", recorded.failed).quantile(QUANTILE) if recorded else None
    late = recorded.histogram("lag").quantile(QUANTILE) if recorded else None
    if measured is not None:
        found |= {"p99_ms": round(measured, 2), "p99_error": round(measured / truth_ms - 1, 4)}
    return found | {"generator_late_p99_ms": late}


def figures(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The largest error of runs that were valid, the highest rate of one, and how many were not."""
    valid = [run for run in runs if run["invalid"] is None]
    errors = [abs(run["p99_error"]) for run in valid if "p99_error" in run]
    return {
        "p99_error": max(errors, default=None),
        "rate": max((run["rate_per_second"] for run in valid), default=None),
        "invalid": len(runs) - len(valid),
        "wrong": [run for run in valid if "p99_error" not in run or abs(run["p99_error"]) > ERROR_MAX],
    }
