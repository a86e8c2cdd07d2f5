"""Which feature moved a score by how much. Standard library only.

The score is in log-odds, where a logistic regression is a sum. A feature's share is then exactly how far the score falls
when that feature alone is put back to the baseline, and the shares add up to the distance between the two scores. For a
model that is no such sum they would not; that is checked at every answer and refused, because a regulated explanation
that is nearly right is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

TOLERANCE = 1e-6
"""Log-odds by which the shares may miss the distance; what double precision loses is far below."""


class NotAdditiveError(ValueError):
    """The model is not a sum of its features in log-odds, so it has no exact explanation of this kind."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Scores in log-odds of the application and of the baseline, and each feature's share of the distance."""

    score: float
    baseline_score: float
    attributions: tuple[float, ...]


def questions(features: Sequence[float], baseline: Sequence[float]) -> list[list[float]]:
    """The rows to score: the application, the baseline, then the application with each feature put back in turn."""
    swapped = [[*features[:index], baseline[index], *features[index + 1 :]] for index in range(len(features))]
    return [list(features), list(baseline), *swapped]


def explanation(probabilities: Sequence[Sequence[float]]) -> Explanation:
    """The explanation from the answers to `questions`: per row the probabilities of no and of yes.

    Raises `NotAdditiveError` when the shares do not add up.
    """
    scores = [log_odds(*row) for row in probabilities]
    score, baseline_score = scores[0], scores[1]
    shares = tuple(score - swapped for swapped in scores[2:])
    missed = abs(math.fsum(shares) - (score - baseline_score))
    if missed > TOLERANCE:
        raise NotAdditiveError(f"the shares miss the score by {missed:.3g}; this explainer needs a logistic regression")
    return Explanation(score, baseline_score, shares)


def log_odds(no: float, yes: float) -> float:
    """The score of two probabilities; taken from both, because 1 - yes has no digits left when yes is near 1."""
    return math.log(yes) - math.log(no)
