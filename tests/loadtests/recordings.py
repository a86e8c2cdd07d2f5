"""Recordings made by hand, as a generator without a fault would leave them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from loadtests.plan import Comparison, Endpoint, Plan
from loadtests.recording import EndpointPart, ProcessPart, Recording
from loadtests.shapes import Constant
from tidegate.facts.models.scaling import Slo

LIMIT_MS = 100.0


def endpoint(name: str = "fraud/scorer", **changes: Any) -> Endpoint:
    facts: dict[str, Any] = {
        "name": name, "protocol": "v2", "url": "http://127.0.0.1:1/v2/models/m/infer", "body": {}, "duration_seconds": 10.0,
        "arrivals": Constant(requests_per_second=100), "limits": Slo(p99_ms=LIMIT_MS, availability=0.99),
    }  # fmt: skip
    return Endpoint(**(facts | changes))


def buckets(milliseconds: Sequence[float]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted(Counter(round(1000 * one) for one in milliseconds).items()))


def part(name: str, milliseconds: Sequence[float], failures: dict[str, int] | None = None, **changes: Any) -> EndpointPart:
    failures = failures or {}
    begun = len(milliseconds) + sum(failures.values())
    facts: dict[str, Any] = {
        "name": name, "due": begun, "begun": begun, "last_begun_seconds": 9.9, "good": sum(one <= LIMIT_MS for one in milliseconds),
        "latency": buckets(milliseconds), "service": buckets(milliseconds), "lag": buckets([0.1] * begun), "failures": failures,
    }  # fmt: skip
    return EndpointPart(**(facts | changes))


def process(*parts: EndpointPart, number: int = 0, **changes: Any) -> ProcessPart:
    facts: dict[str, Any] = {"process": number, "monotonic_seconds": 11.0, "wall_seconds": 11.0, "endpoints": parts}
    return ProcessPart(**(facts | changes))


def recording(*parts: EndpointPart, endpoints: Sequence[Endpoint] | None = None, note: str = "") -> Recording:
    asked = endpoints or [endpoint(one.name) for one in parts]
    return Recording(plan=Plan(endpoints=tuple(asked), note=note), processes=(process(*parts),))


def compared(name: str, reference: str, ratio_max: float | None = None, **changes: Any) -> Endpoint:
    return endpoint(name, compared=Comparison(reference=reference, p99_ratio_max=ratio_max), **changes)
