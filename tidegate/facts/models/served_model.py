"""A served model: what runs, on what, how fast it must be and how a new version may reach traffic."""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from tidegate.facts.fact import Fact, refuse
from tidegate.facts.models.artefact import Artefact, GoldenSet, PinnedImage
from tidegate.facts.models.dense_pool import DensePool
from tidegate.facts.models.knative_limits import IDLE_SECONDS_MAX, P99_MS_MAX
from tidegate.facts.nodes.accelerators import AcceleratorShare, ReplicaResources


class Runtime(StrEnum):
    """The model server; each is a ServingRuntime of the platform."""

    MLSERVER_SKLEARN = "mlserver-sklearn"
    MLSERVER_LIGHTGBM = "mlserver-lightgbm"
    MLSERVER_XGBOOST = "mlserver-xgboost"
    TRITON = "triton"
    TORCHSERVE = "torchserve"
    VLLM = "vllm"
    HUGGINGFACE = "huggingface"
    NGRAM = "ngram"
    """A tiny language model of word sequences on CPU; it stands in where there is no GPU, and speaks OpenAI's protocol."""


MLSERVER = frozenset({Runtime.MLSERVER_SKLEARN, Runtime.MLSERVER_LIGHTGBM, Runtime.MLSERVER_XGBOOST})
"""Those whose server can load and unload models while it runs."""

_GPU_ONLY = frozenset({Runtime.VLLM, Runtime.TRITON, Runtime.TORCHSERVE})
"""Servers whose images we run with GPU libraries only."""


class Scaling(Fact):
    """How many replicas, and on which signal."""

    mode: Literal["knative", "standard"] = "knative"
    """`knative` scales to zero and splits traffic; `standard` is a Deployment with a floor of at least one."""
    min_replicas: Annotated[int, Field(ge=0, le=500)]
    max_replicas: Annotated[int, Field(ge=1, le=500)]
    concurrency_target: Annotated[int, Field(ge=1, le=1000)] = 8
    """Requests in flight per replica that the autoscaler aims at."""
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
        return self


class Slo(Fact):
    """What callers are promised; alerts, load gates and canaries are all judged by it."""

    p99_ms: Annotated[float, Field(gt=0, le=P99_MS_MAX)]
    """The 99th percentile; above 150 s requests get a longer timeout than Knative's own."""
    availability: Annotated[float, Field(ge=0.9, le=0.99999)]
    """Share of requests answered without a server error, over 30 days."""
    time_to_first_token_ms: Annotated[float, Field(gt=0, le=120_000)] | None = None
    """For language models: the 99th percentile until the first token."""


class Rollout(Fact):
    """How a new version reaches traffic."""

    strategy: Literal["canary", "blue-green", "shadow", "pinned"]
    steps_percent: tuple[Annotated[int, Field(ge=1, le=100)], ...] = ()
    """Rising shares of traffic, the last one 100; for `canary` only."""
    step_seconds: Annotated[int, Field(ge=30, le=86_400)] = 300
    """How long a step is judged; at least two scrapes of 15 s."""
    minimum_requests: Annotated[int, Field(ge=299, le=10_000_000)] = 1000
    """Fewer than this in a step is inconclusive; 299 is the least that can show a p99 at 95 % confidence."""

    @model_validator(mode="after")
    def _steps_make_sense(self) -> Self:
        steps, written = self.steps_percent, ", ".join(map(str, self.steps_percent))
        if self.strategy != "canary":
            if steps:
                raise refuse(
                    "rollout-steps-without-canary", f"{self.strategy} has no steps", "remove it", at="steps_percent", value=written
                )
            return self
        if not steps:
            raise refuse("rollout-canary-without-steps", "a canary needs steps", "write [10, 25, 50, 100]", at="steps_percent")
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


class Companion(Fact):
    """A transformer or explainer beside the predictor."""

    image: PinnedImage
    resources: ReplicaResources
    min_replicas: Annotated[int, Field(ge=0, le=100)] = 1
    max_replicas: Annotated[int, Field(ge=1, le=100)] = 3

    @model_validator(mode="after")
    def _range_holds(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise refuse(
                "companion-min-above-max",
                f"is above max_replicas, {self.max_replicas}",
                "raise max_replicas",
                at="min_replicas",
                value=self.min_replicas,
            )
        return self


class LoadProfile(Fact):
    """The load a version must carry within its SLO before merge."""

    requests_per_second: Annotated[float, Field(gt=0, le=50_000)]
    duration_seconds: Annotated[int, Field(ge=10, le=3600)]


class CpuAlternative(Fact):
    """How a GPU model runs where there is no GPU: same artefact, another server."""

    runtime: Runtime
    resources: ReplicaResources


Phase = Literal["node", "image", "weights", "load"]
"""What a model waits for when it starts from nothing, in this order."""


class MeasuredPhase(Fact):
    """What one phase of a cold start took, where somebody looked."""

    phase: Phase
    seconds: Annotated[float, Field(gt=0, le=86_400)]
    """The slowest of the trials: a budget must hold on a bad day."""
    measured_on: Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}-[01][0-9]-[0-3][0-9]$")]
    """The day, such as "2026-11-21"."""


class ServedModel(Fact):
    """One endpoint of a tenant: a KServe InferenceService and all that surrounds it."""

    runtime: Runtime
    artefact: Artefact
    resources: ReplicaResources
    accelerator: AcceleratorShare | None = None
    """Absent means CPU only."""
    also_on_cpu: CpuAlternative | None = None
    """Where the cluster has no such card (the embedded region), the model runs like this; absent means it waits for a GPU."""
    capacity: Literal["on-demand", "spot"] = "on-demand"
    """Spot nodes can go with two minutes' notice; refused for hot tiers."""
    scaling: Scaling
    slo: Slo
    rollout: Rollout
    approval: Approval | None = None
    transformer: Companion | None = None
    explainer: Companion | None = None
    golden_set: GoldenSet
    load_profile: LoadProfile
    dense_pool: DensePool | None = None
    cold_start: tuple[MeasuredPhase, ...] = ()
    """Measured phases of a start from nothing; phases that are not listed count as in tidegate/facts/cold_start.py."""

    @model_validator(mode="after")
    def _phases_are_listed_once(self) -> Self:
        phases = [one.phase for one in self.cold_start]
        if len(set(phases)) != len(phases):
            raise refuse("cold-start-phase-twice", "a phase is listed twice", "keep the slowest", at="cold_start", value=", ".join(phases))
        return self

    @model_validator(mode="after")
    def _pool_fits(self) -> Self:
        if self.dense_pool is None:
            return self
        if self.accelerator:
            raise refuse(
                "dense-pool-on-gpu",
                "a dense pool packs CPU models",
                "remove accelerator or dense_pool",
                at="accelerator",
                value=self.accelerator.accelerator,
            )
        if self.runtime not in MLSERVER:
            raise refuse(
                "dense-pool-runtime",
                "cannot load models while it runs, as a dense pool has to",
                f"choose one of {', '.join(sorted(MLSERVER))}",
                at="runtime",
                value=self.runtime,
            )
        if self.scaling.max_replicas > self.dense_pool.max_pods:
            raise refuse(
                "dense-pool-too-many-pods",
                f"is above dense_pool.max_pods, {self.dense_pool.max_pods}",
                "lower it",
                at="scaling.max_replicas",
                value=self.scaling.max_replicas,
            )
        if self.dense_pool.memory_budget_gib >= self.resources.memory_gib:
            raise refuse(
                "dense-pool-memory",
                f"leaves no memory of {self.resources.memory_gib:g} GiB for the server",
                "raise resources.memory_gib",
                at="dense_pool.memory_budget_gib",
                value=self.dense_pool.memory_budget_gib,
            )
        return self

    @model_validator(mode="after")
    def _facts_agree(self) -> Self:
        if self.runtime is Runtime.VLLM and self.accelerator is None:
            raise refuse(
                "vllm-without-accelerator",
                "vLLM needs a GPU",
                "add accelerator or choose another runtime",
                at="runtime",
                value=self.runtime,
            )
        if self.also_on_cpu and not self.accelerator:
            raise refuse(
                "cpu-alternative-without-accelerator",
                "the model runs on CPU anyway",
                "remove it",
                at="also_on_cpu",
                value=self.also_on_cpu.runtime,
            )
        if self.also_on_cpu and self.also_on_cpu.runtime in _GPU_ONLY:
            raise refuse(
                "cpu-alternative-needs-gpu",
                "needs a GPU itself",
                "choose a runtime that runs on CPU",
                at="also_on_cpu.runtime",
                value=self.also_on_cpu.runtime,
            )
        if self.accelerator and self.accelerator.count < 1:
            raise refuse(
                "accelerator-count",
                "must be at least 1",
                "write 1 or remove accelerator",
                at="accelerator.count",
                value=self.accelerator.count,
            )
        if self.accelerator and self.accelerator.share != "whole" and self.accelerator.count != 1:
            raise refuse(
                "accelerator-shares-twice",
                f"a pod takes one {self.accelerator.share} only",
                "write 1 and choose a larger slice",
                at="accelerator.count",
                value=self.accelerator.count,
            )
        if self.rollout.strategy == "canary" and self.scaling.mode != "knative":
            raise refuse(
                "canary-needs-knative",
                "KServe splits traffic in knative mode only",
                "write knative, or another rollout.strategy",
                at="scaling.mode",
                value=self.scaling.mode,
            )
        return self
