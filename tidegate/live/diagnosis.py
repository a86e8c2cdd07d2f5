"""What a look at a served model in a region found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One object on the way: how it is, and why."""

    object: str
    state: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The way of a served model in one region. `cause` is empty when nothing is wrong; it may also name what is fine.

    `known` is False when the region did not answer: then nothing is known of the model.
    """

    ready: bool
    steps: tuple[Step, ...]
    cause: str
    next_step: str
    known: bool = True

    def beside(self, problems: Sequence[str]) -> Diagnosis:
        """The same with what is wrong with the region's time, on the way and, when nothing else is, as the cause."""
        if not problems:
            return self
        steps = (*self.steps, *(Step("Time", "to be looked at", one) for one in problems))
        told = (self.cause, self.next_step) if self.cause else (problems[0], "as it says")
        return Diagnosis(self.ready, steps, *told)

    @property
    def summary(self) -> str:
        """The last line."""
        return f"cause: {self.cause}; next: {self.next_step}" if self.cause else "ready; nothing to do"


def unknown(cause: str, next_step: str) -> Diagnosis:
    """Of a model in a region that does not answer."""
    return Diagnosis(False, (Step("API server", "unknown", cause),), cause, next_step, known=False)
