"""What a model must carry on the embedded region: production's promises, scaled to a machine of two cores, each with its reason."""

from __future__ import annotations

import math
from typing import Annotated, Generic, Self, TypeVar

from pydantic import Field, StringConstraints, model_validator

from tidegate.facts.fact import Fact, refuse
from tidegate.facts.models.knative_limits import P99_MS_MAX, TARGET_UTILIZATION
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.numerals import decimal

Reason = Annotated[str, StringConstraints(pattern=r"^\S([^\n]*\S)?$", min_length=20, max_length=300)]
ValueT = TypeVar("ValueT")

NO_EVIDENCE = "embedded profile, no evidence for production"
"""What every verdict by such a profile says."""


class Scaled(Fact, Generic[ValueT]):
    """A value in place of production's."""

    value: ValueT
    reason: Reason
    """Why this one, where it comes from."""


class ScaleProfile(Fact):
    """How capacity has to follow a step of the rate: from a quarter of `requests_per_second` to all of it, then fourfold."""

    requests_per_second: Scaled[Annotated[float, Field(gt=0, le=100)]]
    """Before the last step."""
    requests_per_second_target: Scaled[Annotated[int, Field(ge=1, le=1000)]]
    """What the autoscaler aims at per replica, in place of the model's own signal."""
    min_replicas: Scaled[Annotated[int, Field(ge=1, le=10)]]
    max_replicas: Scaled[Annotated[int, Field(ge=1, le=10)]]
    phase_seconds: Scaled[Annotated[int, Field(ge=20, le=120)]]
    """How long each step lasts; the quarter before them lasts half as long."""
    enough_within_seconds: Scaled[Annotated[int, Field(ge=5, le=100)]]
    """For so long there may be too few replicas after each step."""
    slow_share: Scaled[Annotated[float, Field(gt=0, lt=1)]]
    """So many of all requests may be above `p99_ms`, or have no answer."""

    @property
    def phases(self) -> tuple[tuple[float, float], ...]:
        """(seconds, requests per second) of the quarter, the whole and the fourfold rate."""
        seconds, rate = float(self.phase_seconds.value), self.requests_per_second.value
        return (seconds / 2, rate / 4), (seconds, rate), (seconds, 4 * rate)

    def enough(self, requests_per_second: float) -> int:
        """The replicas that the autoscaler wants for a rate, were there no ceiling."""
        return replicas_for(requests_per_second, self.requests_per_second_target.value, self.min_replicas.value)

    @model_validator(mode="after")
    def _step_can_be_seen(self) -> Self:
        rate, needed = 4 * self.requests_per_second.value, self.enough(4 * self.requests_per_second.value)
        if needed <= self.min_replicas.value:
            raise refuse(
                "scale-profile-without-step",
                f"is enough for {decimal(rate)} requests a second, so nothing would have to follow",
                "lower it, or requests_per_second_target, or raise requests_per_second",
                at="min_replicas.value",
                value=self.min_replicas.value,
            )
        if needed > self.max_replicas.value:
            raise refuse(
                "scale-profile-ceiling",
                f"is less than the {needed} replicas that {decimal(rate)} requests a second need",
                "raise it, or requests_per_second_target",
                at="max_replicas.value",
                value=self.max_replicas.value,
            )
        if self.enough_within_seconds.value >= self.phase_seconds.value:
            raise refuse(
                "scale-profile-phase",
                f"is no shorter than phase_seconds, {self.phase_seconds.value}, so a step would be over before it is missed",
                "raise phase_seconds",
                at="enough_within_seconds.value",
                value=self.enough_within_seconds.value,
            )
        return self


def replicas_for(requests_per_second: float, target: float, floor: int) -> int:
    """As Knative's autoscaler computes them, of a rate that does not change: it aims at a part of the target only."""
    return max(floor, math.ceil(requests_per_second / (target * TARGET_UTILIZATION) - 1e-9))


class EmbeddedProfile(Fact):
    """One model's load, limits and steps of a release on the embedded region; what is absent stays as the tenant's file says."""

    requests_per_second: Scaled[Annotated[float, Field(gt=0, le=1000)]]
    duration_seconds: Scaled[Annotated[int, Field(ge=10, le=240)]]
    p99_ms: Scaled[Annotated[float, Field(gt=0, le=P99_MS_MAX)]]
    availability: Scaled[Annotated[float, Field(ge=0.9, le=0.99999)]]
    time_to_first_token_ms: Scaled[Annotated[float, Field(gt=0, le=120_000)]] | None = None
    step_seconds: Scaled[Annotated[int, Field(ge=30, le=300)]]
    minimum_requests: Scaled[Annotated[int, Field(ge=299, le=10_000)]]
    """As `step_seconds`, recorded and not used yet: both wait for the release controller."""
    scale: ScaleProfile | None = None
    """For the scale gate; absent means that it is not executed here."""


class EmbeddedProfiles(Fact):
    """The file: profiles by `<tenant>/<model>`."""

    profiles: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}/[a-z][a-z0-9-]{0,33}$")], EmbeddedProfile]


def scaled(model: ServedModel, profile: EmbeddedProfile | None) -> ServedModel:
    """The model with its profile's values in place of its own; without a profile, as it is."""
    if profile is None:
        return model
    first_token = profile.time_to_first_token_ms
    slo: dict[str, object] = {"p99_ms": profile.p99_ms.value, "availability": profile.availability.value}
    if first_token:
        slo["time_to_first_token_ms"] = first_token.value
    return model.model_copy(
        update={
            "slo": model.slo.model_copy(update=slo),
            "load_profile": model.load_profile.model_copy(
                update={"requests_per_second": profile.requests_per_second.value, "duration_seconds": profile.duration_seconds.value}
            ),
            "rollout": model.rollout.model_copy(
                update={"step_seconds": profile.step_seconds.value, "minimum_requests": profile.minimum_requests.value}
            ),
        }
    )
