"""How often the gate decides which way, by simulation: sets whose true AUC, loss or mean error is known."""

from __future__ import annotations

import functools
import math
import random
from collections import Counter
from collections.abc import Callable
from statistics import NormalDist

from tidegate.gates.golden_set import intervals
from tidegate.gates.golden_set.intervals import Estimate
from tidegate.gates.verdict import Outcome

THRESHOLD = 0.85
TRUE = (0.7, 0.84, 0.85, 0.92, 0.98)
POSITIVES, NEGATIVES = 80, 160
RUNS = 200

Scores = Callable[[float, int, int, random.Random], list[float]]
"""Of so many positives and then negatives, with the true AUC that is given."""


def normal(spread: float) -> Scores:
    """Positives are spread so many times as far as negatives."""

    def draw(auc: float, positives: int, negatives: int, chance: random.Random) -> list[float]:
        distance = NormalDist().inv_cdf(auc) * math.sqrt(1 + spread**2)
        return [chance.gauss(distance, spread) for _ in range(positives)] + [chance.gauss(0, 1) for _ in range(negatives)]

    return draw


def exponential(auc: float, positives: int, negatives: int, chance: random.Random) -> list[float]:
    """As waiting times are."""
    rate = (1 - auc) / auc
    return [chance.expovariate(rate) for _ in range(positives)] + [chance.expovariate(1) for _ in range(negatives)]


def hopeless(auc: float, positives: int, negatives: int, chance: random.Random) -> list[float]:
    """Some positives look worse than every negative, the others better: what few positives show least."""
    return [-1.0 if chance.random() < 1 - auc else 2.0 for _ in range(positives)] + [chance.random() for _ in range(negatives)]


SHAPES: dict[str, Scores] = {
    "normal": normal(1), "normal, positives spread twice as far": normal(2), "exponential": exponential, "some positives hopeless": hopeless,
}  # fmt: skip


def estimates(shape: str, auc: float, positives: int, negatives: int, runs: int) -> list[Estimate]:
    """Of sets that are drawn anew each time."""
    chance = random.Random(f"{shape} {auc} {positives} {negatives}")
    labels = [True] * positives + [False] * negatives
    return [intervals.auc(labels, SHAPES[shape](auc, positives, negatives, chance)) for _ in range(runs)]


@functools.cache
def rates(shape: str, auc: float) -> dict[Outcome, float]:
    """How often each outcome is that of a run."""
    found = Counter(
        Outcome.PASS if one.low >= THRESHOLD else Outcome.FAIL if one.high < THRESHOLD else Outcome.INCONCLUSIVE
        for one in estimates(shape, auc, POSITIVES, NEGATIVES, RUNS)
    )
    return {outcome: found[outcome] / RUNS for outcome in (Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE)}


def table_lines() -> list[str]:
    """The table of docs/golden-set-gate.md."""
    lines = ["| scores | true AUC | pass | fail | inconclusive |", "|---|---|---|---|---|"]
    return lines + [
        f"| {shape} | {auc:g} | {' | '.join(f'{rate:.1%}' for rate in rates(shape, auc).values())} |" for shape in SHAPES for auc in TRUE
    ]


def lost(positives: int, negatives: int, share: float, runs: int) -> tuple[float, list[Estimate]]:
    """Candidates that rank a share of positives below everything and agree with the version that serves on all other rows."""
    chance = random.Random(f"{positives} {negatives} {share}")
    labels = [True] * positives + [False] * negatives
    found: list[Estimate] = []
    for _ in range(runs):
        serving = normal(1)(0.94, positives, negatives, chance)
        candidate = [-9.0 if label and chance.random() < share else score for label, score in zip(labels, serving, strict=True)]
        found.append(intervals.auc_lost(labels, candidate, serving))
    return share * 0.94, found
