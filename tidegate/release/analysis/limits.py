"""What a candidate is held to. The numbers are the facts'; which are apart from a tenant's promise has its reason here."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated

from pydantic import Field

from tidegate.facts.fact import Fact
from tidegate.release.analysis.counts import Share
from tidegate.release.analysis.sequence import share_interval

TESTS = 5
"""Among which the chance of a false abort is shared out: errors and slow answers each against the limit and against stable, and decisions."""

Part = Annotated[float, Field(gt=0, lt=1)]


class Limits(Fact):
    """All that decides beside the counts."""

    errors_allowed: Part
    """The share of requests that may fail (1 - `slo.availability`). It is also how much more than stable's the share may be."""
    slow_allowed: Part | None = 0.01
    """Of a p99, one answer of a hundred may be slower; compared with stable's as above. None where nothing times answers."""
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

    def harmless(self, allowed: float) -> float:
        """What must be excluded before the candidate is good so far: the least that so many answers can exclude where just what is allowed is bad."""
        return _excluded(self.minimum_requests, math.ceil(allowed * self.minimum_requests))


@lru_cache(maxsize=1000)
def _excluded(total: int, bad: int) -> float:
    return share_interval(Share(total=total, bad=bad)).high
