"""How often the gate decides which way, by simulation: the table of docs/load-gate.md, and what it must show."""

from __future__ import annotations

import random

import pytest

from loadtests.gates import SLOW_SHARE, requests_needed
from tests.loadtests.decisions import DISTRIBUTIONS, RATIOS, REQUESTS, RUNS, number_lines, share_above, simulate, table_lines
from tests.root import ROOT
from tidegate.gates.bounds import judge_share
from tidegate.gates.verdict import Outcome

PAGE = (ROOT / "docs" / "load-gate.md").read_text(encoding="utf-8")


def test_table_of_the_page_is_the_simulation() -> None:
    lines = table_lines()
    assert "\n".join(lines) in PAGE, "write these lines:\n" + "\n".join(lines)
    assert f"{RUNS:,} runs of {REQUESTS:,} requests" in PAGE


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("ratio", RATIOS)
def test_wrong_decisions_are_rare_and_clear_cases_are_decided(name: str, ratio: float) -> None:
    rates = simulate(REQUESTS, share_above(name, ratio), f"{name} {ratio}")
    wrong = Outcome.PASS if ratio > 1 else Outcome.FAIL if ratio < 1 else None
    if wrong:
        assert rates[wrong] <= 0.01
    else:
        assert max(rates[Outcome.PASS], rates[Outcome.FAIL]) <= 0.015, "of 5,000 runs 1 % is 50, give or take 7"
    if ratio in {0.5, 2.0}:
        assert rates[Outcome.INCONCLUSIVE] <= 0.01


@pytest.mark.parametrize("requests", [requests_needed(), 1000, 3000, 20_000])
def test_false_pass_at_a_tenth_above_the_limit_is_rare_whatever_the_number(requests: int) -> None:
    for name in DISTRIBUTIONS:
        assert simulate(requests, share_above(name, 1.1), f"{requests} {name}")[Outcome.PASS] <= 0.01


def test_drawing_every_latency_gives_the_same_as_drawing_their_number() -> None:
    chance, runs, requests, scale = random.Random(5), 300, 1000, 1.1
    passed = failed = 0
    for _ in range(runs):
        slow = sum(chance.lognormvariate(-2.3263478740408408 * 0.6, 0.6) * scale > 1 for _ in range(requests))
        outcome = judge_share(slow, requests, SLOW_SHARE)
        passed, failed = passed + (outcome is Outcome.PASS), failed + (outcome is Outcome.FAIL)
    rates = simulate(requests, share_above("lognormal, sigma 0.6", scale), "each")
    assert passed / runs <= 0.01
    assert failed / runs == pytest.approx(rates[Outcome.FAIL], abs=0.08)


def test_numbers_of_requests_in_the_page_are_computed() -> None:
    lines = number_lines()
    assert "\n".join(lines) in PAGE, "write these lines:\n" + "\n".join(lines)
