"""Evidence against a candidate that may be looked at any time: wealth of a gambler whom a healthy version lets win with no more than luck.

Each look brings one tick: what came since the look before. A bet has a factor for each tick, whose expectation is at most 1 as long as the version
is healthy, whatever happened before. So has the wealth that starts at 1 and is multiplied by it. It reaches `1 / alpha` with
probability `alpha` at most, over all looks together (Ville 1939). The gambler splits the money:

- among bets of several sizes, `EXTRAS`;
- among the ticks: a part enters at each tick, the t-th being `1 / (t * (t + 1))`. A version that turns bad late meets money that was not lost before.

Two claims are bet against:

- `limit_bets`: no more than the allowed share is bad.
- `comparison_bets`: the candidate's share is at most stable's in the same tick, and a tolerated bit. Of all pairs of shares that are
  tolerated, the nearest to what is bet on, in relative entropy, is the one to be bet against. That keeps the expectation of the product over a tick at 1
  or below for every tolerated pair, because they are a convex set (Turner and Grünwald 2023). What both sides suffer in one tick cancels.

A `clustered` tick counts as one observation: its factor is the mean over the answers instead of the product, and so holds
however much they depend on each other. A pause of one second makes many answers slow; it must not count as many proofs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from tidegate.facts.fact import Fact
from tidegate.release.analysis.counts import Share

EXTRAS = (0.02, 0.07, 0.2, 0.5, 0.95)
"""What is bet on: that so large a part of the answers which should have been good is bad. From a slight excess to a crash."""

NO_BETS = (0.0,) * len(EXTRAS)
"""Of a tick in which there is nothing to bet on."""

_NOTHING = -1e9
"""The logarithm of no money, as a number that JSON has."""


class Wealth(Fact):
    """Of one gambler: the logarithms of what each bet holds after so many ticks. The rest has not entered."""

    ticks: Annotated[int, Field(ge=0)] = 0
    held: tuple[float, ...] = ()

    def after(self, bets: Sequence[float]) -> Wealth:
        """One tick later; `bets` are the logarithms of its factors."""
        ticks = self.ticks + 1
        entering = -math.log(ticks * (ticks + 1))
        held = self.held or (_NOTHING,) * len(bets)
        return Wealth(ticks=ticks, held=tuple(_log_sum(one, entering) + bet for one, bet in zip(held, bets, strict=True)))

    @property
    def evidence(self) -> float:
        """The logarithm of all of it; 0 before the first tick."""
        waiting = -math.log(self.ticks + 1)
        if not self.held:
            return waiting
        most = max(self.held)
        return _log_sum(waiting, most + math.log(math.fsum(math.exp(one - most) for one in self.held) / len(self.held)))


def limit_bets(tick: Share, allowed: float, *, clustered: bool = False) -> tuple[float, ...]:
    """For each of `EXTRAS` the logarithm of its factor, against the claim that at most the share `allowed` is bad."""
    if not tick.total or not 0 < allowed < 1:
        return NO_BETS
    return tuple(_factor(tick, allowed + (1 - allowed) * extra, allowed, clustered=clustered) for extra in EXTRAS)


def comparison_bets(
    candidate: Share, stable: Share, expected: float, tolerated: float, *, extras: Sequence[float] = EXTRAS, clustered: bool = False
) -> tuple[float, ...]:
    """For each of `extras` the logarithm of its factor, against the claim that the candidate's share is at most stable's plus `tolerated`.

    `expected` is what stable's share was before this tick, which must not know of it.
    """
    if not candidate.total or not stable.total:
        return (0.0,) * len(extras)
    return tuple(
        _comparison(candidate, stable, expected, expected + (1 - expected) * one, tolerated, clustered=clustered) for one in extras
    )


def _comparison(candidate: Share, stable: Share, expected: float, bet: float, tolerated: float, *, clustered: bool) -> float:
    if bet <= expected + tolerated:
        return 0.0  # what is bet on would be tolerated
    weights = (0.5, 0.5) if clustered else (candidate.total, stable.total)
    against = nearest_tolerated(bet, expected, weights, tolerated)
    theirs = _factor(candidate, bet, against + tolerated, clustered=clustered)
    ours = _factor(stable, expected, against, clustered=clustered)
    return math.log((math.exp(theirs) + math.exp(ours)) / 2) if clustered else theirs + ours


def _factor(tick: Share, bet: float, against: float, *, clustered: bool) -> float:
    bad, good = math.log(bet / against), math.log((1 - bet) / (1 - against))
    if clustered:
        return math.log(tick.value * math.exp(bad) + (1 - tick.value) * math.exp(good))
    return tick.bad * bad + (tick.total - tick.bad) * good


def nearest_tolerated(candidate: float, stable: float, weights: tuple[float, float], tolerated: float) -> float:
    """Stable's share in the tolerated pair that is nearest to (`candidate`, `stable`), which is not tolerated; the candidate's is `tolerated` above."""
    low, high = stable, candidate - tolerated

    def slope(share: float) -> float:
        other = share + tolerated
        return weights[0] * (other - candidate) / (other * (1 - other)) + weights[1] * (share - stable) / (share * (1 - share))

    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return (low + high) / 2


def _log_sum(first: float, second: float) -> float:
    high, low = max(first, second), min(first, second)
    return high + math.log1p(math.exp(low - high))
