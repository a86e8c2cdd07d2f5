"""An explanation adds up to the score, or is refused."""

from __future__ import annotations

import math

import pytest

from clusters.embedded.demo.credit_explainer import attributions

WEIGHTS = (0.5, -2.0, 1.25)
FEATURES = [3.0, 1.0, -2.0]
BASELINE = (1.0, 0.0, 1.0)


def sigmoid(score: float) -> tuple[float, float]:
    return 1 / (1 + math.exp(score)), 1 / (1 + math.exp(-score))


def logistic(row: list[float]) -> tuple[float, float]:
    return sigmoid(0.3 + math.fsum(weight * value for weight, value in zip(WEIGHTS, row, strict=True)))


def test_shares_of_a_logistic_regression_are_weight_times_distance() -> None:
    found = attributions.explanation([logistic(row) for row in attributions.questions(FEATURES, BASELINE)])
    assert found.attributions == pytest.approx([1.0, -2.0, -3.75])
    assert math.fsum(found.attributions) == pytest.approx(found.score - found.baseline_score, abs=1e-9)


def test_certain_scores_keep_their_digits() -> None:
    rows = attributions.questions([80.0, 0.0, 0.0], BASELINE)
    found = attributions.explanation([logistic(row) for row in rows])
    assert found.score == pytest.approx(40.3, abs=1e-6), "1 - yes would have no digits left"


def test_model_with_interactions_is_refused() -> None:
    with pytest.raises(attributions.NotAdditiveError, match="logistic regression"):
        attributions.explanation([sigmoid(row[0] * row[1]) for row in attributions.questions(FEATURES, BASELINE)])
