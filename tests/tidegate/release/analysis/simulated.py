"""Many releases at once, in numpy: what comes of each second, and the same judging as the product's, which a test holds equal to it.

Requests come as a Poisson process and go to the candidate with the probability of the step. Everything follows from the seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tidegate.release.analysis.evidence import EXTRAS
from tidegate.release.analysis.limits import Limits

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass
class Rates:
    """Of one second, for each release: the shares of bad answers of both, and their distributions of decisions."""

    errors: tuple[Numbers, Numbers]
    slow: tuple[Numbers, Numbers]
    mixes: tuple[Numbers, Numbers]


@dataclass
class Second:
    """What came of it: for stable and candidate all answers, failed ones, slow ones, decisions by class."""

    total: tuple[Numbers, Numbers]
    errors: tuple[Numbers, Numbers]
    slow: tuple[Numbers, Numbers]
    decisions: tuple[Numbers, Numbers]


def draw(generator: np.random.Generator, rates: Rates, share: float, per_second: float) -> Second:
    """The first of a pair is stable, the second the candidate."""
    releases = len(rates.errors[0])
    totals = tuple(generator.poisson(per_second * part, releases).astype(np.int64) for part in (1 - share, share))

    def pair(shares: tuple[Numbers, Numbers]) -> tuple[Numbers, Numbers]:
        found = [generator.binomial(total, np.minimum(one, 1.0)).astype(float) for total, one in zip(totals, shares, strict=True)]
        return found[0], found[1]

    decided = [generator.multinomial(total, mix).astype(float) for total, mix in zip(totals, rates.mixes, strict=True)]
    return Second((totals[0].astype(float), totals[1].astype(float)), pair(rates.errors), pair(rates.slow), (decided[0], decided[1]))


def _log_sum(first: Numbers, second: Numbers | float) -> Numbers:
    return np.logaddexp(first, second)


class Money:
    """As `Wealth`, of many gamblers."""

    def __init__(self, releases: int, bets: int) -> None:
        self.ticks, self.held = 0, np.full((releases, bets), -1e9)

    def add(self, bets: Numbers) -> None:
        self.ticks += 1
        self.held = _log_sum(self.held, -math.log(self.ticks * (self.ticks + 1))) + bets

    @property
    def evidence(self) -> Numbers:
        most = self.held.max(axis=1)
        mean = most + np.log(np.exp(self.held - most[:, None]).mean(axis=1))
        return _log_sum(mean, -math.log(self.ticks + 1))


def factor(bad: Numbers, total: Numbers, bet: Numbers, against: Numbers, *, clustered: bool) -> Numbers:
    """Columns are bets."""
    of_bad, of_good = np.log(bet / against), np.log((1 - bet) / (1 - against))
    bad, total = bad[:, None], total[:, None]
    if not clustered:
        return bad * of_bad + (total - bad) * of_good
    share = bad / np.maximum(total, 1)
    return np.log(share * np.exp(of_bad) + (1 - share) * np.exp(of_good))


def limit_bets(bad: Numbers, total: Numbers, allowed: Numbers, *, clustered: bool) -> Numbers:
    possible = np.clip(allowed, 1e-12, 1 - 1e-12)[:, None]
    bets = factor(bad, total, possible + (1 - possible) * np.array(EXTRAS), possible, clustered=clustered)
    return np.where(((total > 0) & (allowed < 1))[:, None], bets, 0.0)


def comparison_bets(
    candidate: tuple[Numbers, Numbers],
    stable: tuple[Numbers, Numbers],
    expected: Numbers,
    bet: Numbers,
    tolerated: float,
    *,
    clustered: bool,
) -> Numbers:
    """Each side is (bad, total)."""
    expected = np.broadcast_to(expected[:, None], bet.shape)
    is_bet = (bet > expected + tolerated) & ((candidate[1] > 0) & (stable[1] > 0))[:, None]
    bet = np.where(is_bet, bet, expected + tolerated + (1 - expected - tolerated) / 2)
    half = np.full(len(bet), 0.5)
    weights = (half, half) if clustered else (candidate[1], stable[1])
    against = _nearest(bet, expected, weights, tolerated)
    of_candidate = factor(*candidate, bet, against + tolerated, clustered=clustered)
    of_stable = factor(*stable, expected, against, clustered=clustered)
    both = np.log((np.exp(of_candidate) + np.exp(of_stable)) / 2) if clustered else of_candidate + of_stable
    return np.where(is_bet, both, 0.0)


def _nearest(bet: Numbers, expected: Numbers, weights: tuple[Numbers, Numbers], tolerated: float) -> Numbers:
    """As `nearest_tolerated`, with Newton's method at the end, which is faster for many."""
    ours, theirs = weights[0][:, None], weights[1][:, None]
    low, high = expected, bet - tolerated
    middle = (low + high) / 2
    for number in range(20):
        other = middle + tolerated
        spread, others = middle * (1 - middle), other * (1 - other)
        slope = ours * (other - bet) / others + theirs * (middle - expected) / spread
        low, high = np.where(slope > 0, low, middle), np.where(slope > 0, middle, high)
        if number < 15:
            middle = (low + high) / 2
        else:
            steepness = ours * (others - (other - bet) * (1 - 2 * other)) / others**2
            steepness = steepness + theirs * (spread - (middle - expected) * (1 - 2 * middle)) / spread**2
            middle = np.clip(middle - slope / np.maximum(steepness, 1e-12), low, high)
    return middle


@dataclass
class ShareJudge:
    """As `judge_share`."""

    releases: int
    allowed: float
    clustered: bool
    total: list[Numbers] = field(init=False)
    bad: list[Numbers] = field(init=False)

    def __post_init__(self) -> None:
        self.of_limit, self.of_stable = Money(self.releases, len(EXTRAS)), Money(self.releases, len(EXTRAS))
        self.total, self.bad = ([np.zeros(self.releases), np.zeros(self.releases)] for _ in range(2))
        self.before = np.zeros(self.releases)

    def look(self, bad: tuple[Numbers, Numbers], total: tuple[Numbers, Numbers]) -> None:
        expected = (self.bad[0] + 0.5) / (self.total[0] + 50)
        bets = expected[:, None] + (1 - expected[:, None]) * np.array(EXTRAS)
        self.of_stable.add(comparison_bets((bad[1], total[1]), (bad[0], total[0]), expected, bets, self.allowed, clustered=self.clustered))
        share = np.where(bad[0] > 0, (bad[0] + 1) / (total[0] + 1), 0.0)
        excuse = np.maximum(share, self.before)
        answers = bad[1], total[1], self.allowed + excuse
        found = limit_bets(*answers, clustered=True)
        if not self.clustered:
            found = np.where((total[0] > 0)[:, None], found, limit_bets(*answers, clustered=False))
        self.of_limit.add(found)
        self.before = share
        for side in (0, 1):
            self.total[side] += total[side]
            self.bad[side] += bad[side]

    @property
    def evidence(self) -> Numbers:
        return np.maximum(self.of_limit.evidence, self.of_stable.evidence)


@dataclass
class DecisionJudge:
    """As `judge_decisions`."""

    releases: int
    classes: int
    tolerated: float

    def __post_init__(self) -> None:
        self.money = Money(self.releases, 2)
        self.seen = [np.zeros((self.releases, self.classes)) for _ in range(2)]

    def look(self, decisions: tuple[Numbers, Numbers]) -> None:
        stable, candidate = self.seen
        theirs, ours = stable.sum(axis=1), candidate.sum(axis=1)
        are_there = (theirs > 0) & (ours > 0)
        favoured = candidate / np.maximum(ours, 1)[:, None] > stable / np.maximum(theirs, 1)[:, None]
        guessed, expected = (((one * favoured).sum(axis=1) + 1) / (total + 2) for one, total in ((candidate, ours), (stable, theirs)))
        excess = guessed - expected - self.tolerated
        is_bet = are_there & (excess > 0)
        bets = expected[:, None] + self.tolerated + np.array((0.5, 1.0)) * np.maximum(excess, 1e-3)[:, None]
        bets = np.minimum(bets, 1 - 1e-9)
        found = comparison_bets(
            ((decisions[1] * favoured).sum(axis=1), decisions[1].sum(axis=1)),
            ((decisions[0] * favoured).sum(axis=1), decisions[0].sum(axis=1)),
            np.where(is_bet, expected, 0.1), np.where(is_bet[:, None], bets, 0.5), self.tolerated, clustered=False,
        )  # fmt: skip
        self.money.add(np.where(is_bet[:, None], found, 0.0))
        self.seen = [one + more for one, more in zip(self.seen, decisions, strict=True)]

    @property
    def evidence(self) -> Numbers:
        return self.money.evidence


class Releases:
    """Many releases, judged once a second."""

    def __init__(self, releases: int, limits: Limits, classes: int) -> None:
        assert limits.slow_allowed
        assert limits.shift_tolerated
        self.limits, self.enough = limits, math.log(1 / limits.alpha)
        self.errors = ShareJudge(releases, limits.errors_allowed, clustered=False)
        self.slow = ShareJudge(releases, limits.slow_allowed, clustered=True)
        self.decisions = DecisionJudge(releases, classes, limits.shift_tolerated)
        self.bad = np.zeros((releases, 3), dtype=bool)

    def look(self, second: Second) -> Flags:
        """Which are bad after it, by kind of figure."""
        self.errors.look(second.errors, second.total)
        self.slow.look(second.slow, second.total)
        self.decisions.look(second.decisions)
        now = [(one.evidence >= self.enough) & (one.bad[1] >= self.limits.minimum_bad) for one in (self.errors, self.slow)]
        self.bad |= np.stack([*now, self.decisions.evidence >= self.enough], axis=1)
        return self.bad

    @property
    def evidence(self) -> Sequence[Numbers]:
        return (self.errors.evidence, self.slow.evidence, self.decisions.evidence)
