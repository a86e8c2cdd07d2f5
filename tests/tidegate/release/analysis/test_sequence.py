"""The intervals are those of others' libraries, and hold at every look together."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.root import WHOLE
from tests.tidegate.release.analysis.oracles import entropy_radius, share_intervals
from tidegate.gates.bounds import share_range
from tidegate.release.analysis.counts import Share
from tidegate.release.analysis.sequence import PRIOR, apart, apart_interval, is_above, share_interval

ROUNDS = 3000 if WHOLE else 60


@pytest.mark.parametrize("share", [0.0, 0.003, 0.05, 0.5, 1.0])
def test_interval_of_a_share_is_that_of_the_library(share: float) -> None:
    chance = random.Random(5)
    answers = [chance.random() < share for _ in range(2000)]
    theirs = share_intervals(answers, PRIOR)
    for number in (1, 2, 3, 10, 99, 500, 2000):
        ours = share_interval(Share(total=number, bad=sum(answers[:number])))
        assert (ours.low, ours.high) == pytest.approx(theirs[number - 1], abs=1e-9)


@pytest.mark.parametrize("bad", [0, 3, 9, 10, 11, 25, 1000])
def test_above_is_what_the_lower_edge_says(bad: int) -> None:
    seen = Share(total=1000, bad=bad)
    assert is_above(seen, 0.005) == (share_interval(seen).low > 0.005)


def test_interval_without_a_sample_is_everything() -> None:
    nothing = share_interval(Share())
    assert (nothing.low, nothing.high) == (0, 1)
    assert not is_above(Share(), 0.01)


@pytest.mark.parametrize(("total", "bad"), [(300, 0), (1000, 5), (50, 25)])
def test_looking_at_every_sample_costs_width(total: int, bad: int) -> None:
    ours, once = share_interval(Share(total=total, bad=bad)), share_range(bad, total, 0.995)
    assert ours.low <= once[0] <= once[1] <= ours.high


@pytest.mark.parametrize("share", [0.002, 0.01, 0.2])
def test_true_share_is_left_out_at_any_look_at_most_as_often_as_allowed(share: float) -> None:
    chance, missed = random.Random(3), 0
    for _ in range(ROUNDS):
        bad = 0
        for total in range(1, 301):
            bad += chance.random() < share
            if total % 10 == 0:
                interval = share_interval(Share(total=total, bad=bad))
                if not interval.low <= share <= interval.high:
                    missed += 1
                    break
    assert share_range(missed, ROUNDS, 0.99)[0] <= 0.01


def test_distance_is_the_largest_difference_of_any_group() -> None:
    assert apart({"a": 70, "b": 30}, {"a": 30, "b": 70}) == pytest.approx(0.4)
    assert apart({"a": 5}, {"b": 7}) == pytest.approx(1)
    assert apart({"a": 5, "b": 5}, {"a": 50, "b": 50}) == pytest.approx(0)
    assert apart({}, {"a": 1}) == 0


def test_radius_is_the_dirichlet_mixture_of_scipy() -> None:
    counts = {"a": 120, "b": 60, "c": 20, "d": 0}
    interval = apart_interval(counts, counts)
    assert (interval.low, interval.high) == pytest.approx((0, 2 * entropy_radius(list(counts.values()), 0.005)))


def test_true_distance_is_left_out_at_any_look_at_most_as_often_as_allowed() -> None:
    generator, missed = np.random.default_rng(9), 0
    ours, theirs = np.array([0.5, 0.3, 0.2]), np.array([0.3, 0.3, 0.4])
    for _ in range(ROUNDS):
        candidate = np.cumsum(generator.multinomial(6, ours, size=60), axis=0)
        stable = np.cumsum(generator.multinomial(54, theirs, size=60), axis=0)
        for look in range(60):
            one, other = (dict(zip("abc", counts[look].tolist(), strict=True)) for counts in (candidate, stable))
            interval = apart_interval(one, other)
            if not interval.low <= 0.2 <= interval.high:
                missed += 1
                break
    assert share_range(missed, ROUNDS, 0.99)[0] <= 0.01


def test_class_that_one_side_never_has_counts_on_both() -> None:
    assert apart_interval({"a": 100}, {"a": 100, "b": 0}).high == pytest.approx(apart_interval({"a": 100, "b": 0}, {"a": 100}).high)
    assert apart_interval({"a": 400}, {"b": 400}).low > 0.5
