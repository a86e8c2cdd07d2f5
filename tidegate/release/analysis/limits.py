"""What a candidate is held to. The numbers are the facts'; which are apart from a tenant's promise has its reason here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tidegate.facts.fact import Fact

TESTS = 5
"""Among which the chance of a false abort is shared out: errors and slow answers each against the limit and against stable, and decisions."""

Part = Annotated[float, Field(gt=0, lt=1)]


class ShareLimit(Fact):
    """Of a kind of bad answers."""

    allowed: Part
    """The share that the promise allows (SLO)."""
    tolerated: Part = 0.005
    """By how much more than stable's the share may be: less is too little to abort for, however surely it is proved."""
    harm: Part = 0.02
    """How far above what is allowed a share must be excluded before the candidate is good so far. Less needs more requests:
    300 without a bad one exclude 1.9 %, and 1,000 with 5 bad ones 1.8 %."""


class Limits(Fact):
    """All that decides beside the counts."""

    errors: ShareLimit
    slow: ShareLimit | None = ShareLimit(allowed=0.01, tolerated=0.01)
    """Of a p99, one answer of a hundred may be slower. None where nothing times answers."""
    shift_tolerated: Part | None = 0.1
    """A new version may decide differently in so many of a hundred cases: it is there to do so. None where no decisions are counted."""
    shift_harm: Part = 0.3
    """A change of so many decisions must be excluded before the candidate is good so far."""
    minimum_requests: Annotated[int, Field(ge=1)] = 1000
    """Of the candidate, in a window. Fewer are undecided (`rollout.minimum_requests`)."""
    minimum_bad: Annotated[int, Field(ge=1)] = 4
    """Fewer bad answers than these abort nothing: one broken connection takes the requests with it that it carries."""
    false_abort: Part = 0.01
    """The chance that a healthy version is aborted in a whole release, however often one looks."""

    @property
    def alpha(self) -> float:
        """Of each of the tests."""
        return self.false_abort / TESTS
