"""A served model: what runs, on what, how fast it must be and how a new version may reach traffic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from tidegate.facts.fact import Fact, refuse
from tidegate.facts.models.artefact import Artefact, CpuArtefact, GoldenSet, PinnedImage
from tidegate.facts.models.body import BODY_MIB_MAX, default_mib
from tidegate.facts.models.dense_pool import DensePool
from tidegate.facts.models.rollout import Approval, Rollout
from tidegate.facts.models.scaling import Scaling, Slo
from tidegate.facts.nodes.accelerators import AcceleratorShare, ReplicaResources
from tidegate.facts.numerals import decimal
from tidegate.facts.stage import Stage


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
    """How a GPU model runs where there is no GPU: the same version on another server."""

    runtime: Runtime
    resources: ReplicaResources
    artefact: CpuArtefact | None = None
    """Files that this runtime loads; absent means that it loads those of the GPU server."""


Phase = Literal["node", "image", "weights", "load"]
"""What a model waits for when it starts from nothing, in this order."""


class MeasuredPhase(Fact):
    """What one phase of a cold start took, where somebody looked."""

    phase: Phase
    seconds: Annotated[float, Field(gt=0, le=86_400)]
    """The slowest of the trials: a budget must hold on a bad day."""
    measured_on: Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}-[01][0-9]-[0-3][0-9]$")]
    """The day, such as "2026-11-21"."""


_OF_CPU = "also_on_cpu.artefact"


@dataclass(frozen=True, slots=True)
class NamedArtefact:
    """An artefact, the key of the served model that names it, and the server that loads it."""

    path: str
    artefact: Artefact
    runtime: Runtime


class ServedModel(Fact):
    """One endpoint of a tenant: a KServe InferenceService and all that surrounds it."""

    runtime: Runtime
    artefact: Artefact
    """The version wanted in every stage that `artefact_by_stage` does not name."""
    artefact_by_stage: dict[Stage, Artefact] = Field(default_factory=dict[Stage, Artefact])
    """The version wanted in one stage only, such as `staging`; a promotion is a commit that makes it `artefact`."""
    resources: ReplicaResources
    accelerator: AcceleratorShare | None = None
    """Absent means CPU only."""
    also_on_cpu: CpuAlternative | None = None
    """Where the cluster has no such card (the embedded region), the model runs like this; absent means it waits for a GPU."""
    capacity: Literal["on-demand", "spot"] = "on-demand"
    """How the nodes of the predictor are paid for, with a card or without. Spot nodes can go with two minutes' notice; refused for hot
    tiers. Transformer and explainer stay on demand."""
    max_body_mib: Annotated[int, Field(ge=1, le=BODY_MIB_MAX)] | None = None
    """The largest body that callers may send, in MiB; absent means what a replica's memory allows, at most 4."""
    scaling: Scaling
    slo: Slo
    rollout: Rollout = Rollout()
    approval: Approval | None = None
    transformer: Companion | None = None
    explainer: Companion | None = None
    golden_set: GoldenSet
    load_profile: LoadProfile
    dense_pool: DensePool | None = None
    cold_start: tuple[MeasuredPhase, ...] = ()
    """Measured phases of a start from nothing; phases that are not listed count as in tidegate/facts/cold_start.py."""

    @property
    def body_mib(self) -> int:
        """The largest body in force, in MiB."""
        entry = self.transformer.resources if self.transformer else self.resources
        return self.max_body_mib or default_mib(min(entry.memory_gib, self.resources.memory_gib), self.scaling.concurrency_target)

    def artefact_in(self, stage: Stage) -> Artefact:
        """The version wanted in clusters of `stage`."""
        return self.artefact_by_stage.get(stage, self.artefact)

    def named_artefacts(self, stage: Stage | None = None) -> Iterator[NamedArtefact]:
        """Every artefact that the file names, or the one that clusters of `stage` load; each with its path and its server."""
        if stage is None or stage not in self.artefact_by_stage:
            yield NamedArtefact("artefact", self.artefact, self.runtime)
        for named, artefact in self.artefact_by_stage.items():
            if stage in {None, named}:
                yield NamedArtefact(f"artefact_by_stage.{named}", artefact, self.runtime)
        if stage is None and self.also_on_cpu and self.also_on_cpu.artefact:
            yield NamedArtefact(_OF_CPU, self.also_on_cpu.artefact.of_version(self.artefact.version), self.also_on_cpu.runtime)

    def kept_for(self, stage: Stage) -> list[NamedArtefact]:
        """What the registry of clusters of `stage` has to hold: the version that they load, and its files for CPU."""
        loaded = {named.path for named in self.named_artefacts(stage)}
        return [named for named in self.named_artefacts() if named.path in loaded or named.path == _OF_CPU]

    @model_validator(mode="after")
    def _artefacts_differ(self) -> Self:
        for stage, artefact in self.artefact_by_stage.items():
            if artefact.uri == self.artefact.uri:
                raise refuse(
                    "stage-artefact-same",
                    "is what artefact names already",
                    "remove it",
                    at=f"artefact_by_stage.{stage}.uri",
                    value=artefact.uri,
                )
        if self.also_on_cpu is None or self.also_on_cpu.artefact is None:
            return self
        uri, wanted = self.also_on_cpu.artefact.uri, f"{self.artefact.uri.rstrip('/')}-cpu"
        if uri != wanted:
            raise refuse(
                "cpu-artefact-uri", "is not beside the version's own folder", f"write {wanted}", at="also_on_cpu.artefact.uri", value=uri
            )
        if self.artefact_by_stage:
            raise refuse(
                "cpu-artefact-of-stage",
                f"is version {self.artefact.version} and no other, so stages could not have their own",
                "remove it, or artefact_by_stage",
                at="also_on_cpu.artefact.uri",
                value=uri,
            )
        return self

    @model_validator(mode="after")
    def _phases_are_listed_once(self) -> Self:
        phases = [one.phase for one in self.cold_start]
        if len(set(phases)) != len(phases):
            raise refuse("cold-start-phase-twice", "a phase is listed twice", "keep the slowest", at="cold_start", value=", ".join(phases))
        return self

    @model_validator(mode="after")
    def _idle_time_counts(self) -> Self:
        floors = [self.scaling.min_replicas, *(part.min_replicas for part in (self.transformer, self.explainer) if part)]
        if "idle_seconds" in self.scaling.model_fields_set and (self.scaling.mode == "standard" or min(floors) > 0):
            raise refuse(
                "idle-without-zero",
                "changes nothing, because no part of the model goes to zero",
                "remove it, or write min_replicas: 0 in knative mode",
                at="scaling.idle_seconds",
                value=self.scaling.idle_seconds,
            )
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
        if self.dense_pool.memory_budget_gib >= self.resources.memory_gib:
            raise refuse(
                "dense-pool-memory",
                f"leaves no memory of {decimal(self.resources.memory_gib)} GiB for the server",
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
        if self.rollout.strategy != "pinned" and self.scaling.mode == "standard":
            raise refuse(
                "strategy-in-standard-mode",
                "in standard mode a Deployment replaces its pods; KServe splits traffic in knative mode only",
                "write pinned, or scaling.mode: knative",
                at="rollout.strategy",
                value=self.rollout.strategy,
            )
        return self
