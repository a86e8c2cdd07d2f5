"""What a recording looks like: for each endpoint the curve of its quantiles, and the histogram against its limit. Pure."""

from __future__ import annotations

from loadtests.recording import Recorded, Recording, merged
from tidegate.gates.evidence.pictures.data import Curve, Histogram

_QUANTILES = (
    0.0,
    0.1,
    0.25,
    0.5,
    0.6,
    0.7,
    0.75,
    0.8,
    0.85,
    0.9,
    0.925,
    0.95,
    0.97,
    0.98,
    0.985,
    0.99,
    0.9925,
    0.995,
    0.9975,
    0.999,
    0.9995,
    0.9999,
)
_LEAST_MS = 0.001
"""A scale of factors of ten has no zero."""


def pictures_of(recording: Recording) -> tuple[Curve | Histogram, ...]:
    """One curve of all endpoints, and a histogram for each. Requests that failed have no latency, and are in neither."""
    together = merged(recording.processes)
    limits = {one.name: one.limits.p99_ms for one in recording.plan.endpoints if one.limits}
    known = {one.name: together[one.name] for one in recording.plan.endpoints if one.name in together}
    curve = Curve(
        title="Latency by quantile, from when a request was due", quantiles={name: _quantiles(recorded) for name, recorded in known.items()},
        limit_ms=min(limits.values(), default=None),
    )  # fmt: skip
    return (curve, *(_histogram(name, recorded, limits.get(name)) for name, recorded in known.items()))


def _quantiles(recorded: Recorded) -> tuple[tuple[float, float], ...]:
    histogram = recorded.histogram("latency")
    points = ((quantile, histogram.quantile(quantile)) for quantile in _QUANTILES if histogram.count * (1 - quantile) >= 1)
    return tuple((quantile, max(ms, _LEAST_MS)) for quantile, ms in points if ms is not None)


def _histogram(name: str, recorded: Recorded, limit_ms: float | None) -> Histogram:
    buckets = tuple((max(micros / 1000, _LEAST_MS), count) for micros, count in recorded.histogram("latency").buckets)
    return Histogram(title=f"{name}: how long requests took", buckets=buckets, limit_ms=limit_ms)
