"""What `status` says of a region's Applications and served models, and of those in a region that does not answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant

SCHEDULED_ONLY = "scheduled, not executed"
"""How a model is called whose pods are on pretended nodes: nothing answers for it."""


@dataclass(frozen=True, slots=True)
class ApplicationState:
    """An Argo CD Application: is it applied, is it well, and if not, why."""

    name: str
    sync: str
    health: str
    problem: str

    @property
    def is_live(self) -> bool:
        """Whether all it names is applied and healthy, and Git has lost none of it."""
        return self.sync == "Synced" and self.health == "Healthy" and not self.problem


@dataclass(frozen=True, slots=True)
class ModelState:
    """A served model in one region.

    `version` is what has traffic, `wanted_version` what was asked for last. `executed` says whether a real server answers, or pods are
    scheduled only; `instead_of` names the accelerator that a CPU stands in for; `replicas` counts the predictor's pods, those that are
    leaving left out; `traffic` is percent by revision; `restarts` counts those of containers that ended within the past hour, and
    `out_of_memory_at` is when the kernel last killed one of them for its memory; `given_up` are revisions that Knative tries no more;
    `problem` is empty when it is ready. `known` is False when the region does not answer: then the rest is what its files say.
    """

    name: str
    region: str
    url: str
    version: str
    wanted_version: str
    runtime: str
    instead_of: str
    replicas: int
    ready_replicas: int
    ready: bool
    executed: bool
    traffic: Mapping[str, int]
    restarts: int
    out_of_memory_at: str
    given_up: tuple[str, ...]
    problem: str
    known: bool = True

    @property
    def shown_version(self) -> str:
        """`version`, and what is wanted where that is another."""
        if not self.known:
            return "unknown"
        if self.version == self.wanted_version:
            return self.version
        return f"{self.version or 'none'} ({self.wanted_version} wanted)" if self.wanted_version else self.version

    @property
    def execution(self) -> str:
        """`executed` in words."""
        if not self.executed:
            return SCHEDULED_ONLY
        return f"CPU instead of {self.instead_of}" if self.instead_of else "yes"


def is_executed(model: ServedModel) -> bool:
    """Whether the embedded region can run it: on CPU, by itself or in place of an accelerator."""
    return model.accelerator is None or model.also_on_cpu is not None


def unread(platform: Platform, region: str, tenant: Tenant, name: str, *, problem: str) -> ModelState:
    """A model of which nothing is known but what its file says."""
    model = tenant.models[name]
    alternative = model.also_on_cpu
    return ModelState(
        name=f"{tenant.name}/{name}",
        region=region,
        url=f"https://{tenant.host_in(platform.clusters[region].domain)}/{name}",
        version="",
        wanted_version="",
        runtime=str(alternative.runtime if alternative else model.runtime),
        instead_of=str(model.accelerator.accelerator) if model.accelerator and alternative else "",
        replicas=0,
        ready_replicas=0,
        ready=False,
        executed=is_executed(model),
        traffic={},
        restarts=0,
        out_of_memory_at="",
        given_up=(),
        problem=problem,
        known=False,
    )


def unread_models(platform: Platform, region: str, problem: str) -> tuple[ModelState, ...]:
    """The models of a region that does not answer."""
    return tuple(
        unread(platform, region, tenant, name, problem=problem) for tenant in platform.tenants_of(region) for name in tenant.models
    )
