"""Finds the nights from which on the values of a series are others, whatever their distribution is.

Values become normal scores of their ranks, so that neither the unit nor one wild night matters, and the rate of false alarms is the same for
every series whose nights are independent of each other. Segments are found by ruptures (decision 0051).
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any, cast

from tidegate.errors import UsageError

SEGMENT_NIGHTS = 3
"""One bad night is none, and two are none."""

PENALTY = 16.0
"""What a further segment has to explain, in the variance of normal scores. Chosen by simulation: `tests/tidegate/gates/history`."""


def find_shifts(values: Sequence[float]) -> list[int]:
    """The index of the first value of every segment but the first. Raises `UsageError` where the library is not installed."""
    if len(values) < 2 * SEGMENT_NIGHTS:
        return []
    if begin := _end_of_constant(values):
        return [begin]
    try:
        import numpy  # noqa: PLC0415 - a fifth of a second, and only who looks at nights has it
        import ruptures  # noqa: PLC0415 - with scipy
    except ImportError as error:
        raise UsageError(f"{error.name} is not installed, which finds shifts; run `make setup-tests`") from error
    signal = numpy.array(_normal_scores(values)).reshape(-1, 1)
    search = cast("Any", ruptures).KernelCPD(kernel="linear", min_size=SEGMENT_NIGHTS).fit(signal)
    return [int(end) for end in search.predict(pen=PENALTY)[:-1]]


def _end_of_constant(values: Sequence[float]) -> int:
    """Where nights that were all the same ended for good, as those of a golden set do; 0 where they did not. Ranks say little of equal values."""
    begin = next((number for number, value in enumerate(values) if value != values[0]), len(values))
    after = values[begin:]
    is_one_way = all(value > values[0] for value in after) or all(value < values[0] for value in after)
    return begin if begin >= len(values) // 2 and len(after) >= SEGMENT_NIGHTS and is_one_way else 0


def _normal_scores(values: Sequence[float]) -> list[float]:
    """What a normal distribution has at the rank of each; equal values share the middle of their ranks."""
    ordered = sorted(values)
    first = {value: number for number, value in reversed(list(enumerate(ordered)))}
    last = {value: number for number, value in enumerate(ordered)}
    normal = NormalDist()
    return [normal.inv_cdf(((first[value] + last[value]) / 2 + 0.5) / len(values)) for value in values]
