"""The `Release` custom resource: which version of a model is wanted, which is promoted, and how far users have been moved.

Argo CD applies the spec, rendered from Git; the release controller alone writes the status. Times are the API server's.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from tidegate.facts.fact import Sha256, refuse

Percent = Annotated[int, Field(ge=0, le=100)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]


class Part(BaseModel):
    """A piece of the resource: immutable, unknown keys refused, camelCase outside."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )


class Files(Part):
    """The bytes of one version."""

    version: Annotated[int, Field(ge=1)]
    uri: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+://[^\s]+$", max_length=400)]
    sha256: Sha256


class ReleaseSpec(Part):
    """What Git says of one model in one cluster."""

    strategy: Literal["canary", "blue-green", "pinned"]
    wanted: Files
    """What the tenant's file names."""
    promoted: Files
    """What last went to all users here, written by the bot only."""
    steps_percent: Annotated[tuple[Annotated[int, Field(ge=1, le=100)], ...], Field(min_length=1, max_length=20)]
    """Rising shares of users, the last one 100; `[100]` for blue-green and pinned."""
    step_seconds: Annotated[int, Field(ge=5, le=86_400)]
    minimum_requests: Annotated[int, Field(ge=1, le=10_000_000)]
    p99_ms: Annotated[float, Field(gt=0)]
    availability: Annotated[float, Field(gt=0, lt=1)]
    rollback_hours: Annotated[float, Field(ge=0, le=336)]
    """How long the previous version is kept running after a promotion; two weeks at most, because it is paid for."""

    @model_validator(mode="after")
    def _steps_end_at_all(self) -> Self:
        steps = self.steps_percent
        if steps[-1] != 100 or list(steps) != sorted(set(steps)):
            raise refuse("release-steps", "steps must rise to 100", "write rising shares, the last one 100", at="stepsPercent")
        if self.strategy != "canary" and len(steps) != 1:
            raise refuse("release-steps", f"{self.strategy} has one step", "write [100]", at="stepsPercent")
        return self

    @property
    def deadline_seconds(self) -> int:
        """How long a step may go without a decision before it is aborted: four times its length, at least two minutes."""
        return max(4 * self.step_seconds, 120)


class Revision(Part):
    """One Knative revision. The UID tells it from a later one of the same name, the template from another of the same bytes."""

    name: Name
    uid: str
    files: Files
    template: str
    """Digest of everything in the pod template but its model, so that a second revision with the same values is known for the same."""

    @property
    def sha256(self) -> str:
        """Of the bytes that it serves."""
        return self.files.sha256

    def is_same_as(self, other: Revision | None) -> bool:
        """Whether both serve the same bytes in the same way."""
        return other is not None and (self.sha256, self.template) == (other.sha256, other.template)


class Phase(StrEnum):
    """Where a release stands."""

    NEW = "New"
    """Nobody is served yet: no revision of the promoted version has been seen."""
    STEADY = "Steady"
    STARTING = "Starting"
    """The candidate's revision is being started at 0 %."""
    SMOKING = "Smoking"
    """The candidate answers its golden set and a short load at 0 %."""
    STEPPING = "Stepping"
    PROMOTING = "Promoting"
    """All users are on the candidate; Git does not say so yet."""
    ABORTING = "Aborting"
    """All users are back; the stable version's files are put back in place."""


class Aborted(Part):
    """A version that was taken back, and is not tried again by itself."""

    sha256: Sha256
    template: str
    """Empty when the version never had a revision."""
    reason: str
    at: datetime


class ReleaseStatus(Part):
    """What the controller did and must remember."""

    phase: Phase = Phase.NEW
    stable: Revision | None = None
    """Whom users are on, but for the candidate's share."""
    candidate: Revision | None = None
    previous: Revision | None = None
    """Kept running for a rollback."""
    previous_until: datetime | None = None
    allowed_percent: Percent = 0
    """The share of users that the candidate may have."""
    step: Annotated[int, Field(ge=0)] = 0
    is_reached: bool = False
    """Whether the Route was seen at the allowed share; a lower share after that is a person's doing."""
    since: datetime | None = None
    """When the phase began, or the step was reached."""
    aborted: Annotated[tuple[Aborted, ...], Field(max_length=20)] = ()
    last_command: str = ""
    """The command of a person that was carried out last."""
    message: str = ""
    """What happened last and what is waited for, for people."""
