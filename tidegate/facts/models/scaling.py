"""How many replicas a served model has, and what its callers are promised."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tidegate.facts.fact import Fact, refuse
from tidegate.facts.models.knative_limits import IDLE_SECONDS_MAX, P99_MS_MAX

MOST_REPLICAS = 500
"""Of one part of a model: more than any pool here has room for."""


class Scaling(Fact):
    """How many replicas, and on which signal."""

    mode: Literal["knative", "standard"] = "knative"
    """`knative` scales to zero and splits traffic; `standard` is a Deployment with a floor of at least one."""
    min_replicas: Annotated[int, Field(ge=0, le=MOST_REPLICAS)]
    max_replicas: Annotated[int, Field(ge=1, le=MOST_REPLICAS)]
    concurrency_target: Annotated[int, Field(ge=1, le=1000)] = 8
    """Requests in flight per replica that the autoscaler aims at; in knative mode only."""
    requests_per_second_target: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Requests per second per replica that the autoscaler aims at instead of requests in flight; in knative mode only."""
    idle_seconds: Annotated[int, Field(ge=30, le=IDLE_SECONDS_MAX)] = 300
    """How long a replica outlives its last request before the service goes to zero."""

    @model_validator(mode="after")
    def _range_holds(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise refuse(
                "scaling-min-above-max",
                f"is above max_replicas, {self.max_replicas}",
                "raise max_replicas",
                at="min_replicas",
                value=self.min_replicas,
            )
        if self.mode == "standard" and self.min_replicas == 0:
            raise refuse(
                "scaling-standard-to-zero",
                "standard mode cannot scale from zero",
                "write at least 1, or mode: knative",
                at="min_replicas",
                value=0,
            )
        for target in ("concurrency_target", "requests_per_second_target"):
            if self.mode == "standard" and target in self.model_fields_set:
                raise refuse(
                    "concurrency-in-standard-mode",
                    "changes nothing, because standard mode scales on CPU and does not see requests",
                    "remove it, or write mode: knative",
                    at=target,
                    value=getattr(self, target),
                )
        if self.requests_per_second_target is not None and "concurrency_target" in self.model_fields_set:
            raise refuse(
                "scaling-targets-two",
                "changes nothing beside requests_per_second_target, because an autoscaler has one signal",
                "remove one of them",
                at="concurrency_target",
                value=self.concurrency_target,
            )
        return self

    @property
    def metric(self) -> Literal["concurrency", "rps", "cpu"]:
        """The signal, in KServe's words."""
        if self.mode == "standard":
            return "cpu"
        return "concurrency" if self.requests_per_second_target is None else "rps"

    @property
    def target(self) -> int:
        """What the autoscaler aims at per replica in knative mode: requests in flight, or per second."""
        return self.requests_per_second_target or self.concurrency_target

    @property
    def follows_requests(self) -> bool:
        """Whether replicas come and go with the requests: not where their number is fixed, or where CPU decides."""
        return self.mode == "knative" and self.min_replicas < self.max_replicas


class Slo(Fact):
    """What callers are promised; alerts, load gates and canaries are all judged by it."""

    p99_ms: Annotated[float, Field(gt=0, le=P99_MS_MAX)]
    """The 99th percentile; above 150 s requests get a longer timeout than Knative's own."""
    availability: Annotated[float, Field(ge=0.9, le=0.99999)]
    """Share of requests answered without a server error, over 30 days."""
    time_to_first_token_ms: Annotated[float, Field(gt=0, le=120_000)] | None = None
    """For language models: the 99th percentile until the first token."""
