"""The order of gates, what a failure spares, and that nothing which did not run counts as passed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tidegate.errors import MachineError
from tidegate.gates.change.picking import Picked
from tidegate.gates.merge import Gate, GateResult, Measured, NotExecutedError, State, described, outcome_of, run_gates
from tidegate.gates.verdict import Outcome, Reason, Verdict

PICKED = (
    Picked(gate="policy", because=("x",)),
    Picked(gate="golden-set", subject="fraud/scorer", because=("x",)),
    Picked(gate="load", subject="fraud/scorer", because=("x",)),
)


def giving(outcome: Outcome, samples: bytes = b"{}", substituted: str = "") -> Gate:
    return lambda picked, /: Measured(samples, Verdict(picked.gate, (Reason(outcome, "it", "so it was"),)), substituted)


def refusing(error: Exception) -> Gate:
    def gate(_picked: Picked, /) -> Measured:
        raise error

    return gate


def ticking() -> Callable[[], float]:
    seconds: Iterator[int] = iter(range(100))
    return lambda: float(next(seconds))


def run(**gates: Gate) -> tuple[list[GateResult], list[str]]:
    said: list[str] = []
    named = {name.replace("_", "-"): gate for name, gate in gates.items()}
    return run_gates(PICKED, named, lambda what, happened: said.append(f"{what}: {happened}"), ticking()), said


def test_all_run_in_their_order_and_say_so() -> None:
    results, said = run(
        policy=giving(Outcome.PASS), golden_set=giving(Outcome.PASS), load=giving(Outcome.PASS, substituted="ngram for vllm")
    )
    assert outcome_of(results) is Outcome.PASS
    assert said == [
        "policy: running", "policy: pass", "golden-set fraud/scorer: running", "golden-set fraud/scorer: pass",
        "load fraud/scorer: running", "load fraud/scorer: pass (substituted)",
    ]  # fmt: skip
    assert [one.seconds for one in results] == [1, 1, 1]


def test_failure_skips_what_costs_more_and_skipped_is_no_pass() -> None:
    results, said = run(policy=giving(Outcome.FAIL), golden_set=refusing(AssertionError("ran")), load=refusing(AssertionError("ran")))
    assert [described(one) for one in results] == ["fail", "skipped", "skipped"]
    assert results[2].verdict.lines() == [
        "load: inconclusive",
        "  inconclusive: fraud/scorer: skipped: policy failed before; correct that first",
    ]
    assert said[-1] == "load fraud/scorer: skipped"
    assert outcome_of(results) is Outcome.FAIL
    assert outcome_of(results[1:]) is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("outcome", [Outcome.INCONCLUSIVE, Outcome.INVALID])
def test_what_proves_nothing_spares_nothing(outcome: Outcome) -> None:
    results, _ = run(policy=giving(outcome), golden_set=giving(Outcome.PASS), load=giving(Outcome.FAIL))
    assert [described(one) for one in results] == [outcome.value, "pass", "fail"]
    assert outcome_of(results) is Outcome.FAIL
    assert outcome_of(results[:2]) is outcome


def test_gate_that_nothing_can_run_blocks() -> None:
    results, _ = run(policy=giving(Outcome.PASS), golden_set=giving(Outcome.PASS))
    assert results[2].state is State.NOT_EXECUTED
    assert "not-executed: no region runs here that could; run `make up`" in results[2].verdict.lines()[1]
    assert outcome_of(results) is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    "error", [NotExecutedError("needs a card of its own;\nuse --cluster"), MachineError("needs a card of its own; use --cluster")]
)
def test_gate_that_refuses_to_run_blocks_with_its_words(error: Exception) -> None:
    results, _ = run(policy=refusing(error), golden_set=giving(Outcome.PASS), load=giving(Outcome.PASS))
    assert [described(one) for one in results] == ["not-executed", "pass", "pass"]
    assert results[0].verdict.reasons[0].text == "not-executed: needs a card of its own; use --cluster"
    assert outcome_of(results).exit_code == 3


def test_verdict_without_samples_is_invalid() -> None:
    results, _ = run(policy=giving(Outcome.PASS, b""), golden_set=giving(Outcome.FAIL, b""))
    assert [described(one) for one in results[:2]] == ["invalid", "invalid"]
    assert "pass without samples, so nobody can judge it again" in results[0].verdict.lines()[1]


def test_change_that_needs_no_gate_passes() -> None:
    assert outcome_of([]) is Outcome.PASS
