"""Runs the gates of a change one after the other, through a port, and says what all of them together are.

A gate that fails spares those behind it: they stand as skipped, and never count as passed. One that is inconclusive or invalid spares none,
because another may still prove a failure. A gate that nothing here can run stands as not executed, which blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from tidegate.errors import TidegateError
from tidegate.gates.change.picking import Picked
from tidegate.gates.verdict import Outcome, Reason, Verdict, combined


class State(StrEnum):
    """Whether a gate that was picked has judged anything."""

    JUDGED = "judged"
    SKIPPED = "skipped"
    NOT_EXECUTED = "not-executed"


class NotExecutedError(TidegateError):
    """A gate cannot run here; the text says why, and how it can run elsewhere."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a gate measured and what it made of it."""

    samples: bytes
    """The document that the verdict can be made of again, by the judge of that gate (`tidegate.repository.merge.judges`). Without it a gate
    neither passes nor fails; also a candidate that crashed leaves samples that say so."""
    verdict: Verdict
    substituted: str = ""
    """What ran in place of what serves in production, such as another runtime; empty when nothing did."""


class Gate(Protocol):
    """The port: measures and judges one picked gate.

    Raises `NotExecutedError` when it cannot run here. Any other `TidegateError` counts as not executed, too: nothing was judged.
    """

    def __call__(self, picked: Picked, /) -> Measured:
        """What was measured."""
        ...


@dataclass(frozen=True, slots=True)
class GateResult:
    """What became of one picked gate."""

    picked: Picked
    state: State
    verdict: Verdict
    samples: bytes = b""
    substituted: str = ""
    seconds: float = 0.0


def run_gates(
    picked: Sequence[Picked], gates: Mapping[str, Gate], say: Callable[[str, str], None], seconds: Callable[[], float]
) -> list[GateResult]:
    """Runs `picked` in their order. `gates` has what can run, by the gate's name; `seconds` is a clock that nobody sets."""
    results: list[GateResult] = []
    failed = ""
    for one in picked:
        if failed:
            results.append(_unjudged(one, State.SKIPPED, f"{failed} failed before; correct that first"))
        elif (gate := gates.get(one.gate)) is None:
            results.append(
                _unjudged(
                    one,
                    State.NOT_EXECUTED,
                    "no region runs here that could; run `make up`, or judge it where it runs (docs/merge-gates.md)",
                )
            )
        else:
            say(one.title, "running")
            results.append(_run(one, gate, seconds))
        say(one.title, described(results[-1]))
        if results[-1].state is State.JUDGED and results[-1].verdict.outcome is Outcome.FAIL:
            failed = one.title
    return results


def _run(one: Picked, gate: Gate, seconds: Callable[[], float]) -> GateResult:
    begun = seconds()
    try:
        measured = gate(one)
    except TidegateError as error:
        return _unjudged(one, State.NOT_EXECUTED, " ".join(str(error).split()), seconds() - begun)
    verdict = measured.verdict
    if not measured.samples and verdict.outcome in {Outcome.PASS, Outcome.FAIL}:
        reason = Reason(Outcome.INVALID, one.subject or one.gate, f"{verdict.outcome} without samples, so nobody can judge it again")
        verdict = Verdict(verdict.gate, (reason, *verdict.reasons), verdict.notes)
    return GateResult(one, State.JUDGED, verdict, measured.samples, measured.substituted, seconds() - begun)


def _unjudged(one: Picked, state: State, why: str, seconds: float = 0.0) -> GateResult:
    reason = Reason(Outcome.INCONCLUSIVE, one.subject or one.gate, f"{state}: {why}")
    return GateResult(one, state, Verdict(one.gate, (reason,)), seconds=seconds)


def described(result: GateResult) -> str:
    """`pass`, `fail (substituted)`, `skipped`, ...: the state where nothing was judged, else the outcome."""
    outcome = result.verdict.outcome if result.state is State.JUDGED else result.state
    return f"{outcome} (substituted)" if result.substituted else str(outcome)


def outcome_of(results: Sequence[GateResult]) -> Outcome:
    """Of the whole change. Without a gate to run there is nothing to prove, which passes; a gate that did not judge is no pass."""
    return combined(result.verdict for result in results) if results else Outcome.PASS
