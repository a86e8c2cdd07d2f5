"""What a cluster serves: its Applications and served models as they are, read from its API server and never from memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tidegate.errors import ToolError
from tidegate.facts import names
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.platform import Platform
from tidegate.live.kubernetes import Kubernetes
from tidegate.live.observation import look
from tidegate.live.observed import Application, InferenceService, Judged, Node, ServiceComponent
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
        """Whether all it names is applied and healthy, and Git has lost none of it."""
        return self.sync == "Synced" and self.health == "Healthy" and not self.problem


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
    traffic = service.status.components.get("predictor", ServiceComponent()).traffic if service else ()
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
