"""What is kept of a night: one line of JSON with its figures, or a line by which somebody accepts that a figure is another from now on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from tidegate.facts.fact import Email, Fact, refuse

SeriesName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9 ./_-]{0,149}$")]
"""`<tenant>/<model> <figure>`, such as `fraud/scorer p99`."""
Revision = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Sentence = Annotated[str, StringConstraints(pattern=r"^[^\r\n]{1,500}$")]


class Unit(StrEnum):
    """What a figure counts, which says what it cannot be."""

    MILLISECONDS = "ms"
    SHARE = "share"
    SCORE = "score"
    """Of a golden set; any finite number."""


class Better(StrEnum):
    """Which way is the better one."""

    LOWER = "lower"
    HIGHER = "higher"


class Figure(Fact):
    """One number of one night."""

    series: SeriesName
    value: float
    unit: Unit
    better: Better

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.unit is Unit.MILLISECONDS and self.value <= 0:
            raise refuse("duration-not-positive", "is no duration", "measure it again", at="value", value=self.value)
        if self.unit is Unit.SHARE and not 0 <= self.value <= 1:
            raise refuse("share-out-of-range", "is not between 0 and 1", "measure it again", at="value", value=self.value)
        return self


class Measured(Fact):
    """What one measurement gave: figures, or why there are none."""

    figures: tuple[Figure, ...] = ()
    unmeasured: dict[SeriesName, Sentence] = Field(default_factory=dict[str, str])
    """Models, or other subjects, without figures, and why."""


class Night(Fact):
    """All that was measured in one night."""

    night: date
    revision: Revision
    """What ran."""
    figures: tuple[Figure, ...]
    unmeasured: dict[SeriesName, Sentence] = Field(default_factory=dict[str, str])
    """Models, or other subjects, without figures, and why."""

    @model_validator(mode="after")
    def _names_hold(self) -> Self:
        names = [figure.series for figure in self.figures]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise refuse("series-twice", "has two figures in one night", "keep one", at="figures", value=twice)
        return self


class Accepted(Fact):
    """Somebody answers for it that a series is worse from a night on; it is no failure any more."""

    accepted: SeriesName
    night: date
    """The first one of the shift, as the verdict names it."""
    by: Email
    reason: Sentence


class HistorySamples(Fact):
    """All that a verdict is made of: the lines as they are kept, whatever is in them, and which night is judged."""

    tonight: date
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class History:
    """Lines that were understood, the nights in their order, and what is wrong with the others."""

    nights: tuple[Night, ...]
    accepted: tuple[Accepted, ...]
    wrong: tuple[tuple[str, str], ...]
    """Where, and what."""


_LINE = TypeAdapter[Night | Accepted](Night | Accepted)


def read(lines: Iterable[str]) -> History:
    """The history of `lines`; empty ones are left out. Nothing is raised: what is wrong with the other lines stands in `wrong`."""
    nights: dict[date, tuple[int, Night]] = {}
    accepted: list[Accepted] = []
    wrong: list[tuple[str, str]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = _LINE.validate_json(line)
        except ValidationError as error:
            wrong.append((f"line {number}", f"cannot be read ({_told(error)}); restore it from a copy, or remove it"))
            continue
        if isinstance(found, Accepted):
            accepted.append(found)
        elif found.night in nights:
            wrong.append((f"line {number}", f"is {found.night} again, which line {nights[found.night][0]} is; keep the one that holds"))
        else:
            nights[found.night] = (number, found)
    return History(tuple(nights[night][1] for night in sorted(nights)), tuple(accepted), tuple(wrong))


def _told(error: ValidationError) -> str:
    """The first thing that is wrong, of the kind of line that fits best."""
    errors = error.errors(include_url=False, include_input=False)
    of_night = [one for one in errors if one["loc"][:1] == ("Night",)]
    chosen = (of_night or errors)[0]
    where = ".".join(str(part) for part in chosen["loc"] if part not in ("Night", "Accepted"))
    message = str(chosen.get("ctx", {}).get("problem") or chosen["msg"])
    return f"{where}: {message}" if where else message
