"""What a model must carry on the embedded region: production's promises, scaled to a machine of two cores, each with its reason."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from pydantic import Field, StringConstraints

from tidegate.facts.fact import Fact
from tidegate.facts.models.knative_limits import P99_MS_MAX
from tidegate.facts.models.served_model import ServedModel

Reason = Annotated[str, StringConstraints(pattern=r"^\S([^\n]*\S)?$", min_length=20, max_length=300)]
ValueT = TypeVar("ValueT")

NO_EVIDENCE = "embedded profile, no evidence for production"
"""What every verdict by such a profile says."""


class Scaled(Fact, Generic[ValueT]):
    """A value in place of production's."""

    value: ValueT
    reason: Reason
    """Why this one, where it comes from."""


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
