"""What the scale gate measured: every request, and how many replicas there were at every look."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tidegate.facts.fact import Fact
from tidegate.facts.models.embedded_profile import ScaleProfile

Count = Annotated[int, Field(ge=0, le=10_000_000)]
"""Of requests or replicas; far above what a profile of minutes can ask for."""
Seconds = Annotated[float, Field(ge=-1e6, le=1e6)]


class Request(Fact):
    """One request, in seconds from the begin of the run."""

    due: Annotated[float, Field(ge=0, le=1e6)]
    begun: Seconds
    ended: Seconds
    failure: str = ""
    """Why it had no whole answer."""


class Sent(Fact):
    """What the generator says of a run."""

    due: Count
    """Requests of the schedule."""
    requests: tuple[Request, ...]
    """Those of them that were begun, by when they were due."""
    begin_monotonic: float
    """When the run began, by the computer's clock that nobody sets."""
    monotonic_seconds: float
    """How long it took by that clock, and by the one that is set."""
    wall_seconds: float


class Look(Fact):
    """The replicas at one moment, in seconds from the begin of the run."""

    seconds: Seconds
    ready: Count
    """Pods of the predictor that take requests."""
    wanted: Count | None = None
    """What the autoscaler asks for; None when it has not said."""


class ScaleSamples(Fact):
    """All that the verdict is made of."""

    subject: str
    """`<tenant>/<model>`."""
    version: str
    profile: ScaleProfile
    max_replicas: Annotated[int, Field(ge=1)]
    """The ceiling that was in force: the profile's, or another one to try what it does."""
    limit_ms: Annotated[float, Field(gt=0)]
    """The embedded p99 objective."""
    sent: Sent
    looks: tuple[Look, ...]
    notes: tuple[str, ...] = ()
