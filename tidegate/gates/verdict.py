"""What a gate says: one of four outcomes, each with its reasons and its exit code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """Only `PASS` merges."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    """What is judged was proved not to be good enough."""
    INCONCLUSIVE = "inconclusive"
    """Neither is proved: too few samples, or too close to the limit."""
    INVALID = "invalid"
    """The measurement itself cannot be trusted, so it says nothing of what is judged."""

    @property
    def exit_code(self) -> int:
        """Of the program that judged; 2 is left for a command that was called wrongly."""
        return {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.INCONCLUSIVE: 3, Outcome.INVALID: 4}[self]


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that was judged: what, how it came out, and a sentence with the figures and the remedy."""

    outcome: Outcome
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.outcome}: {self.subject}: {self.text}"


_IN_ONE_GATE = (Outcome.INVALID, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)
"""A measurement that cannot be trusted proves no failure either."""

_OF_SEVERAL_GATES = (Outcome.FAIL, Outcome.INVALID, Outcome.INCONCLUSIVE, Outcome.PASS)
"""What one gate proved stays proved, whatever became of another."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one gate found. Without a reason nothing was judged, which is inconclusive."""

    gate: str
    reasons: tuple[Reason, ...]
    notes: tuple[str, ...] = ()
    """What a reader should know beside it and what decides nothing."""

    @property
    def outcome(self) -> Outcome:
        """The first in the order of `_IN_ONE_GATE` that a reason has."""
        found = {reason.outcome for reason in self.reasons}
        return next((one for one in _IN_ONE_GATE if one in found), Outcome.INCONCLUSIVE)

    def lines(self) -> list[str]:
        """For people: the outcome, what decided it, the rest, the notes."""
        decided = [str(reason) for reason in self.reasons if reason.outcome is self.outcome]
        others = [str(reason) for reason in self.reasons if reason.outcome is not self.outcome]
        return [f"{self.gate}: {self.outcome}", *(f"  {line}" for line in (*(decided or ["nothing was judged"]), *others, *self.notes))]


def combined(verdicts: Iterable[Verdict]) -> Outcome:
    """Of several gates of one change; without any, inconclusive."""
    found = {verdict.outcome for verdict in verdicts}
    return next((one for one in _OF_SEVERAL_GATES if one in found), Outcome.INCONCLUSIVE)
