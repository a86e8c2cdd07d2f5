"""Runs of the scale gate made by hand: a rate of 2, 8 and 32 a second, of which a replica carries 7; so 1, 2 and 5 replicas are enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tidegate.facts.models.embedded_profile import Scaled, ScaleProfile
from tidegate.gates.scale.samples import Look, Request, ScaleSamples, Sent

WHY = "Made for a test of the gate."
LIMIT_MS = 100.0
STEP, LAST, END = 20, 60, 100
"""Seconds at which the whole rate begins, the fourfold one, and the end."""


def profile(**changed: Any) -> ScaleProfile:
    values: dict[str, Any] = {
        "requests_per_second": 8.0, "requests_per_second_target": 10, "min_replicas": 1, "max_replicas": 5, "phase_seconds": 40,
        "enough_within_seconds": 20, "slow_share": 0.1,
    } | changed  # fmt: skip
    return ScaleProfile(**{name: Scaled[Any](value=value, reason=WHY) for name, value in values.items()})


def requests(
    latency_ms: Callable[[float], float] = lambda _due: 20.0, *, late_ms: float = 0.1, failed: Sequence[int] = ()
) -> tuple[Request, ...]:
    """Every request of the schedule; the latency by when it was due, and the numbers of those that failed with 503."""
    due: list[float] = []
    begin = 0.0
    for seconds, rate in profile().phases:
        due += [begin + number / rate for number in range(round(seconds * rate))]
        begin += seconds
    return tuple(
        Request(due=at, begun=at + late_ms / 1000, ended=at + latency_ms(at) / 1000, failure="status 503" if number in failed else "")
        for number, at in enumerate(due)
    )


def looks(two_at: float = 25.0, five_at: float = 70.0, *, asked_after: float = 2.0) -> tuple[Look, ...]:
    """One each second, at which there is one replica, two and five."""

    def replicas(second: float, offset: float) -> int:
        return 5 if second >= five_at + offset else 2 if second >= two_at + offset else 1

    wanted = {second: 5 if second >= LAST + asked_after else 2 if second >= STEP + asked_after else 1 for second in range(-2, END + 3)}
    return tuple(Look(seconds=float(second), ready=replicas(second, 0), wanted=wanted[second]) for second in range(-2, END + 3))


def run(
    sent: Sequence[Request] | None = None, seen: Sequence[Look] | None = None, *, max_replicas: int = 5, **changed: Any
) -> ScaleSamples:
    """A run in which all is well but what is given; `changed` are fields of `Sent`."""
    asked = tuple(requests() if sent is None else sent)
    facts: dict[str, Any] = {
        "due": 1640, "requests": asked, "begin_monotonic": 1000.0, "monotonic_seconds": 101.0, "wall_seconds": 101.0,
    } | changed  # fmt: skip
    return ScaleSamples(
        subject="fraud/scorer", version="s3://tidegate-models/fraud/scorer/2", profile=profile(), max_replicas=max_replicas,
        limit_ms=LIMIT_MS, sent=Sent(**facts), looks=tuple(looks() if seen is None else seen), notes=("said beside it",),
    )  # fmt: skip
