"""Intervals that hold at every look together, however often one looks and whenever one stops.

- A share: the beta-binomial mixture (Robbins 1970; Howard et al. 2021). A share is left out when the evidence against it passes `1 / alpha`.
- How far two sets of decisions are apart (total variation: the largest difference of any group of classes): for each the mixture of all
  distributions, which bounds the relative entropy to the true one, and Pinsker's inequality.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tidegate.release.analysis.counts import Share

CONFIDENCE = 0.99

PRIOR = (0.5, 49.5)
"""Where the mixture looks first: small shares. It decides how wide an interval is, never whether it holds."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds that hold at every look together."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"between {self.low:.2%} and {self.high:.2%}"


def share_interval(seen: Share, confidence: float = CONFIDENCE, prior: tuple[float, float] = PRIOR) -> Interval:
    """The true share of bad ones."""
    if not seen.total:
        return Interval(0.0, 1.0)
    left = _least_likelihood(seen, confidence, prior)

    def is_possible(share: float) -> bool:
        return left <= _likelihood(seen, share)

    return Interval(
        _edge(is_possible, 0.0, seen.value) if seen.bad else 0.0,
        _edge(is_possible, 1.0, seen.value) if seen.bad < seen.total else 1.0,
    )


def is_above(seen: Share, share: float) -> bool:
    """Whether all of the interval is above `share`; one evaluation instead of a search for its edges."""
    return seen.value > share and _likelihood(seen, share) < _least_likelihood(seen, CONFIDENCE, PRIOR)


def _likelihood(seen: Share, share: float) -> float:
    good = seen.total - seen.bad
    return (seen.bad * math.log(share) if seen.bad else 0.0) + (good * math.log1p(-share) if good else 0.0)


def _least_likelihood(seen: Share, confidence: float, prior: tuple[float, float]) -> float:
    """Of a share that is not left out."""
    return _log_beta(prior[0] + seen.bad, prior[1] + seen.total - seen.bad) - _log_beta(*prior) + math.log(1 - confidence)


def apart(candidate: Mapping[str, int], stable: Mapping[str, int]) -> float:
    """The total variation between what was seen of both; 0 where one has nothing."""
    ours, theirs = sum(candidate.values()), sum(stable.values())
    if not ours or not theirs:
        return 0.0
    return sum(abs(candidate.get(one, 0) / ours - stable.get(one, 0) / theirs) for one in {*candidate, *stable}) / 2


def apart_interval(candidate: Mapping[str, int], stable: Mapping[str, int], confidence: float = CONFIDENCE) -> Interval:
    """The true total variation between both."""
    classes, wrong = len({*candidate, *stable}), (1 - confidence) / 2
    radius = _radius(candidate, classes, wrong) + _radius(stable, classes, wrong)
    middle = apart(candidate, stable)
    return Interval(max(0.0, middle - radius), min(1.0, middle + radius))


def _radius(seen: Mapping[str, int], classes: int, wrong: float) -> float:
    total = sum(seen.values())
    if not total:
        return 1.0
    best = math.fsum(count * math.log(count / total) for count in seen.values() if count)
    mixed = (
        math.lgamma(classes / 2) - classes * math.lgamma(0.5) - math.lgamma(total + classes / 2)
        + math.fsum(math.lgamma(count + 0.5) for count in seen.values()) + (classes - len(seen)) * math.lgamma(0.5)
    )  # fmt: skip
    return math.sqrt((math.log(1 / wrong) + best - mixed) / (2 * total))


def _edge(is_possible: Callable[[float], bool], outside: float, inside: float) -> float:
    for _ in range(40):
        middle = (outside + inside) / 2
        outside, inside = (outside, middle) if is_possible(middle) else (middle, inside)
    return outside


def _log_beta(first: float, second: float) -> float:
    return math.lgamma(first) + math.lgamma(second) - math.lgamma(first + second)
