"""What the generator's processes recorded, in the form in which it is kept, and what they recorded together.

Histograms are kept as pairs of microseconds and counts, the microseconds being the highest of an HDR histogram's bucket with three digits.
All processes have the same buckets, so that adding counts merges them exactly. Averages of percentiles exist nowhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Annotated

from pydantic import Field

from loadtests.plan import Plan
from tidegate.facts.fact import Fact

Count = Annotated[int, Field(ge=0)]
Buckets = tuple[tuple[Count, Annotated[int, Field(ge=1)]], ...]


class RequestPart(Fact):
    """One request, in milliseconds from when the endpoint's first was due."""

    due_ms: Annotated[float, Field(ge=0)]
    begun_ms: float
    ended_ms: float
    failure: str = ""
    """Why it had no whole answer."""


class EndpointPart(Fact):
    """What one process recorded of one endpoint."""

    name: str
    due: Count
    """Arrivals of the schedule that were this process's."""
    begun: Count
    """Those of them that it began; the others are what it could not do."""
    last_begun_seconds: Annotated[float, Field(ge=0)]
    """From the endpoint's begin."""
    good: Count
    """Answers within every limit."""
    latency: Buckets
    """Of whole answers, from the moment at which the request was due."""
    service: Buckets
    """Of the same, from the moment at which it was begun: what a generator that waits would have seen."""
    lag: Buckets
    """Of every request that was begun: how late it was by the generator's own fault."""
    first_token: Buckets = ()
    between_tokens: Buckets = ()
    failures: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict[str, int])
    """Requests without a whole answer, by what became of them."""
    out_of_range: Count = 0
    """Durations below zero or above an hour, which no clock should give."""
    requests: tuple[RequestPart, ...] = ()
    """Each that ended, where the plan keeps them."""


class ProcessPart(Fact):
    """What one process recorded."""

    process: Count
    monotonic_seconds: Annotated[float, Field(gt=0)]
    """How long it took by the clock that nobody sets, and by the one that is set."""
    wall_seconds: float
    begin_monotonic: float = 0.0
    """When the schedule began, by the computer's clock that nobody sets; what others on it saw meanwhile is set beside it by that."""
    endpoints: tuple[EndpointPart, ...]


class Recording(Fact):
    """A run as it is kept: all that a verdict is made of."""

    plan: Plan
    processes: tuple[ProcessPart, ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Buckets of all processes, and requests that failed, which count as slower than any answer."""

    buckets: Sequence[tuple[int, int]]
    failed: int = 0

    @property
    def count(self) -> int:
        """Of answers and failures."""
        return sum(count for _, count in self.buckets) + self.failed

    def above(self, milliseconds: float) -> int:
        """How many were above the limit; a bucket that the limit lies in is above it."""
        return sum(count for micros, count in self.buckets if micros > 1000 * milliseconds) + self.failed

    def at_rank(self, rank: int) -> float | None:
        """Milliseconds of the sample of this rank, from 1; None where it is a failure."""
        for (micros, _), reached in zip(self.buckets, accumulate(count for _, count in self.buckets), strict=True):
            if reached >= rank:
                return micros / 1000
        return None

    def quantile(self, quantile: float) -> float | None:
        """Milliseconds; None without samples or where that many failed."""
        return self.at_rank(max(1, -int(-self.count * quantile // 1))) if self.count else None


@dataclass(slots=True)
class Recorded:
    """One endpoint, of all processes together."""

    due: int = 0
    begun: int = 0
    last_begun_seconds: float = 0.0
    good: int = 0
    out_of_range: int = 0
    failures: Counter[str] = field(default_factory=Counter[str])
    merged: dict[str, Counter[int]] = field(default_factory=lambda: {name: Counter() for name in HISTOGRAMS})

    def add(self, part: EndpointPart) -> None:
        """What a further process recorded."""
        self.due += part.due
        self.begun += part.begun
        self.good += part.good
        self.out_of_range += part.out_of_range
        self.last_begun_seconds = max(self.last_begun_seconds, part.last_begun_seconds)
        self.failures.update(part.failures)
        for name, merged in self.merged.items():
            for micros, count in getattr(part, name):
                merged[micros] += count

    @property
    def failed(self) -> int:
        """Requests without a whole answer."""
        return self.failures.total()

    def histogram(self, name: str, failed: int = 0) -> Histogram:
        """Of all processes."""
        return Histogram(sorted(self.merged[name].items()), failed)


HISTOGRAMS = ("latency", "service", "lag", "first_token", "between_tokens")


def merged(parts: Iterable[ProcessPart]) -> dict[str, Recorded]:
    """By endpoint."""
    found: dict[str, Recorded] = {}
    for part in parts:
        for one in part.endpoints:
            found.setdefault(one.name, Recorded()).add(one)
    return found
