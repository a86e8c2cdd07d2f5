"""What others' libraries say, with types: they have none of their own."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import scipy.optimize
import scipy.special
import scipy.stats
import ville


@lru_cache(maxsize=10_000)
def binomial(bad: int, total: int, share: float) -> float:
    """The probability of so many."""
    return float(scipy.stats.binom.pmf(bad, total, share))


def nearest_pair(candidate: float, stable: float, weights: tuple[float, float], tolerated: float) -> float:
    """Stable's share in the tolerated pair that is nearest in relative entropy, by an optimiser."""

    def distance(share: float) -> float:
        ours = scipy.stats.entropy([candidate, 1 - candidate], [share + tolerated, 1 - share - tolerated])
        theirs = scipy.stats.entropy([stable, 1 - stable], [share, 1 - share])
        return float(weights[0] * ours + weights[1] * theirs)

    bounds = (1e-6, 1 - tolerated - 1e-6)
    return float(scipy.optimize.minimize_scalar(distance, bounds=bounds, method="bounded", options={"xatol": 1e-9}).x)


def share_intervals(answers: Sequence[bool], prior: tuple[float, float]) -> list[tuple[float, float]]:
    """The confidence sequence of ville, at 99 %, after each answer."""
    found = ville.BernoulliCS(alpha=0.01, prior=prior, intersect=False).fit(np.array(answers, dtype=float))
    return list(zip(found.lower_.tolist(), found.upper_.tolist(), strict=True))


def entropy_radius(counts: Sequence[int], wrong: float) -> float:
    """How far the true distribution is, by the Dirichlet mixture and Pinsker's inequality."""
    numbers, total = np.array(counts), sum(counts)
    mixed = scipy.stats.dirichlet_multinomial.logpmf(numbers, np.full(len(counts), 0.5), total)
    arrangements = scipy.special.gammaln(total + 1) - scipy.special.gammaln(numbers + 1).sum()
    best = scipy.special.xlogy(numbers, numbers / total).sum()
    return float(np.sqrt((np.log(1 / wrong) + best - (mixed - arrangements)) / (2 * total)))
