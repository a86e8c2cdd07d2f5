"""What a look at a served model in a region found."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.repository.explain_model import Explanation


@dataclass(frozen=True, slots=True)
class Step:
    """One object on the way: how it is, and why."""

    object: str
    state: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The way of a served model in one region. `cause` is empty when nothing is wrong; it may also name what is fine."""

    ready: bool
    steps: tuple[Step, ...]
    cause: str
    next_step: str

    @property
    def summary(self) -> str:
        """The last line."""
        return f"cause: {self.cause}; next: {self.next_step}" if self.cause else "ready; nothing to do"

    def explained(self, region: str) -> list[Explanation]:
        """The same as rows among the other values of a model."""
        source = f"API server of {region}"
        rows = [Explanation(f"{region}.live.{step.object}", step.state, source, step.why) for step in self.steps]
        return [*rows, Explanation(f"{region}.live.cause", self.cause, source, self.next_step)]
