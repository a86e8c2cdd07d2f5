"""A healthy version's bets are worth at most what was put in: summed over everything that can come, not sampled."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable

import pytest

from tests.tidegate.release.analysis.oracles import binomial, nearest_pair
from tidegate.release.analysis.counts import Share
from tidegate.release.analysis.evidence import EXTRAS, NO_BETS, Wealth, comparison_bets, limit_bets, nearest_tolerated


def expected(share: float, total: int, factor: Callable[[Share], float]) -> float:
    """The mean of a factor over all binomial counts."""
    return sum(binomial(bad, total, share) * factor(Share(total=total, bad=bad)) for bad in range(total + 1))


@pytest.mark.parametrize("total", [1, 6, 40])
@pytest.mark.parametrize("clustered", [False, True], ids=["each answer", "clustered"])
def test_factors_of_the_limit_have_the_mean_one_at_the_limit_and_less_below(total: int, clustered: bool) -> None:
    for number in range(len(EXTRAS)):
        at, below, above = (
            expected(share, total, lambda tick, which=number: math.exp(limit_bets(tick, 0.01, clustered=clustered)[which]))
            for share in (0.01, 0.004, 0.02)
        )
        assert at == pytest.approx(1)
        assert below < 1 < above


def mean_of_comparison(ours: float, theirs: float, totals: tuple[int, int], believed: float, *, clustered: bool, number: int) -> float:
    def of_candidate(candidate: Share) -> float:
        return expected(
            theirs,
            totals[1],
            lambda stable: math.exp(comparison_bets(candidate, stable, believed, 0.005, clustered=clustered)[number]),
        )

    return expected(ours, totals[0], of_candidate)


@pytest.mark.parametrize("totals", [(1, 9), (3, 3), (6, 10)], ids=str)
@pytest.mark.parametrize("clustered", [False, True], ids=["each answer", "clustered"])
@pytest.mark.parametrize("believed", [0.001, 0.05, 0.3])
def test_factors_of_the_comparison_have_at_most_the_mean_one_for_every_tolerated_pair(
    totals: tuple[int, int], clustered: bool, believed: float
) -> None:
    for theirs, less, number in itertools.product((0.0, 0.01, 0.2, 0.9), (0.0, 0.005), (0, 2, 4)):
        assert mean_of_comparison(theirs + 0.005 - less, theirs, totals, believed, clustered=clustered, number=number) <= 1 + 1e-9


def test_a_candidate_that_is_worse_than_is_tolerated_wins_something() -> None:
    assert mean_of_comparison(0.2, 0.01, (6, 20), 0.01, clustered=False, number=2) > 2
    assert mean_of_comparison(0.2, 0.01, (6, 20), 0.01, clustered=True, number=2) > 1


@pytest.mark.parametrize("correlated", [Share(total=6, bad=6), Share(total=60, bad=60)], ids=str)
def test_a_tick_in_which_all_answers_fall_together_counts_once(correlated: Share) -> None:
    together, none = correlated, Share(total=correlated.total)
    for number in range(len(EXTRAS)):
        once, never = (math.exp(limit_bets(tick, 0.01, clustered=True)[number]) for tick in (together, none))
        assert 0.01 * once + 0.99 * never == pytest.approx(1)
        apart, never_apart = (math.exp(limit_bets(tick, 0.01)[number]) for tick in (together, none))
        assert 0.01 * apart + 0.99 * never_apart > 5, "which is why slow answers are clustered"


def test_nearest_tolerated_pair_is_that_of_an_optimiser() -> None:
    chance = random.Random(1)
    for _ in range(50):
        stable, tolerated = chance.uniform(0.001, 0.4), chance.uniform(0.001, 0.1)
        candidate = chance.uniform(stable + tolerated + 0.01, 0.99)
        weights = (float(chance.randint(1, 50)), float(chance.randint(1, 50)))
        expected_share = nearest_pair(candidate, stable, weights, tolerated)
        assert nearest_tolerated(candidate, stable, weights, tolerated) == pytest.approx(expected_share, abs=1e-5)


@pytest.mark.parametrize(
    ("candidate", "stable", "believed"),
    [
        (Share(), Share(total=9), 0.01),
        (Share(total=9, bad=9), Share(), 0.01),
        (Share(total=9, bad=9), Share(total=9), 0.99),
    ],
    ids=["no answer of the candidate", "none of stable", "nothing worse than stable to bet on"],
)
def test_nothing_is_bet_where_nothing_can_be_compared(candidate: Share, stable: Share, believed: float) -> None:
    assert comparison_bets(candidate, stable, believed, 0.05) == NO_BETS


def test_nothing_is_bet_against_a_limit_that_allows_all() -> None:
    assert limit_bets(Share(total=9, bad=9), 1.01) == NO_BETS
    assert limit_bets(Share(), 0.01) == NO_BETS
    assert limit_bets(Share(total=9, bad=9), 0.01) != NO_BETS


def test_wealth_is_what_is_held_and_what_has_not_entered() -> None:
    assert Wealth().evidence == pytest.approx(0)
    wealth = Wealth()
    for _ in range(1000):
        wealth = wealth.after(NO_BETS)
    assert wealth.evidence == pytest.approx(0)
    won = Wealth().after((math.log(10), math.log(1)))
    assert math.exp(won.evidence) == pytest.approx(0.5 + 0.5 * (10 + 1) / 2)


def test_a_version_that_turns_bad_late_is_found_as_soon() -> None:
    def answers_until_proved(healthy: int) -> int:
        wealth, bad = Wealth(), 0
        for _ in range(healthy):
            wealth = wealth.after(limit_bets(Share(total=6), 0.01))
        while wealth.evidence < math.log(500):
            bad += 1
            wealth = wealth.after(limit_bets(Share(total=1, bad=1), 0.01))
        return bad

    assert answers_until_proved(0) == 2
    assert answers_until_proved(10_000) == 6
