"""A true shift is found within some nights and pure noise hardly ever gives one. All of it is simulated."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.root import WHOLE
from tests.tidegate.gates.history.series import noise
from tidegate.gates.history.judge import NIGHTS_NEEDED, WINDOW_NIGHTS
from tidegate.gates.history.shift import SEGMENT_NIGHTS, find_shifts

YEARS = 200 if WHOLE else 8
ROUNDS = 400 if WHOLE else 60


def alarms(draw: Callable[[], float]) -> tuple[int, int]:
    """Of `YEARS` years of one series: in how many there was an alarm, and on how many nights."""
    years = nights = 0
    for _ in range(YEARS):
        values = [draw() for _ in range(365)]
        found = sum(bool(find_shifts(values[max(0, last - WINDOW_NIGHTS) : last])) for last in range(NIGHTS_NEEDED, 366))
        years += bool(found)
        nights += found
    return years, nights


@pytest.mark.parametrize("shape", ["normal", "lognormal", "without a mean"])
def test_noise_is_no_shift(shape: str) -> None:
    """At most one night in a thousand of a series that never changes, and one year in twelve; the same for every distribution."""
    draw = random.Random(51)
    shapes: dict[str, Callable[[], float]] = {
        "normal": lambda: draw.gauss(0, 1),
        "lognormal": lambda: draw.lognormvariate(0, 1),
        "without a mean": lambda: draw.gauss(0, 1) / draw.gauss(0, 1),
    }
    years, nights = alarms(shapes[shape])
    assert years <= max(1, YEARS // 12)
    assert nights <= max(3, YEARS * (365 - NIGHTS_NEEDED) / 1000)


@pytest.mark.parametrize(("percent", "within"), [(10, 14), (15, 8), (25, 6), (100, 6)])
def test_shift_is_found_within_some_nights(percent: int, within: int) -> None:
    """Nine times in ten, of nights that differ by 5 % among themselves, after 50 nights."""
    late = 0
    for seed in range(ROUNDS):
        before, after = noise(seed, 50), noise(1000 + seed, within, centre=10 * (1 + percent / 100))
        late += not find_shifts([*before, *after])
    assert late <= ROUNDS / 10


def test_begin_of_a_shift_is_named() -> None:
    begins = find_shifts([*noise(1, 40), *noise(2, 20, centre=13.0)])
    assert len(begins) == 1
    assert abs(begins[0] - 40) <= 1


@pytest.mark.parametrize("bad", [1, SEGMENT_NIGHTS - 1])
def test_bad_nights_alone_are_no_shift(bad: int) -> None:
    assert find_shifts([*noise(3, 40), *[500.0] * bad, *noise(4, 15)]) == []
    assert find_shifts([*noise(3, 40), *[500.0] * bad]) == []


def test_same_value_every_night_is_no_shift() -> None:
    assert find_shifts([1.0] * 60) == []
    assert find_shifts([1.0] * 40 + [0.9] * 10) == [40]


@pytest.mark.parametrize(("after", "begins"), [([0.85] * 3, [45]), ([0.85] * 2, []), ([0.85, 0.95, 0.85], []), ([0.85, 0.9, 0.9], [])])
def test_value_that_never_changed_may_change_only_for_good(after: list[float], begins: list[int]) -> None:
    assert find_shifts([0.9] * 45 + after) == begins


def test_a_handful_of_nights_is_no_series() -> None:
    assert find_shifts([1.0, 2.0, 3.0, 4.0]) == []
