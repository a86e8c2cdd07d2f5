"""What was read of pods at one look, not yet believed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from tidegate.facts.numerals import decimal
from tidegate.release.analysis.counts import Hold

_COUNTED_EXACTLY = 2**53
"""Prometheus counts in floats, which beyond this skip whole numbers."""


class Counter(StrEnum):
    """What a sample counts; all of it since the process started."""

    REQUESTS = "requests"
    ERRORS = "errors"
    """A program that had no error yet need not have this one."""
    WITHIN = "within"
    """A bucket of the histogram of durations: answers within `key` seconds; `+Inf` is all of them."""
    DECISIONS = "decisions"
    """Decisions in the class, or band of scores, `key`."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose numbers they are, in the words of the cluster."""

    tenant: str
    model: str
    revision: str
    revision_uid: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One number as it stood there."""

    counter: Counter
    value: str | float
    key: str = ""


@dataclass(frozen=True, slots=True)
class PodReading:
    """What one pod said: of a revision's own pods, or a gateway's of one revision."""

    pod: str
    labels: Identity
    """As the numbers' own labels say, not as was asked for."""
    at_seconds: float
    """When the newest sample was taken, by the server's clock."""
    samples: tuple[Sample, ...]
    started_seconds: float | None = None
    """When the counting process started, where it says so."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a look must hold to be judged."""

    labels: Identity
    pods: frozenset[str]
    """Those that the API server says are ready."""
    counters: frozenset[Counter]
    edge_seconds: float | None = None
    """Above this an answer is slow; with `WITHIN`."""
    stale_seconds: float = 5.0
    """Older samples are no samples."""


def doubts(reading: PodReading, wanted: Wanted, now_seconds: float) -> Iterator[Hold]:
    """Everything for which what one pod said is not believed."""
    age = now_seconds - reading.at_seconds
    if not math.isfinite(age) or abs(age) > wanted.stale_seconds:
        when = f"are {age:.0f} s old" if math.isfinite(age) and age > 0 else f"are dated {-age:.0f} s ahead"
        yield _hold(
            "stale",
            reading,
            f"its numbers {when}, {decimal(wanted.stale_seconds)} s at most are believed; see whether it answers and whose clock is wrong",
        )
    for name in ("tenant", "model", "revision", "revision_uid"):
        said, asked = getattr(reading.labels, name), getattr(wanted.labels, name)
        if said != asked:
            yield _hold(
                "wrong-labels",
                reading,
                f"its numbers are of {name} {said or 'nobody'}, not {asked}; correct the address that is read, or the labels",
            )
    seen: set[tuple[Counter, str | float]] = set()
    for sample in reading.samples:
        name = f"{sample.counter} {sample.key}".rstrip()
        series = (sample.counter, edge(sample.key) if sample.counter is Counter.WITHIN else sample.key)
        if series in seen:
            yield _hold(
                "several-series", reading, f"{name} is there more than once, and one of them would be left out; read one series of each"
            )
        seen.add(series)
        if whole_number(sample.value) is None:
            yield _hold("no-count", reading, f"{name} is {str(sample.value)[:40]!r}, which no counter can be; see what its program exports")
    for counter in sorted({Counter.REQUESTS, Counter.WITHIN} & wanted.counters - {one for one, _ in seen}):
        yield _hold("no-data", reading, f"it has no number of {counter}; see whether the program counts it and requests reach it")
    if Counter.WITHIN in wanted.counters and any(counter is Counter.WITHIN for counter, _ in seen):
        yield from _doubts_of_histogram(reading, wanted)


def _doubts_of_histogram(reading: PodReading, wanted: Wanted) -> Iterator[Hold]:
    edges = sorted((edge(sample.key), whole_number(sample.value) or 0) for sample in reading.samples if sample.counter is Counter.WITHIN)
    known = [one for one, _ in edges if one >= 0]
    if len(known) < len(edges):
        yield _hold("histogram-without-edge", reading, "a bucket does not say where it ends (le); read the buckets with their edges")
    missing = [one for one in (wanted.edge_seconds, math.inf) if one not in known]
    if missing:
        there = ", ".join(map(str, known)) or "none"
        yield _hold(
            "histogram-without-edge",
            reading,
            f"no bucket ends at {missing[0]} s, only at {there}; give the histogram an edge at the promised p99",
        )
    if any(wider < narrower for (_, narrower), (_, wider) in pairwise(edges)):
        yield _hold("no-count", reading, "a wider bucket holds less than a narrower one; see what its program exports")


def edge(key: str) -> float:
    """The seconds at which a bucket ends; below zero where it does not say."""
    try:
        seconds = float(key)
    except ValueError:
        return -1.0
    return seconds if seconds >= 0 else -1.0


def whole_number(value: str | float) -> int | None:
    """A count; None for what no counter can be."""
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if isinstance(value, bool) or not 0 <= number <= _COUNTED_EXACTLY or number != math.floor(number):
        return None
    return int(number)


def _hold(rule: str, reading: PodReading, text: str) -> Hold:
    return Hold(rule, f"pod {reading.pod}", text)
