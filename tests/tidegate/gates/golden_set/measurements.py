"""Measurements for tests: made of drawn scores, so that every true value is known."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

from tidegate.facts.models.artefact import GoldenSet
from tidegate.gates.golden_set.samples import Answer, Answers, GoldenSamples, TrainingRows
from tidegate.gates.verdict import Outcome, Verdict

DIGEST = "a" * 64


def facts(**changes: Any) -> GoldenSet:
    """Of a golden set that is judged by AUC."""
    given: dict[str, Any] = {"uri": "s3://tidegate-models/fraud/scorer/golden/1", "sha256": DIGEST, "metric": "auc", "threshold": 0.8}
    return GoldenSet(**{**given, **changes})


@functools.cache
def scores(auc: float, positives: int, negatives: int, seed: object, *, spread: float = 1.0) -> list[float]:
    """As probabilities; normal in both classes on the scale of odds, so that their AUC is known."""
    draw = random.Random(str(seed))
    distance = NormalDist().inv_cdf(auc) * math.sqrt(1 + spread**2)
    raw = [draw.gauss(distance, spread) for _ in range(positives)] + [draw.gauss(0, 1) for _ in range(negatives)]
    return [1 / (1 + math.exp(-one)) for one in raw]


def labels(positives: int, negatives: int) -> tuple[float, ...]:
    """The positives first."""
    return (1.0,) * positives + (0.0,) * negatives


def answers(values: Sequence[float | str], version: str = "fraud/scorer/2") -> Answers:
    """A value for each row."""
    return Answers(version=version, url="http://h", answers=tuple(Answer(row=row, value=value) for row, value in enumerate(values)))


def measured(**changes: Any) -> GoldenSamples:
    """A measurement that passes: 100 positives, 400 negatives, two good versions that differ a little, two regions."""
    good = scores(0.95, 100, 400, "good")
    given: dict[str, Any] = {
        "model": "fraud/scorer", "golden_set": facts(), "sha256_found": DIGEST, "labels": labels(100, 400),
        "slices": {"region": tuple("near" if row % 2 else "far" for row in range(500))}, "candidate": answers(good),
        "serving": answers([one * 0.999 for one in good], "fraud/scorer/1"), "training": TrainingRows(listed=1000, found=()),
    }  # fmt: skip
    return GoldenSamples(**{**given, **changes})


def said(verdict: Verdict, outcome: Outcome) -> list[str]:
    """The sentences with that outcome."""
    return [f"{one.subject}: {one.text}" for one in verdict.reasons if one.outcome is outcome]
