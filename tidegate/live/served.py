"""What a cluster serves: its Applications and served models as they are, read from its API server and never from memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tidegate.errors import ToolError
from tidegate.facts import names
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant
from tidegate.live.causes import Inquiry, pod_cause
from tidegate.live.given_up import given_up_cause, is_given_up
from tidegate.live.kubernetes import Kubernetes
from tidegate.live.observation import log_reader, look
from tidegate.live.observed import Application, InferenceService, Judged, Node, ServiceComponent
from tidegate.live.observed_pods import Pod
from tidegate.live.observed_routes import Revision
from tidegate.live.refusals import is_refusal, refusal
from tidegate.live.restarts import out_of_memory, restarted
from tidegate.live.states import ApplicationState, ModelState, unread
from tidegate.live.versions import serving_version, wanted_version


def observe(
    cluster: Kubernetes, platform: Platform, region: str, now: datetime | None = None,
) -> tuple[list[Node], tuple[ApplicationState, ...], tuple[ModelState, ...]] | None:  # fmt: skip
    """What the API server of `region` knows; None when it does not answer."""
    if not cluster.is_ready():
        return None
    try:
        with ThreadPoolExecutor(2) as threads:
            # Two calls, because a selector holds for all kinds of a call and most pods are nobody's model.
            serving = threads.submit(look, cluster, [Pod, Revision], "--all-namespaces", f"--selector={names.KSERVE_LABEL_MODEL}")
            seen = look(cluster, [Node, Application, InferenceService])
            of_models = serving.result()
    except ToolError:  # it was ready a moment ago: somebody is stopping it
        return None
    applications = tuple(
        ApplicationState(
            one.metadata.name, one.status.sync.status, one.status.health.status, "" if one.is_live else _application_problem(one)
        )
        for one in seen.of(Application)
    )
    nodes = seen.of(Node)
    region_seen = _Seen(
        cluster, region, platform, seen.of(InferenceService), of_models.of(Pod), of_models.of(Revision),
        {node.metadata.name for node in nodes if node.is_fake}, now or datetime.now(UTC),
    )  # fmt: skip
    return nodes, applications, tuple(region_seen.models())


def _application_problem(application: Application) -> str:
    if application.is_leaving:
        return "is being deleted; waits for what it has applied to go"
    return application.problem


@dataclass(frozen=True, slots=True)
class _Seen:
    """One look at a region."""

    cluster: Kubernetes
    region: str
    platform: Platform
    services: Sequence[InferenceService]
    pods: Sequence[Pod]
    revisions: Sequence[Revision]
    fake: set[str]
    now: datetime

    def models(self) -> Iterator[ModelState]:
        """Every model that Git places here."""
        by_name = {(one.metadata.namespace, one.metadata.name): one for one in self.services}
        for tenant in self.platform.tenants_of(self.region):
            for name in tenant.models:
                yield self._model(tenant, name, by_name.get((tenant.namespace_name, name)))

    def _model(self, tenant: Tenant, name: str, service: InferenceService | None) -> ModelState:
        of_model = names.KSERVE_LABEL_MODEL
        here = [
            pod for pod in self.pods
            if pod.metadata.namespace == tenant.namespace_name and pod.metadata.labels.get(of_model) == name
            and not pod.is_leaving and pod.status.phase not in {"Succeeded", "Failed"}
        ]  # fmt: skip
        own = [pod for pod in here if pod.part == "predictor"]
        revisions = [
            one for one in self.revisions if one.metadata.namespace == tenant.namespace_name and one.metadata.labels.get(of_model) == name
        ]
        shares = _shares(service)
        again = restarted(here, self.now)
        killed = out_of_memory(again)
        state = unread(self.platform, self.region, tenant, name, problem="")
        executed = state.executed and not any(pod.spec.node_name in self.fake for pod in own)
        given_up = [one for one in revisions if _is_given_up(one, service, here)]
        return replace(
            state,
            known=True,
            version=serving_version(shares, revisions, own),
            wanted_version=wanted_version(service),
            replicas=len(own),
            ready_replicas=sum(pod.is_ready for pod in own),
            ready=bool(service and not service.is_leaving and service.status.is_true("Ready")),
            executed=executed,
            traffic=shares,
            restarts=sum(one.count for one in again),
            out_of_memory_at=killed.ended.finished_at if killed else "",
            given_up=tuple(one.metadata.name for one in given_up),
            problem=self._problem(tenant, name, service, here if executed else [], given_up),
        )

    def _problem(
        self, tenant: Tenant, name: str, service: InferenceService | None, pods: Sequence[Pod], given_up: Sequence[Revision],
    ) -> str:  # fmt: skip
        if service is None:
            return "not applied yet"
        if service.is_leaving:
            return "is being deleted"
        inquiry = Inquiry(tenant, name, log_reader(self.cluster), lambda _about: (), is_on_cpu(tenant.models[name], service))
        newest = [pod for pod in pods if not pod.is_ready and pod.revision == _component(service, pod.part).latest_created]
        failing = next((cause for pod in newest if (cause := pod_cause(inquiry, pod)) and not cause.may_pass), None)
        of_kserve = said_by_kserve(service)
        refused = refusal(inquiry.refused(), of_kserve)
        if given_up:
            cause = given_up_cause(inquiry.refused(given_up[0].metadata.labels.get(names.KSERVE_LABEL_PART, "")), given_up[0])
        else:
            cause = failing or refused
        # Of a crash its last line is enough here; `model explain` has the command.
        said = of_kserve if cause is None else cause.text if cause is failing else f"{cause.text}; {cause.next_step}"
        is_behind = any(_is_behind(one) for one in service.status.components.values())
        newest_failed = service.status.is_refused or bool(given_up) or (is_behind and cause is not None)
        if service.status.is_true("Ready") and not newest_failed:
            return ""
        said = said or "not judged yet"
        serves_on = service.status.is_true("Ready") or (is_behind and _shares(service))
        return f"the version before serves on; the new one: {said}" if serves_on else said


def _component(service: InferenceService, part: str) -> ServiceComponent:
    return service.status.components.get(part, ServiceComponent())


def _is_behind(component: ServiceComponent) -> bool:
    """Whether an older revision of a part serves on."""
    return bool(component.latest_ready) and component.latest_ready != component.latest_created


def _is_given_up(revision: Revision, service: InferenceService | None, pods: Sequence[Pod]) -> bool:
    component = _component(service, revision.metadata.labels.get(names.KSERVE_LABEL_PART, "")) if service else ServiceComponent()
    return revision.metadata.name == component.latest_created and is_given_up(revision, component.latest_ready, pods)


def _shares(service: InferenceService | None) -> dict[str, int]:
    shares: dict[str, int] = {}
    for one in _component(service, "predictor").traffic if service else ():
        # A revision stands there twice, once by its tag, while a canary is judged.
        shares[one.revision] = shares.get(one.revision, 0) + one.percent
    return {revision: percent for revision, percent in shares.items() if percent}


def is_on_cpu(model: ServedModel, service: InferenceService | None) -> bool:
    """Whether a cluster runs `model` as its `also_on_cpu` says."""
    alternative = model.also_on_cpu
    return bool(service and alternative and service.spec.predictor.model.runtime == names.serving_runtime(alternative.runtime))


def said_by_kserve(service: InferenceService) -> str:
    """The most telling line of an InferenceService that is not ready, empty when KServe has said nothing.

    A refusal comes first: what KServe notes down of a failed load may be from before, and is not taken back.
    """
    refused = [one.message for one in service.status.conditions if one.status == "False" and is_refusal(one.message)]
    if refused:
        return " ".join(max(sorted(refused), key=len).split())
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
