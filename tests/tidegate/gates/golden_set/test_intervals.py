"""Bounds hold as often as they say. Simulated: every set is drawn with a true value that is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from tests.root import ROOT
from tests.tidegate.gates.golden_set.decisions import (
    NEGATIVES,
    POSITIVES,
    RUNS,
    SHAPES,
    THRESHOLD,
    TRUE,
    estimates,
    lost,
    rates,
    table_lines,
)
from tidegate.gates.bounds import at_most, judge_share, share_range
from tidegate.gates.golden_set import intervals
from tidegate.gates.verdict import Outcome

PAGE = (ROOT / "docs" / "golden-set-gate.md").read_text(encoding="utf-8")


def test_table_of_the_page_is_the_simulation() -> None:
    lines = table_lines()
    assert "\n".join(lines) in PAGE, "write these lines:\n" + "\n".join(lines)
    assert f"{RUNS} sets of {POSITIVES} positives and {NEGATIVES} negatives" in PAGE
    assert f"threshold of {THRESHOLD:g}" in PAGE


@pytest.mark.parametrize("shape", SHAPES)
def test_clear_cases_are_decided_and_never_wrongly(shape: str) -> None:
    assert rates(shape, TRUE[0])[Outcome.PASS] == rates(shape, TRUE[-1])[Outcome.FAIL] == 0
    assert rates(shape, TRUE[0])[Outcome.FAIL] > 0.8
    assert rates(shape, TRUE[-1])[Outcome.PASS] > 0.7


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("positives", "negatives", "auc"), [(10, 40, 0.9), (20, 80, 0.97), (100, 100, 0.899)])
def test_false_pass_and_false_fail_are_rare_just_at_the_threshold(shape: str, positives: int, negatives: int, auc: float) -> None:
    found = estimates(shape, auc, positives, negatives, 400)
    assert sum(one.low >= auc + 0.001 for one in found) / len(found) <= 0.01
    assert sum(one.high < auc for one in found) / len(found) <= 0.03, (
        "some two in a hundred in the worst shape; a refusal too many harms less"
    )


@pytest.mark.soak
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("positives", "negatives"), [(10, 10), (20, 180), (50, 50), (140, 860)])
@pytest.mark.parametrize("auc", [0.8, 0.9, 0.97])
def test_false_pass_is_rare_in_two_thousand_runs(shape: str, positives: int, negatives: int, auc: float) -> None:
    found = estimates(shape, auc, positives, negatives, 2000)
    assert sum(one.low >= auc for one in found) / len(found) <= 0.01
    assert sum(one.high < auc for one in found) / len(found) <= 0.03, (
        "some two in a hundred in the worst shape; a refusal too many harms less"
    )


@pytest.mark.parametrize(("positives", "negatives", "share"), [(20, 80, 0.1), (100, 200, 0.05)])
def test_loss_beside_the_version_that_serves_is_bounded(positives: int, negatives: int, share: float) -> None:
    true, found = lost(positives, negatives, share, 300)
    assert sum(one.high < true for one in found) / len(found) <= 0.017, "of 300 runs 1 % is 3, give or take 2"
    assert sum(one.low > true for one in found) / len(found) <= 0.017


@pytest.mark.parametrize("rows", [13, 40, 300])
@pytest.mark.parametrize("threshold", [0.7, 0.95])
def test_share_just_below_its_threshold_passes_once_in_a_hundred_at_most(rows: int, threshold: float) -> None:
    """Computed, not simulated: the chance of so many right ones that the bound reaches the threshold."""
    passing = [right for right in range(rows + 1) if share_range(right, rows)[0] >= threshold]
    if passing:
        assert 1 - at_most(passing[0] - 1, rows, threshold - 0.001) <= 0.01
        assert judge_share(rows - passing[0], rows, 1 - threshold) is Outcome.PASS
        assert judge_share(rows - passing[0] + 1, rows, 1 - threshold) is not Outcome.PASS, "as the load gate judges"


DRAWS: dict[str, tuple[Callable[[random.Random], float], float]] = {
    "half normal": (lambda chance: abs(chance.gauss(0, 1)), math.sqrt(2 / math.pi)),
    "exponential": (lambda chance: chance.expovariate(1), 1.0),
    "lognormal": (lambda chance: chance.lognormvariate(0, 1), math.exp(0.5)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_mean_of_errors_is_bounded_though_errors_are_skewed(name: str) -> None:
    draw, true = DRAWS[name]
    chance = random.Random(name)
    found = [intervals.mean([draw(chance) for _ in range(100)]) for _ in range(600)]
    assert sum(one.high < true for one in found) / len(found) <= 0.012
    assert sum(one.low > true for one in found) / len(found) <= 0.012


@pytest.mark.parametrize(("lost_rows", "won_rows"), [(0, 0), (5, 0), (5, 5)])
def test_share_that_is_lost_is_bounded_row_by_row(lost_rows: int, won_rows: int) -> None:
    serving = [True] * lost_rows + [False] * won_rows + [True] * (200 - lost_rows - won_rows)
    candidate = [False] * lost_rows + [True] * won_rows + [True] * (200 - lost_rows - won_rows)
    found = intervals.share_lost(candidate, serving)
    assert found.value == (lost_rows - won_rows) / 200
    assert found.low <= found.value <= found.high
    assert (found.low == -share_range(0, 200, 0.995)[1]) == (lost_rows == 0 and won_rows == 0)


def test_known_values() -> None:
    assert intervals.auc([False, False, True, True], [0.1, 0.4, 0.35, 0.8]).value == 0.75
    assert intervals.auc([True, False], [0.5, 0.5]).value == 0.5
    assert share_range(35, 40) == pytest.approx((0.70426, 0.96687), abs=1e-5), "Clopper and Pearson's table"
    assert share_range(0, 10)[0] == 0
    assert share_range(10, 10) == pytest.approx((0.01**0.1, 1))
    assert intervals.student(10) == pytest.approx(2.7638, abs=2e-3)
    assert intervals.student(100) == pytest.approx(2.3642, abs=1e-4)


def test_perfect_ranking_of_few_rows_proves_little() -> None:
    few, many = (intervals.auc([True] * n + [False] * n, [1.0] * n + [0.0] * n) for n in (10, 200))
    assert (few.value, few.high) == (1.0, 1.0)
    assert few.low < 0.5
    assert many.low > 0.93
