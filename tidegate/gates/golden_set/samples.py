"""What was measured with a golden set, in the form in which it is kept: all that a verdict is made of."""

from __future__ import annotations

import hashlib
from typing import Annotated

from pydantic import Field

from tidegate.facts.fact import Fact, Sha256
from tidegate.facts.models.artefact import GoldenSet

RowNumber = Annotated[int, Field(ge=0)]
"""From 0, in the order of the set."""


class Answer(Fact):
    """What came back for one row."""

    row: RowNumber
    value: float | str | None = None
    """A number; a text where a text is asked for, or where the answer is no number; None where there was no answer."""
    failure: str = ""
    """Why there was none, in few words, by which failures are counted."""


class Answers(Fact):
    """Of one version to all rows."""

    version: str
    """Which one, for people."""
    url: str
    """Where it was asked."""
    answers: tuple[Answer, ...]


class TrainingRows(Fact):
    """What came of looking for the set's rows among those that the candidate learnt from."""

    listed: Annotated[int, Field(ge=0)]
    """Rows in the list of the candidate's training data."""
    found: tuple[RowNumber, ...]
    """Rows of the set that are in it."""


class GoldenSamples(Fact):
    """One measurement."""

    model: str
    """`<tenant>/<name>`."""
    golden_set: GoldenSet
    """The facts by which it is judged."""
    sha256_found: Sha256
    """Of the set that was asked."""
    labels: tuple[float | str, ...]
    """What should come out, by row."""
    slices: dict[str, tuple[str, ...]]
    """By slice, the group of every row."""
    candidate: Answers
    serving: Answers | None = None
    """The version that callers have now; the same rows were asked of it."""
    is_first: bool = False
    """Nothing serves yet, so that there is nothing to compare with."""
    training: TrainingRows | None = None
    """None where nobody gave the list."""
    note: str = ""
    """What a verdict has to say beside it."""

    def digest(self) -> str:
        """Of all that is above, by which a verdict names what it was made of."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()
