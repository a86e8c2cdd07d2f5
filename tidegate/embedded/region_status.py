"""How the embedded regions are, read from their API servers and never from memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tidegate.embedded.fleet.bring_up import Local, cluster_of
from tidegate.embedded.machines import cgroups
from tidegate.errors import ToolError
from tidegate.facts import names
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.platform import Platform
from tidegate.live.kubernetes import Kubernetes
from tidegate.live.observation import look
from tidegate.live.observed import Application, Component, InferenceService, Judged, Node
from tidegate.live.observed_pods import Pod

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
        """Whether all it names is applied and healthy."""
        return self.sync == "Synced" and self.health == "Healthy"


@dataclass(frozen=True, slots=True)
class ModelState:
    """A served model in one region.

    `executed` says whether a real server answers, or pods are scheduled only; `instead_of` names the accelerator that a
    CPU stands in for; `replicas` counts the predictor's pods, those that are leaving left out; `traffic` is percent by
    revision; `problem` is empty when it is ready.
    """

    name: str
    region: str
    url: str
    version: str
    runtime: str
    instead_of: str
    replicas: int
    ready_replicas: int
    ready: bool
    executed: bool
    traffic: Mapping[str, int]
    problem: str

    @property
    def execution(self) -> str:
        """`executed` in words."""
        if not self.executed:
            return SCHEDULED_ONLY
        return f"CPU instead of {self.instead_of}" if self.instead_of else "yes"


@dataclass(frozen=True, slots=True)
class RegionState:
    """One region. `memory_gib` is what its machine and all its pods hold; `nodes` and `fake_nodes` tell which are ready."""

    name: str
    running: bool
    api_ready: bool
    nodes: Mapping[str, bool]
    fake_nodes: Mapping[str, bool]
    memory_gib: float
    applications: tuple[ApplicationState, ...]
    models: tuple[ModelState, ...]

    @property
    def waiting_for(self) -> list[str]:
        """What is not live yet; empty when the region is."""
        if not self.api_ready:
            return ["API server"]
        pending = [name for name, ready in self.nodes.items() if not ready] or ([] if self.nodes else ["node"])
        pending += [one.name for one in self.applications if not one.is_live]
        return pending + [one.name for one in self.models if one.executed and not one.ready]

    @property
    def told(self) -> list[str]:
        """What is waited for, each with its reason where one is known."""
        reasons = {one.name: f"{one.sync}, {one.health}" + (f": {one.problem}" if one.problem else "") for one in self.applications}
        reasons |= {one.name: one.problem for one in self.models if one.problem}
        return [f"{one} ({reasons[one]})" if one in reasons else one for one in self.waiting_for]


def read_regions(local: Local, programs: Mapping[str, Path]) -> list[RegionState]:
    """The state of every region, asked at the same time."""
    with ThreadPoolExecutor(max(1, len(local.regions))) as threads:
        asked = [threads.submit(read_region, local, name, programs) for name in local.regions]
        return [one.result() for one in asked]


def read_region(local: Local, name: str, programs: Mapping[str, Path]) -> RegionState:
    """The state of one region; a region that is down has everything false and empty."""
    return read_region_through(cluster_of(local, name, programs), local, name)


def read_region_through(cluster: Kubernetes, local: Local, name: str) -> RegionState:
    """As `read_region`, by an API server that the caller knows how to ask."""
    running = local.machine(name).process() is not None
    memory_gib = round(cgroups.memory_bytes(local.instance, name) / 2**30, 2)
    observed = observe(cluster, local.platform, name) if running else None
    if observed is None:
        return RegionState(name, running, False, {}, {}, memory_gib, (), ())
    nodes, applications, models = observed
    ready = {node.metadata.name: node.status.is_true("Ready") for node in nodes}
    return RegionState(
        name, running, True,
        {node.metadata.name: ready[node.metadata.name] for node in nodes if not node.is_fake},
        {node.metadata.name: ready[node.metadata.name] for node in nodes if node.is_fake},
        memory_gib, applications, models,
    )  # fmt: skip


def observe(
    cluster: Kubernetes, platform: Platform, region: str,
) -> tuple[list[Node], tuple[ApplicationState, ...], tuple[ModelState, ...]] | None:  # fmt: skip
    """What the API server of `region` knows; None when it does not answer."""
    if not cluster.is_ready():
        return None
    try:
        with ThreadPoolExecutor(2) as threads:
            # Two calls, because a selector holds for all kinds of a call and most pods are nobody's model.
            serving = threads.submit(look, cluster, [Pod], "--all-namespaces", f"--selector={names.KSERVE_LABEL_MODEL}")
            seen = look(cluster, [Node, Application, InferenceService])
            pods = serving.result().of(Pod)
    except ToolError:  # it was ready a moment ago: somebody is stopping it
        return None
    applications = tuple(
        ApplicationState(
            one.metadata.name, one.status.sync.status, one.status.health.status, "" if one.is_live else _application_problem(one)
        )
        for one in seen.of(Application)
    )
    nodes = seen.of(Node)
    fake = {node.metadata.name for node in nodes if node.is_fake}
    return nodes, applications, tuple(_models(platform, region, seen.of(InferenceService), pods, fake))


def _application_problem(application: Application) -> str:
    if application.is_leaving:
        return "is being deleted; waits for what it has applied to go"
    return application.problem


def _models(platform: Platform, region: str, services: Sequence[InferenceService], pods: Sequence[Pod], fake: set[str]) -> list[ModelState]:
    by_name = {(one.metadata.namespace, one.metadata.name): one for one in services}
    domain = platform.clusters[region].domain
    states: list[ModelState] = []
    for tenant in platform.tenants_of(region):
        for name, model in tenant.models.items():
            own = [
                pod for pod in pods
                if pod.metadata.namespace == tenant.namespace_name and pod.metadata.labels.get(names.KSERVE_LABEL_MODEL) == name
                and pod.part == "predictor" and not pod.is_leaving and pod.status.phase not in {"Succeeded", "Failed"}
            ]  # fmt: skip
            url = f"https://{tenant.host_in(domain)}/{name}"
            service = by_name.get((tenant.namespace_name, name))
            executed = is_executed(model) and not any(pod.spec.node_name in fake for pod in own)
            states.append(_model(f"{tenant.name}/{name}", model, service, own, region=region, url=url, executed=executed))
    return states


def _model(
    name: str, model: ServedModel, service: InferenceService | None, pods: Sequence[Pod], *, region: str, url: str, executed: bool,
) -> ModelState:  # fmt: skip
    alternative = model.also_on_cpu
    traffic = service.status.components.get("predictor", Component()).traffic if service else ()
    shares: dict[str, int] = {}
    for one in traffic:
        # A revision stands there twice, once by its tag, while a canary is judged.
        shares[one.revision] = shares.get(one.revision, 0) + one.percent
    return ModelState(
        name=name,
        region=region,
        url=url,
        version=service.spec.predictor.model.storage_uri.rstrip("/").rpartition("/")[2] if service else "",
        runtime=str(alternative.runtime if alternative else model.runtime),
        instead_of=str(model.accelerator.accelerator) if model.accelerator and alternative else "",
        replicas=len(pods),
        ready_replicas=sum(pod.is_ready for pod in pods),
        ready=bool(service and not service.is_leaving and service.status.is_true("Ready")),
        executed=executed,
        traffic={revision: percent for revision, percent in shares.items() if percent},
        problem=_problem(service),
    )


def is_executed(model: ServedModel) -> bool:
    """Whether the embedded region can run it: on CPU, by itself or in place of an accelerator."""
    return model.accelerator is None or model.also_on_cpu is not None


def _problem(service: InferenceService | None) -> str:
    if service is None:
        return "not applied yet"
    if service.is_leaving:
        return "is being deleted"
    if service.status.is_true("Ready"):
        return f"the version before serves on; the new one: {said_by_kserve(service)}" if service.status.is_refused else ""
    return said_by_kserve(service) or "not judged yet"


def said_by_kserve(service: InferenceService) -> str:
    """The most telling line of an InferenceService that is not ready, empty when KServe has said nothing."""
    failed = service.status.model.last_failure
    lines = [line.strip() for line in failed.message.splitlines() if line.strip()]
    if lines:
        code = f" (exit code {failed.exit_code})" if failed.exit_code else ""
        return f"{failed.reason or 'failed'}{code}: {lines[-1]}"
    return most_telling(service.status)


def most_telling(status: Judged) -> str:
    """The message of the condition nearest to the cause: a failed one before a waiting one, of those the longest."""
    for state in ("False", "Unknown"):
        messages = {" ".join(one.message.split()) for one in status.conditions if one.status == state and one.message}
        if messages:
            return max(sorted(messages), key=len)
    return ""
