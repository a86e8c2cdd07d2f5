"""What samples say of each phase: how many replicas were enough, when they were there, how long they were not, and what became of the requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tidegate.facts.models.embedded_profile import replicas_for
from tidegate.facts.models.knative_limits import TARGET_UTILIZATION
from tidegate.gates.scale import hpa
from tidegate.gates.scale.samples import Look, Request, ScaleSamples

PHASES = ("a quarter of the rate", "the whole rate", "the fourfold rate")


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of a run."""

    name: str
    begin: float
    end: float
    offered: float
    """Requests per second of the schedule."""
    requests: tuple[Request, ...]
    slow: int
    """Of them: above the limit, or without an answer."""
    enough: int
    """Replicas, by the requests that came: what Knative's autoscaler wants of such a rate, were there no ceiling."""
    reached: float | None
    """Seconds from the begin until so many were ready; None when they never were."""
    short: float
    """Seconds in which there were fewer, all together."""
    wanted: float | None
    """Seconds from the begin until the autoscaler asked for so many."""
    hpa: tuple[float, float] | None
    """The same of an HPA on CPU, computed: the least and the most."""
    last: Look | None
    """The last look at it."""

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.end - self.begin


def phases_of(samples: ScaleSamples) -> tuple[Phase, ...]:
    """The three phases of a run."""
    return tuple(_phases(samples))


def run_seconds(samples: ScaleSamples) -> float:
    """Of all phases."""
    return sum(seconds for seconds, _ in samples.profile.phases)


def carried(samples: ScaleSamples) -> float:
    """The requests per second that the autoscaler gives to one replica."""
    return samples.profile.requests_per_second_target.value * TARGET_UTILIZATION


def per_second(samples: ScaleSamples) -> list[float]:
    """Requests that came in each second of the run."""
    counts = [0.0] * round(run_seconds(samples))
    for one in samples.sent.requests:
        if one.due < len(counts):
            counts[int(one.due)] += 1
    return counts


def is_slow(samples: ScaleSamples, request: Request) -> bool:
    """Whether it was above the limit, counted from when it was due, or had no answer."""
    return bool(request.failure) or 1000 * (request.ended - request.due) > samples.limit_ms


def hpa_replicas(samples: ScaleSamples) -> list[tuple[int, int]]:
    """(second, replicas) that an HPA on CPU would have asked for, computed."""
    profile = samples.profile
    return hpa.wanted_replicas(per_second(samples), carried(samples), floor=profile.min_replicas.value, ceiling=profile.max_replicas.value)


def _phases(samples: ScaleSamples) -> Iterator[Phase]:
    begin = 0.0
    for name, (seconds, offered) in zip(PHASES, samples.profile.phases, strict=True):
        yield _phase(samples, name, begin, begin + seconds, offered)
        begin += seconds


def _phase(samples: ScaleSamples, name: str, begin: float, end: float, offered: float) -> Phase:
    profile, floor = samples.profile, samples.profile.min_replicas.value
    requests = tuple(one for one in samples.sent.requests if begin <= one.due < end)
    enough = replicas_for(len(requests) / (end - begin), profile.requests_per_second_target.value, floor)
    arrived = per_second(samples)[: round(end)]
    return Phase(
        name=name, begin=begin, end=end, offered=offered, requests=requests, enough=enough,
        slow=sum(is_slow(samples, one) for one in requests),
        reached=_first(samples.looks, begin, end, lambda look: look.ready >= enough),
        short=short_seconds(samples.looks, begin, end, enough),
        wanted=_first(samples.looks, begin, end, lambda look: look.wanted is not None and look.wanted >= enough),
        hpa=hpa.seconds_until(arrived, carried(samples), begin, enough, floor=floor, ceiling=profile.max_replicas.value),
        last=next((one for one in reversed(samples.looks) if begin <= one.seconds < end), None),
    )  # fmt: skip


def _first(looks: Sequence[Look], begin: float, end: float, holds: Callable[[Look], bool]) -> float | None:
    """Seconds from `begin` until a condition holds; 0 when it held at the last look before."""
    before = [one for one in looks if one.seconds <= begin]
    if before and holds(before[-1]):
        return 0.0
    return next((one.seconds - begin for one in looks if begin < one.seconds < end and holds(one)), None)


def short_seconds(looks: Sequence[Look], begin: float, end: float, enough: int) -> float:
    """The time between `begin` and `end` in which too few were ready; what one look saw holds until the next."""
    ends = [*(one.seconds for one in looks[1:]), end][: len(looks)]
    return sum(
        max(0.0, min(after, end) - max(look.seconds, begin)) for look, after in zip(looks, ends, strict=True) if look.ready < enough
    )  # fmt: skip


def largest_gap(looks: Sequence[Look], begin: float, end: float) -> float:
    """The longest time between `begin` and `end` in which nobody looked."""
    within = [begin, *sorted(one.seconds for one in looks if begin < one.seconds < end), end]
    return max(after - before for before, after in pairwise(within))
