"""When requests are due, in seconds from the begin, whatever becomes of those before: the schedule of an open loop.

The schedule is the same for the same seed. Each of several processes takes every n-th arrival of the same whole schedule, so that the
processes together send it.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tidegate.facts.fact import Fact, refuse

Rate = Annotated[float, Field(gt=0, le=50_000)]


class Constant(Fact):
    """One arrival after the other at equal distance."""

    shape: Literal["constant"] = "constant"
    requests_per_second: Rate

    def seconds(self, duration_seconds: float, seed: int) -> Iterator[float]:
        """The first is due at once."""
        del seed  # nothing is left to chance
        for number in range(math.ceil(duration_seconds * self.requests_per_second)):
            yield number / self.requests_per_second


class Poisson(Fact):
    """Callers that know nothing of each other, as those of a tenant."""

    shape: Literal["poisson"] = "poisson"
    requests_per_second: Rate

    def seconds(self, duration_seconds: float, seed: int) -> Iterator[float]:
        """Distances are exponential."""
        chance, now = random.Random(seed), 0.0  # noqa: S311 - no secret
        while (now := now + chance.expovariate(self.requests_per_second)) < duration_seconds:
            yield now


class Burst(Fact):
    """Callers as with `Poisson`, and many at once every so often."""

    shape: Literal["burst"] = "burst"
    requests_per_second: Rate
    """Of those between the bursts."""
    every_seconds: Annotated[float, Field(gt=0, le=3600)]
    size: Annotated[int, Field(ge=1, le=100_000)]
    """Requests that are due at the same moment, the first time after `every_seconds`."""

    def seconds(self, duration_seconds: float, seed: int) -> Iterator[float]:
        """Both kinds in order."""
        steady = Poisson(requests_per_second=self.requests_per_second).seconds(duration_seconds, seed)
        bursts = range(1, math.ceil(duration_seconds / self.every_seconds))
        return heapq.merge(steady, (number * self.every_seconds for number in bursts for _ in range(self.size)))


class Ramp(Fact):
    """A rate that grows or falls evenly from the begin to the end."""

    shape: Literal["ramp"] = "ramp"
    from_requests_per_second: Annotated[float, Field(ge=0, le=50_000)]
    to_requests_per_second: Annotated[float, Field(ge=0, le=50_000)]

    @model_validator(mode="after")
    def _sends_something(self) -> Self:
        if self.from_requests_per_second == self.to_requests_per_second:
            raise refuse("ramp-is-level", "is the rate of the begin, too", "write shape: constant", at="to_requests_per_second")
        return self

    def seconds(self, duration_seconds: float, seed: int) -> Iterator[float]:
        """Arrival k is due when the area below the line is k."""
        del seed
        begin, slope = self.from_requests_per_second, (self.to_requests_per_second - self.from_requests_per_second) / duration_seconds
        for number in range(math.ceil(duration_seconds * (begin + self.to_requests_per_second) / 2)):
            yield 2 * number / (begin + math.sqrt(max(0.0, begin * begin + 2 * slope * number))) if number else 0.0


class Trace(Fact):
    """Arrivals that were recorded somewhere, as seconds from their begin in order; what is due after the duration is left out."""

    shape: Literal["trace"] = "trace"
    at_seconds: Annotated[tuple[Annotated[float, Field(ge=0, le=3600)], ...], Field(min_length=1, max_length=2_000_000)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for number in range(1, len(self.at_seconds)):
            if self.at_seconds[number] < self.at_seconds[number - 1]:
                raise refuse(
                    "trace-not-in-order",
                    "is before the one before it",
                    "sort the trace",
                    at=f"at_seconds[{number}]",
                    value=self.at_seconds[number],
                )
        return self

    def seconds(self, duration_seconds: float, seed: int) -> Iterator[float]:
        """As recorded."""
        del seed
        return (one for one in self.at_seconds if one < duration_seconds)


class Step(Fact):
    """A part of `Steps`."""

    seconds: Annotated[float, Field(gt=0, le=3600)]
    requests_per_second: Rate


class Steps(Fact):
    """One rate after the other, each at equal distance; the steps say how long the whole lasts."""

    shape: Literal["steps"] = "steps"
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=100)]

    @property
    def duration_seconds(self) -> float:
        """Of all steps."""
        return sum(one.seconds for one in self.steps)

    def seconds(self, duration_seconds: float, seed: int) -> Iterator[float]:
        """The first of each step is due at its begin."""
        begin = 0.0
        for step in self.steps:
            for arrival in Constant(requests_per_second=step.requests_per_second).seconds(step.seconds, seed):
                if begin + arrival >= duration_seconds:
                    return
                yield begin + arrival
            begin += step.seconds


Arrivals = Annotated[Constant | Poisson | Burst | Ramp | Trace | Steps, Field(discriminator="shape")]


def part(arrivals: Iterator[float], process: int, processes: int) -> Iterator[float]:
    """The arrivals that one of several processes sends."""
    return islice(arrivals, process, None, processes)
