"""What was counted of one revision, and the reasons for which a look cannot be judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from tidegate.facts.fact import Fact

Count = Annotated[int, Field(ge=0)]


class Share(Fact):
    """How many there were, and how many of them were bad."""

    total: Count = 0
    bad: Count = 0

    @property
    def value(self) -> float:
        """The share of bad ones; 0 where there is nothing."""
        return self.bad / self.total if self.total else 0.0

    def since(self, earlier: Share) -> Share:
        """What came after `earlier`, which was counted from the same beginning."""
        return Share(total=self.total - earlier.total, bad=self.bad - earlier.bad)

    def is_before(self, later: Share) -> bool:
        """Whether `later` can have grown out of this one."""
        grown, worse = later.total - self.total, later.bad - self.bad
        return 0 <= worse <= grown

    def __str__(self) -> str:
        return f"{self.bad:,} of {self.total:,}"


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one revision, since counting began; they never fall. A part that could not be read at this look is None."""

    revision: str
    revision_uid: str
    """A deleted revision's name may come back with other bytes; its uid does not."""
    errors: Share | None = None
    """Requests, and those of them that had no answer or one of 500 and above."""
    slow: Share | None = None
    """Answers that were timed, and those of them that were slower than the promised p99."""
    decisions: Mapping[str, int] | None = None
    """How many decisions fell into each class or band of scores."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a look is not judged. It is never a pass: what is missing may be what is bad."""

    rule: str
    subject: str
    """Which revision, pod or counter."""
    text: str
    """Cause and remedy, for people."""

    def __str__(self) -> str:
        return f"{self.rule}: {self.subject}: {self.text}"
