"""Every fact of a golden set decides something: with another value the same measurement gets another verdict."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tidegate.gates.golden_set.measurements import answers, facts, measured, said, scores
from tidegate.gates.golden_set.judge import judge
from tidegate.gates.golden_set.samples import GoldenSamples, TrainingRows
from tidegate.gates.verdict import Outcome

GOOD = scores(0.95, 100, 400, "good")
REGION = tuple("near" if row % 2 else "far" for row in range(500))
LOST_FAR = measured(candidate=answers([1 - one if REGION[row] == "far" else one for row, one in enumerate(GOOD)]))
TINY = measured(slices={"region": tuple("tiny" if row < 8 else "large" for row in range(500))})
LEAKED = measured(training=TrainingRows(listed=9, found=(0,)))

CASES: dict[str, tuple[GoldenSamples, dict[str, Any], dict[str, Any]]] = {
    "sha256": (measured(), {}, {"sha256": "c" * 64}),
    "metric": (measured(), {"threshold": 0.82}, {"threshold": 0.82, "metric": "exact-match"}),
    "threshold": (measured(), {"threshold": 0.8}, {"threshold": 0.99}),
    "slices": (LOST_FAR, {"threshold": 0.3, "regress_at_most": 0.6}, {"threshold": 0.3, "regress_at_most": 0.6, "slices": ("region",)}),
    "regress_at_most": (LOST_FAR, {"threshold": 0.3, "regress_at_most": 0.6}, {"threshold": 0.3, "regress_at_most": 0.1}),
    "undecided_slices": (TINY, {"slices": ("region",)}, {"slices": ("region",), "undecided_slices": "block"}),
    "decision_at": (measured(), {"metric": "accuracy", "threshold": 0.5}, {"metric": "accuracy", "threshold": 0.5, "decision_at": 0.02}),
    "holds_training_rows": (LEAKED, {"holds_training_rows": "They are its own answers."}, {}),
}
"""A measurement, facts by which it passes and facts by which it does not."""


@pytest.mark.parametrize("field", CASES)
def test_another_value_is_another_verdict(field: str) -> None:
    samples, good, bad = CASES[field]
    passed = judge(samples.model_copy(update={"golden_set": facts(**good)}))
    assert passed.outcome is Outcome.PASS, passed.lines()
    other = judge(samples.model_copy(update={"golden_set": facts(**bad)}))
    assert other.outcome is not Outcome.PASS
    assert said(other, other.outcome)
