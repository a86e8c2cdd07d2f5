"""What a verdict is, and what several of them are together."""

from __future__ import annotations

import pytest

from tidegate.gates.verdict import Outcome, Reason, Verdict, combined


def verdict(*outcomes: Outcome) -> Verdict:
    return Verdict("load", tuple(Reason(one, f"endpoint {number}", "so it is") for number, one in enumerate(outcomes)))


def test_exit_codes_are_those_of_the_page() -> None:
    assert {one.value: one.exit_code for one in Outcome} == {"pass": 0, "fail": 1, "inconclusive": 3, "invalid": 4}


@pytest.mark.parametrize(
    ("outcomes", "whole"),
    [
        ((Outcome.PASS, Outcome.PASS), Outcome.PASS),
        ((Outcome.PASS, Outcome.INCONCLUSIVE), Outcome.INCONCLUSIVE),
        ((Outcome.INCONCLUSIVE, Outcome.FAIL, Outcome.PASS), Outcome.FAIL),
        ((Outcome.FAIL, Outcome.INVALID), Outcome.INVALID),
        ((), Outcome.INCONCLUSIVE),
    ],
)
def test_outcome_of_one_gate(outcomes: tuple[Outcome, ...], whole: Outcome) -> None:
    assert verdict(*outcomes).outcome is whole


@pytest.mark.parametrize(
    ("outcomes", "whole"),
    [
        ((Outcome.PASS, Outcome.PASS), Outcome.PASS),
        ((Outcome.FAIL, Outcome.INVALID), Outcome.FAIL),
        ((Outcome.INVALID, Outcome.INCONCLUSIVE, Outcome.PASS), Outcome.INVALID),
        ((), Outcome.INCONCLUSIVE),
    ],
)
def test_outcome_of_several_gates(outcomes: tuple[Outcome, ...], whole: Outcome) -> None:
    assert combined(verdict(one) for one in outcomes) is whole


def test_lines_begin_with_what_decided() -> None:
    one = Verdict("load", verdict(Outcome.PASS, Outcome.FAIL).reasons, ("embedded profile",))
    assert one.lines() == ["load: fail", "  fail: endpoint 1: so it is", "  pass: endpoint 0: so it is", "  embedded profile"]
    assert verdict().lines() == ["load: inconclusive", "  nothing was judged"]
