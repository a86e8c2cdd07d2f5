"""How a new version reaches traffic, and who must agree to it before."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from tidegate.facts.fact import Fact, refuse

Strategy = Literal["canary", "blue-green", "shadow", "pinned"]

DEFAULT_STEPS = (10, 25, 50, 100)
"""A first step that few callers meet, and each later one about twice the one before."""


class Rollout(Fact):
    """How a new version reaches traffic."""

    strategy: Strategy = "canary"
    """`canary` raises the share step by step; `blue-green` moves all callers in one write; `pinned` replaces at once. `shadow`, which
    would send copies of requests, is not built: it is treated as pinned."""
    steps_percent: tuple[Annotated[int, Field(ge=1, le=100)], ...] | None = None
    """Rising shares of traffic, the last one 100; for `canary` only, where the default is 10, 25, 50, 100."""
    step_seconds: Annotated[int, Field(ge=30, le=86_400)] = 300
    """How long a step is judged; at least two scrapes of 15 s."""
    minimum_requests: Annotated[int, Field(ge=299, le=10_000_000)] = 1000
    """Fewer than this in a step is inconclusive; 299 is the least that can show a p99 at 95 % confidence."""

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps in force; none for another strategy than canary."""
        return (self.steps_percent or DEFAULT_STEPS) if self.strategy == "canary" else ()

    @property
    def replaces_at_once(self) -> bool:
        """Whether a new version takes all requests without having been compared with the one before."""
        return self.strategy in {"pinned", "shadow"}

    @model_validator(mode="after")
    def _steps_make_sense(self) -> Self:
        steps = self.steps_percent
        if steps is None:
            return self
        written = ", ".join(map(str, steps))
        if self.strategy != "canary":
            raise refuse("rollout-steps-without-canary", f"{self.strategy} has no steps", "remove it", at="steps_percent", value=written)
        if not steps:
            raise refuse(
                "rollout-canary-without-steps",
                "a canary needs steps",
                "remove it for 10, 25, 50, 100, or write your own",
                at="steps_percent",
            )
        if any(later <= earlier for earlier, later in pairwise(steps)):
            raise refuse("rollout-steps-not-rising", "steps must rise", "sort them and drop repeats", at="steps_percent", value=written)
        if steps[-1] != 100:
            raise refuse("rollout-steps-unfinished", "the last step must be 100", "append 100", at="steps_percent", value=written)
        if steps[0] > 25:
            raise refuse(
                "rollout-first-step",
                "the first step exposes over a quarter of the callers",
                "start at 25 or below",
                at="steps_percent[0]",
                value=steps[0],
            )
        return self


class Approval(Fact):
    """Who must agree before a version takes traffic."""

    system: Literal["servicenow"]
    approver_group: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{2,62}$")]
    approvers_required: Annotated[int, Field(ge=1, le=5)] = 1
    window_hours: Annotated[int, Field(ge=1, le=168)] = 24
    """How long an approval stays valid."""
