"""Why a served model does not answer: walks from Git's Application to the gateway and names one cause and one next step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tidegate.facts import names
from tidegate.facts.platform import tenant_source
from tidegate.facts.tenant import Tenant
from tidegate.live.cause import Cause
from tidegate.live.causes import Inquiry, failed_sets, memory_step, pod_cause, revision_cause, set_cause, warned_refusal
from tidegate.live.diagnosis import Diagnosis, Step, unknown
from tidegate.live.given_up import given_up_cause, is_given_up
from tidegate.live.kubernetes import Condition, Kubernetes
from tidegate.live.log_lines import one_line
from tidegate.live.observation import Look, event_reader, log_reader, look, look_up
from tidegate.live.observed import Application, InferenceService, Judged, Node
from tidegate.live.observed_pods import Pod
from tidegate.live.observed_routes import Gateway, HttpRoute, KnativeService, ReplicaSet, Revision
from tidegate.live.proxies import ProxyReport, read_proxies
from tidegate.live.refusals import refusal
from tidegate.live.restarts import out_of_memory, restarted
from tidegate.live.served import is_on_cpu, most_telling, said_by_kserve
from tidegate.live.serving_platform import unready_cause
from tidegate.live.states import SCHEDULED_ONLY

_LOOK_AGAIN = "look again in a few seconds"
_NOT_MADE = "Revision creation failed"
"""How a Knative Service begins to tell that the API server refused its newest revision."""


def explain_live(cluster: Kubernetes, tenant: Tenant, name: str, now: datetime | None = None) -> Diagnosis:
    """Walks the model `name` of `tenant` in a region. Raises `ToolError` when the API server goes away meanwhile."""
    if not cluster.is_ready():
        return unknown("the region's API server does not answer", "`tidegate local ps`, then `tidegate local logs`")
    namespace = tenant.namespace_name
    label = f"--selector={names.LABEL_SERVED_MODEL}={name}"
    model = look(cluster, [InferenceService, KnativeService, Revision, ReplicaSet, Pod], f"--namespace={namespace}", label)
    pods = [pod for pod in model.of(Pod) if not pod.is_leaving and pod.status.phase not in {"Succeeded", "Failed"}]
    application = names.tenant_application(tenant.name)
    nodes = sorted({pod.spec.node_name for pod in pods if pod.spec.node_name})
    on_cpu = is_on_cpu(tenant.models[name], model.named(InferenceService, name))
    walk = _Walk(
        Inquiry(tenant, name, log_reader(cluster), event_reader(cluster), on_cpu), model, pods, now or datetime.now(UTC),
        look_up(cluster, [(Application, application)], namespace=names.NAMESPACE_ARGOCD).named(Application, application),
        look(cluster, [HttpRoute], f"--namespace={names.NAMESPACE_EDGE}", f"--selector={names.LABEL_TENANT}={tenant.name}").of(HttpRoute),
        look_up(cluster, [(Gateway, names.GATEWAY_EDGE)], namespace=names.NAMESPACE_EDGE).named(Gateway, names.GATEWAY_EDGE),
        {node.metadata.name: node for node in look_up(cluster, [(Node, node) for node in nodes], namespace=namespace).of(Node)},
        read_proxies(cluster).about({pod.metadata.name for pod in pods}), lambda: unready_cause(cluster),
    )  # fmt: skip
    return walk.diagnosis()


@dataclass
class _Walk:
    inquiry: Inquiry
    seen: Look
    pods: Sequence[Pod]
    now: datetime
    application: Application | None
    routes: Sequence[HttpRoute]
    """The tenant's; beyond 16 rules it has several."""
    gateway: Gateway | None
    nodes: dict[str, Node]
    proxies: ProxyReport
    """Of the gateways and of the model's own pods."""
    platform: Callable[[], Cause | None]
    """What of Knative and KServe is not ready; asked when nothing of the model says why."""
    steps: list[Step] = field(default_factory=list[Step])
    causes: list[Cause] = field(default_factory=list[Cause])
    notes: list[Cause] = field(default_factory=list[Cause])
    """What is fine but worth knowing, told when there is no cause."""

    def diagnosis(self) -> Diagnosis:
        service = self.seen.named(InferenceService, self.inquiry.model)
        said = said_by_kserve(service) if service and not service.status.is_true("Ready") else ""
        self._application(service)
        if service is not None:
            self._service(service, said)
            self._restarts()
            for part in self._parts():
                self._part(part, service)
        self._gateway()
        refusals, notes = self.proxies.told()
        self.steps += refusals
        self.notes = [*notes, *self.notes]  # what a proxy refuses is worth more than that all is as it was
        ready = service is not None and service.status.is_true("Ready") and not service.is_leaving
        lasting = [cause for cause in self.causes if not cause.may_pass]
        told = [*lasting, *self.causes]
        if not lasting and not ready:
            unfinished = Cause(f"KServe has not finished: {said or 'it has said nothing yet'}", _LOOK_AGAIN, may_pass=True)
            refused = refusal(self.inquiry.refused(), said)
            told = [refused] if refused else told or [self.platform() or unfinished]
        first = next(iter([*told, *self.notes]), None)
        return Diagnosis(ready and not told, tuple(self.steps), first.text if first else "", first.next_step if first else "")

    def _application(self, service: InferenceService | None) -> None:
        name, found = names.tenant_application(self.inquiry.tenant.name), self.application
        if found is None:
            self.steps.append(Step(f"Application {name}", "missing"))
            if service is None:
                step = (
                    f"look at Application {names.ROOT_APPLICATION} in `tidegate status`; is {self.inquiry.source} rendered and committed?"
                )
                self.causes.append(Cause(f"not applied: Argo CD has no Application {name}", step))
            return
        self.steps.append(Step(f"Application {name}", f"{found.status.sync.status}, {found.status.health.status}", one_line(found.problem)))
        lost = self.inquiry.model in found.lost
        if lost:
            file = f"inferenceservice-{self.inquiry.model}.yaml"
            text = f"Git has lost {file}: it is missing, empty or cut short, and no tombstone removes the model"
            step = "`tidegate render` writes the file again; commit it"
            (self.notes if service else self.causes).append(Cause(f"serving, but {text}" if service else f"not applied: {text}", step))
        refused = "; ".join(one_line(each) for each in found.refusals)
        by_rule = refusal(self.inquiry.refused(), refused)
        if service is None:
            self.steps.append(Step(f"InferenceService {self.inquiry.model}", "missing"))
            why = refused or f"the Application is {found.status.sync.status}, {found.status.health.status}"
            fallback = Cause(
                f"not applied by Argo CD: {why}", f"correct {self.inquiry.source}, `tidegate render`, commit; or wait for the sync"
            )
            if not lost:
                self.causes.append(by_rule or fallback)
        elif refused:
            newest = by_rule or Cause(refused, f"correct {self.inquiry.source} and commit")
            self.notes.append(replace(newest, text=f"serving, but Git's newest is not applied: {newest.text}"))

    def _service(self, service: InferenceService, said: str) -> None:
        self.steps.append(Step(f"InferenceService {self.inquiry.model}", _state(service.status), said))
        if service.is_leaving:
            self.causes.append(
                Cause("the InferenceService is being deleted", f"commit {self.inquiry.source} again if it is to stay", may_pass=False)
            )

    def _restarts(self) -> None:
        """What a ready model hides: containers that ended of late."""
        found = restarted(self.pods, self.now)
        if not found:
            return
        killed, last = out_of_memory(found), found[0]
        if killed:
            step = memory_step(self.inquiry, killed.pod, killed.container)
        else:
            step = self.inquiry.log_command(last.pod, last.container, previous=True)
        told = killed or last
        self.notes.append(Cause(f"ready, but {told.told(self.now)} (pod {told.pod.metadata.name})", step))

    def _parts(self) -> list[str]:
        model = self.inquiry.tenant.models[self.inquiry.model]
        companions = {"transformer": model.transformer, "explainer": model.explainer}
        return ["predictor", *(part for part, companion in companions.items() if companion)]

    def _part(self, part: str, service: InferenceService) -> None:
        if self.inquiry.tenant.models[self.inquiry.model].scaling.mode == "standard":
            sets = [one for one in self.seen.of(ReplicaSet) if one.metadata.labels.get(names.KSERVE_LABEL_PART) == part]
            self._standard([pod for pod in self.pods if pod.part == part], sets)
            return
        name = names.inference_part(self.inquiry.model, part)
        knative = self.seen.named(KnativeService, name)
        if knative is None:
            self.steps.append(Step(f"Knative Service {name}", "missing"))
            said = most_telling(service.status)
            step = "kubectl -n kserve logs deployment/kserve-controller-manager"
            made_none = Cause(f"KServe has made no Knative Service {name}: {said or 'it has said nothing yet'}", step, may_pass=not said)
            # KServe writes into no status what refused it, only into an event.
            refused = refusal(self.inquiry.refused(part), said) or warned_refusal(self.inquiry, service)
            self.causes.append(refused or made_none)
            return
        newest, serving = knative.status.latest_created, knative.status.latest_ready
        self.steps.append(Step(f"Knative Service {name}", _state(knative.status), one_line(most_telling(knative.status))))
        # First the one that callers reach: its failure is worse than a canary's.
        for revision in dict.fromkeys(each for each in (serving, newest) if each):
            found = self._revision(revision, serving)
            if found:
                self.causes.append(found.during_canary(newest, serving) if serving and revision != serving else found)
        self._configuration(part, knative)
        routed = knative.status.find("RoutesReady")
        if newest == serving and routed.status == "False":
            step = "kubectl -n knative-serving logs deployment/net-gateway-api-controller"
            self.causes.append(Cause(f"Knative's route of {name} is not ready: {one_line(routed.message or routed.reason)}", step))

    def _configuration(self, part: str, knative: KnativeService) -> None:
        """What kept Knative from making the newest revision."""
        configured, serving = knative.status.find("ConfigurationsReady"), knative.status.latest_ready
        if configured.status != "False" or _NOT_MADE not in configured.message:
            return
        said = one_line(configured.message)
        step = f"kubectl -n {self.inquiry.tenant.namespace_name} describe configuration {knative.metadata.name}"
        cause = refusal(self.inquiry.refused(part), said) or Cause(f"Knative cannot make the newest revision: {said}", step)
        self.causes.append(cause.during_canary("of the newest revision", serving) if serving else cause)

    def _revision(self, name: str, serving: str) -> Cause | None:
        revision = self.seen.named(Revision, name)
        if revision is None:
            self.steps.append(Step(f"Revision {name}", "missing"))
            return Cause(f"Knative has not made revision {name} yet", _LOOK_AGAIN, may_pass=True)
        own = [pod for pod in self.pods if pod.revision == name]
        active = revision.status.find("Active")
        asleep = revision.status.is_true("Ready") and active.status == "False" and not own
        if asleep:
            self.steps.append(Step(f"Revision {name}", "scaled to zero", one_line(active.message)))
            self.notes.append(Cause("scaled to zero, which is fine", "nothing; the first request starts a replica"))
            return None
        self.steps.append(
            Step(
                f"Revision {name}",
                _state(revision.status),
                one_line(most_telling(revision.status)) if not revision.status.is_true("Ready") else "",
            )
        )
        sets = [one for one in self.seen.of(ReplicaSet) if one.metadata.name.startswith(f"{name}-deployment")]
        cause = self._pods_cause(own)
        if revision.status.is_true("Ready") and any(pod.is_ready for pod in own):
            self._fewer(sets)
            return None  # one replica of several may start or leave at any time
        if is_given_up(revision, serving, self.pods):
            return given_up_cause(self.inquiry.refused(revision.metadata.labels.get(names.KSERVE_LABEL_PART, "")), revision)
        told = cause if cause and not cause.may_pass else revision_cause(self.inquiry, revision, sets)
        return told or cause or warned_refusal(self.inquiry, revision)

    def _standard(self, pods: Sequence[Pod], sets: Sequence[ReplicaSet]) -> None:
        cause = self._pods_cause(pods)
        if any(pod.is_ready for pod in pods):
            self._fewer(sets)
            return
        refused = [set_cause(self.inquiry, one) for one in failed_sets(sets)]
        self.causes += [*refused, *([cause] if cause else [])]

    def _fewer(self, sets: Sequence[ReplicaSet]) -> None:
        """What keeps a ready model from having more replicas."""
        for one in failed_sets(sets):
            cause = set_cause(self.inquiry, one)
            self.notes.append(replace(cause, text=f"ready, but with fewer replicas than wanted: {cause.text}"))

    def _pods_cause(self, pods: Sequence[Pod]) -> Cause | None:
        found = [cause for pod in pods if (cause := self._pod(pod))]
        return next((cause for cause in found if not cause.may_pass), next(iter(found), None))

    def _pod(self, pod: Pod) -> Cause | None:
        name, node = pod.metadata.name, self.nodes.get(pod.spec.node_name)
        # Nobody probes a server that does not exist: on a pretended node running is all there is.
        pretended = node is not None and node.is_fake and pod.status.phase == "Running"
        cause = None if pretended else pod_cause(self.inquiry, pod)
        if node and not node.status.is_true("Ready"):
            said = one_line(node.status.find("Ready").message)
            cause = Cause(f"node {node.metadata.name} of pod {name} is not ready: {said}", "`tidegate local ps`")
        why = cause.text if cause else "; ".join(one.told(self.now) for one in restarted([pod], self.now))
        self.steps.append(Step(f"Pod {name}", "Ready" if pod.is_ready else pod.status.phase or "new", why))
        if node:
            state = "Ready" if node.status.is_true("Ready") else "not ready"
            step = Step(f"Node {node.metadata.name}", state, SCHEDULED_ONLY if node.is_fake else "")
            if step not in self.steps:
                self.steps.append(step)
        if node and pretended:
            self.notes.append(
                Cause(f"{SCHEDULED_ONLY}: {node.metadata.name} is a simulated node", "nothing; only a real card would answer")
            )
        return cause

    def _gateway(self) -> None:
        tenant, path = self.inquiry.tenant.name, f"/{self.inquiry.model}"
        leading = next((route for route in self.routes if route.leads(path)), None)
        called = leading.metadata.name if leading else ", ".join(route.metadata.name for route in self.routes) or tenant
        step = f"look at Application {names.component_application('edge')} in `tidegate status`"
        refused: Condition | None = None
        if leading:
            refused = leading.refusal
        elif self.routes:
            without = Cause(
                f"gateway route: HTTPRoute {called} has no rule for {path}, so callers get 404",
                f"render and commit {tenant_source(tenant)}",
            )
            self.causes.append(without)
        else:
            self.causes.append(Cause(f"gateway route: HTTPRoute {called} is not applied, so callers get 404", step))
        if refused:
            said = one_line(refused.message or refused.reason)
            self.causes.append(Cause(f"gateway route: HTTPRoute {called} is not accepted ({refused.type}): {said}", step))
        state = "not accepted" if refused else "Accepted" if leading else "no rule" if self.routes else "missing"
        self.steps.append(Step(f"HTTPRoute {called}", state, one_line(refused.message) if refused else ""))
        programmed = self.gateway.status.find("Programmed") if self.gateway else Condition(type="Programmed", message="it is not applied")
        self.steps.append(
            Step(
                f"Gateway {names.GATEWAY_EDGE}",
                "Programmed" if programmed.status == "True" else "not programmed",
                one_line(programmed.message) if programmed.status != "True" else "",
            )
        )
        if programmed.status != "True":
            self.causes.append(Cause(f"Gateway {names.GATEWAY_EDGE} is not programmed: {one_line(programmed.message)}", step))


def _state(status: Judged) -> str:
    ready = status.find("Ready")
    return "Ready" if ready.status == "True" else f"not ready ({ready.reason})" if ready.reason else "not ready"
