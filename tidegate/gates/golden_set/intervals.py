"""Bounds on what a golden set measures. Each is one-sided: wrong once in a hundred, as those of the other gates.

- Shares (accuracy, exact match): the exact bounds of the binomial distribution.
- AUC: DeLong's variance (DeLong, DeLong and Clarke-Pearson 1988), on the log-odds scale (Qin and Hotilovac 2008), with Student's quantile.
- Means of errors: Hall's (1992) transformation, which takes out the skew that absolute errors have.

A variance tells nothing of what the set has too few rows to show. So the last two count one more row, of each class, that is as bad as it can be
for a bound from below, and as good for one from above; exact bounds of a share do the same. Without it a version whose true AUC is the
threshold passed up to one time in eight (decision 0049).

Two versions that answered the same rows are compared row by row, so that what both find hard cancels.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

from tidegate.gates.bounds import CONFIDENCE, share_range


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, and the bounds below and above it that hold at 99 % each."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} (between {self.low:.4f} and {self.high:.4f})"


@dataclass(frozen=True, slots=True)
class _Placements:
    """Of each positive the share of negatives below it, and of each negative the share of positives above it; ties are half."""

    positives: Sequence[float]
    negatives: Sequence[float]


def share(right: Sequence[bool]) -> Estimate:
    """The share of rows that are right."""
    count = sum(right)
    return Estimate(count / len(right), *share_range(count, len(right)))


def share_lost(candidate: Sequence[bool], serving: Sequence[bool]) -> Estimate:
    """How much smaller the candidate's share of right rows is.

    Only rows on which the two differ matter: the bounds of both kinds, each at 99.5 %, make one at 99 %.
    """
    rows, confidence = len(candidate), 1 - (1 - CONFIDENCE) / 2
    lost = sum(theirs and not ours for ours, theirs in zip(candidate, serving, strict=True))
    won = sum(ours and not theirs for ours, theirs in zip(candidate, serving, strict=True))
    lost_range, won_range = (share_range(count, rows, confidence) for count in (lost, won))
    return Estimate((lost - won) / rows, lost_range[0] - won_range[1], lost_range[1] - won_range[0])


def auc(labels: Sequence[bool], scores: Sequence[float]) -> Estimate:
    """The chance that a positive scores above a negative. Both kinds must be there."""
    placed = _placements(labels, scores)
    return Estimate(fmean(placed.positives), _auc_bound(placed, 0.0, -1), _auc_bound(placed, 1.0, 1))


def auc_lost(labels: Sequence[bool], candidate: Sequence[float], serving: Sequence[float]) -> Estimate:
    """How much smaller the candidate's AUC is."""
    ours, theirs = _placements(labels, candidate), _placements(labels, serving)
    positives, negatives = _less(theirs.positives, ours.positives), _less(theirs.negatives, ours.negatives)

    def bound(unseen: float) -> float:
        distance = student(min(len(positives), len(negatives))) * _error([*positives, unseen], [*negatives, unseen])
        return _with_unseen(_Placements(positives, negatives), unseen) + unseen * distance

    return Estimate(fmean(positives), bound(-1.0), bound(1.0))


def mean(values: Sequence[float]) -> Estimate:
    """A mean of values of any form. Without a limit on how large they may be, none is certain: rare large ones must be in the set."""
    return Estimate(fmean(values), _mean_bound([*values, min(values)], 1), _mean_bound([*values, max(values)], -1))


def _auc_bound(placed: _Placements, unseen: float, sign: int) -> float:
    value = _with_unseen(placed, unseen)
    if not 0 < value < 1:
        return value
    error = _error([*placed.positives, unseen], [*placed.negatives, unseen])
    distance = student(min(len(placed.positives), len(placed.negatives))) * error / (value * (1 - value))
    return _from_odds(math.log(value / (1 - value)) + sign * distance)


def _with_unseen(placed: _Placements, unseen: float) -> float:
    """The AUC, or the difference of two, with one more row of each class that is placed at `unseen`."""
    value = fmean(placed.positives)
    return value + (unseen - value) / (len(placed.positives) + 1) + (unseen - value) / (len(placed.negatives) + 1)


def _mean_bound(values: Sequence[float], sign: int) -> float:
    rows, value = len(values), fmean(values)
    deviation = math.sqrt(_variance(values))
    if not deviation:
        return value
    skew = fmean([((one - value) / deviation) ** 3 for one in values])
    score = sign * student(rows - 1) / math.sqrt(rows)
    if abs(skew) > 1e-6:
        score = 3 / skew * (math.cbrt(1 + skew * (score - skew / (6 * rows))) - 1)
    return value - deviation * score


def student(freedom: int, confidence: float = CONFIDENCE) -> float:
    """The quantile of Student's distribution (Abramowitz and Stegun 26.7.5, right to three digits from ten degrees of freedom on)."""
    z, more = NormalDist().inv_cdf(confidence), max(freedom, 1)
    return (
        z + (z**3 + z) / (4 * more) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * more**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * more**3)
    )  # fmt: skip


def _placements(labels: Sequence[bool], scores: Sequence[float]) -> _Placements:
    positives = [score for label, score in zip(labels, scores, strict=True) if label]
    negatives = [score for label, score in zip(labels, scores, strict=True) if not label]
    ordered, above = sorted(negatives), sorted(positives)
    return _Placements(
        [(bisect_left(ordered, one) + bisect_right(ordered, one)) / (2 * len(ordered)) for one in positives],
        [1 - (bisect_left(above, one) + bisect_right(above, one)) / (2 * len(above)) for one in negatives],
    )


def _error(positives: Sequence[float], negatives: Sequence[float]) -> float:
    return math.sqrt(_variance(positives) / len(positives) + _variance(negatives) / len(negatives))


def _variance(values: Sequence[float]) -> float:
    if len(values) < 2 or min(values) == max(values):  # so that rounding makes no variance of none
        return 0.0
    middle = fmean(values)
    return math.fsum((one - middle) ** 2 for one in values) / (len(values) - 1)


def _less(left: Sequence[float], right: Sequence[float]) -> list[float]:
    return [one - other for one, other in zip(left, right, strict=True)]


def _from_odds(odds: float) -> float:
    return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0
