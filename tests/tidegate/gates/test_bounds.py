"""The bounds are exact: they equal fractions summed by hand, and what they decide is wrong at most once in a hundred."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from tidegate.gates.bounds import CONFIDENCE, at_most, judge_share, quantile_ranks, samples_needed
from tidegate.gates.verdict import Outcome


def summed(count: int, samples: int, share: Fraction) -> Fraction:
    terms = (math.comb(samples, number) * share**number * (1 - share) ** (samples - number) for number in range(count + 1))
    return sum(terms, Fraction(0))


@pytest.mark.parametrize(
    ("samples", "share"), [(1, Fraction(1, 2)), (50, Fraction(1, 3)), (459, Fraction(1, 100)), (300, Fraction(99, 100))]
)
def test_probability_equals_the_sum_of_fractions(samples: int, share: Fraction) -> None:
    for count in sorted({-1, 0, 1, samples // 100, samples // 2, samples - 2, samples - 1, samples}):
        assert at_most(count, samples, float(share)) == pytest.approx(float(summed(count, samples, share)), rel=1e-9, abs=1e-300)


def test_probability_of_many_samples_is_neither_lost_nor_above_one() -> None:
    whole = [at_most(count, 1_000_000, 0.01) for count in (0, 9_000, 9_900, 10_000, 10_100, 11_000, 999_999)]
    assert whole == sorted(whole)
    assert (whole[0] < 1e-300, 0.49 < whole[3] < 0.51, whole[-1]) == (True, True, 1.0)


def test_fewest_samples_are_those_of_the_formula() -> None:
    assert samples_needed(0.01) == math.ceil(math.log(0.01) / math.log(0.99)) == 459
    assert samples_needed(0.0001) == 46_050
    one = samples_needed(0.01, bad=1)
    assert at_most(1, one, 0.01) <= 0.01 < at_most(1, one - 1, 0.01)


@pytest.mark.parametrize(
    ("bad", "samples", "outcome"),
    [
        (0, 458, Outcome.INCONCLUSIVE),
        (0, 459, Outcome.PASS),
        (1, 459, Outcome.INCONCLUSIVE),
        (0, 0, Outcome.INCONCLUSIVE),
        (1, 1, Outcome.FAIL),
        (2, 2, Outcome.FAIL),
        (10, 1000, Outcome.INCONCLUSIVE),
        (19, 1000, Outcome.FAIL),
        (2, 1000, Outcome.PASS),
    ],
)
def test_share_is_proved_refuted_or_neither(bad: int, samples: int, outcome: Outcome) -> None:
    assert judge_share(bad, samples, 0.01) is outcome


@pytest.mark.parametrize("samples", [459, 1000, 6000, 30_000])
@pytest.mark.parametrize(("true_share", "wrong"), [(0.01 + 1e-9, Outcome.PASS), (0.01 - 1e-9, Outcome.FAIL)])
def test_at_the_limit_itself_one_in_a_hundred_is_wrong_at_most(samples: int, true_share: float, wrong: Outcome) -> None:
    counts = range(min(samples, 20 + 2 * samples // 100))
    probability = sum(
        at_most(bad, samples, true_share) - at_most(bad - 1, samples, true_share)
        for bad in counts
        if judge_share(bad, samples, 0.01) is wrong
    )
    assert 0 < probability <= 1 - CONFIDENCE + 1e-6


@pytest.mark.parametrize("samples", [500, 5000])
def test_ranks_hold_the_quantile_and_narrower_ones_do_not(samples: int) -> None:
    below, above = quantile_ranks(samples, 0.99)
    assert below is not None
    assert above is not None
    # A sample of rank r is at or above the quantile unless r or more are below it, as each is with probability 0.99.
    assert at_most(above - 1, samples, 0.99) >= CONFIDENCE > at_most(above - 2, samples, 0.99)
    assert at_most(below - 1, samples, 0.99) <= 1 - CONFIDENCE < at_most(below, samples, 0.99)


def test_too_few_samples_have_no_bound_above() -> None:
    assert quantile_ranks(458, 0.99)[1] is None
    assert quantile_ranks(459, 0.99)[1] == 459
    assert quantile_ranks(0, 0.99) == (None, None)
