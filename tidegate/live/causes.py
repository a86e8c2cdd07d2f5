"""Why a part of a served model does not come up, told from its revision, its pods and what refused them. Knows no kubectl."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from tidegate.facts import names
from tidegate.facts.platform import tenant_source
from tidegate.facts.tenant import Tenant
from tidegate.live.cause import Cause
from tidegate.live.log_lines import last_error_line, one_line
from tidegate.live.observed import Observed
from tidegate.live.observed_pods import QUEUE_PROXY, ContainerStatus, Pod, Terminated
from tidegate.live.observed_routes import Event, ReplicaSet, Revision
from tidegate.live.refusals import PLATFORM_IMAGE_STEP, Refused, refusal

STORAGE_INITIALIZER = "storage-initializer"
"""KServe's init container that copies the model files."""

SERVER = "kserve-container"
"""The container that answers, whatever runs beside it."""

_IMAGE_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"})
_CREATION_REASONS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_REFUSED = "Model refused: "
"""How the model verifier begins its one line (clusters/workloads/model_verifier)."""

_NOT_LISTED = re.compile(r"not in the catalogue|approved as|not told what it may load|public key is not known")
_OTHER_LIBRARY = re.compile(r"it was trained with .* loads it with ")
_UNREACHABLE = re.compile(r"Service Unavailable|Could not connect|timed out|Name or service not known|reset by peer", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Whose model is looked at, and how to ask for what only a failure makes interesting."""

    tenant: Tenant
    model: str
    last_log_line: Callable[[Pod, ContainerStatus], str]
    warnings_about: Callable[[Observed], Sequence[Event]]
    on_cpu: bool = False
    """Whether it runs as its `also_on_cpu` says."""

    def refused(self, part: str = "") -> Refused:
        """Whose object it is that may have been refused; `part` is empty for the InferenceService."""
        return Refused(self.tenant, self.model, part, self.on_cpu)

    @property
    def source(self) -> str:
        """The tenant's file."""
        return tenant_source(self.tenant.name)

    def log_command(self, pod: Pod, container: str, *, previous: bool = False) -> str:
        """What shows a container's whole log."""
        command = f"kubectl -n {pod.metadata.namespace} logs {pod.metadata.name} -c {container}"
        return f"{command} --previous" if previous else command


def failed_sets(replica_sets: Sequence[ReplicaSet]) -> list[ReplicaSet]:
    """Those that cannot make the pods they want."""
    return [one for one in replica_sets if one.status.is_true("ReplicaFailure")]


def set_cause(inquiry: Inquiry, replica_set: ReplicaSet) -> Cause:
    """Why a ReplicaSet cannot make its pods."""
    message = replica_set.status.find("ReplicaFailure").message
    unknown = Cause(
        f"pods cannot be created: {one_line(message)}",
        f"kubectl -n {inquiry.tenant.namespace_name} describe replicaset {replica_set.metadata.name}",
    )
    return refusal(inquiry.refused(replica_set.metadata.labels.get(names.KSERVE_LABEL_PART, "")), message) or unknown


def warned_refusal(inquiry: Inquiry, about: Observed) -> Cause | None:
    """The newest refusal among the warnings about an object: its controller may say it nowhere else."""
    part = about.metadata.labels.get(names.KSERVE_LABEL_PART, "")
    newest_first = sorted(inquiry.warnings_about(about), key=lambda event: event.last_seen, reverse=True)
    found = (refusal(inquiry.refused(part), event.message) for event in newest_first)
    return next((cause for cause in found if cause), None)


def revision_cause(inquiry: Inquiry, revision: Revision, replica_sets: Sequence[ReplicaSet]) -> Cause | None:
    """Why a revision has no pods that could be looked at."""
    for replica_set in failed_sets(replica_sets):
        return set_cause(inquiry, replica_set)
    judged = [revision.status.find(kind) for kind in ("Ready", "ContainerHealthy", "ResourcesAvailable")]
    said = next((one_line(one.message) for one in judged if one.status == "False" and one.message), "")
    if "Unable to fetch image" in said:
        return Cause(f"image cannot be resolved: {said}", _image_step(inquiry, revision.metadata.labels.get(names.KSERVE_LABEL_PART, "")))
    if said:
        part = revision.metadata.labels.get(names.KSERVE_LABEL_PART, "")
        return refusal(inquiry.refused(part), said) or Cause(
            f"revision {revision.metadata.name} failed: {said}",
            f"kubectl -n {inquiry.tenant.namespace_name} describe revision {revision.metadata.name}",
        )
    return None


def pod_cause(inquiry: Inquiry, pod: Pod) -> Cause | None:
    """Why a pod is not ready; None when it is."""
    if pod.is_ready:
        return None
    scheduled = pod.status.find("PodScheduled")
    if scheduled.status == "False":
        return _unscheduled(inquiry, pod, one_line(scheduled.message or scheduled.reason))
    for container in sorted((*pod.status.init_containers, *pod.status.containers), key=partial(_rank, pod)):
        found = _container_cause(inquiry, pod, container)
        if found:
            return found
    return _not_ready(inquiry, pod, sorted(pod.status.containers, key=partial(_rank, pod)))


def _rank(pod: Pod, container: ContainerStatus) -> int:
    """Nearest to the cause first: what a server needs before it starts, the servers, then whatever runs beside them and waits for them."""
    if container.name == STORAGE_INITIALIZER:
        return 0
    if container.name == QUEUE_PROXY:
        return 3
    return 1 if container in pod.status.containers else 2


def _unscheduled(inquiry: Inquiry, pod: Pod, said: str) -> Cause:
    pool = pod.spec.node_selector.get(names.LABEL_GPU_POOL)
    if pool:
        step = f"free cards of {pool} or raise gpu_pools.{pool}.max_gpus in the cluster's file; Karpenter needs a moment for a new node"
        return Cause(f"GPU pool {pool} has no room for pod {pod.metadata.name}: {said}", step, may_pass=True)
    return Cause(f"no node fits pod {pod.metadata.name}: {said}", f"lower resources in {inquiry.source}, or make room", may_pass=True)


def _container_cause(inquiry: Inquiry, pod: Pod, container: ContainerStatus) -> Cause | None:
    waiting, name = container.state.waiting, container.name
    if waiting and waiting.reason in _IMAGE_REASONS:
        said = one_line(waiting.message or waiting.reason)
        return Cause(f"image of {name} cannot be pulled: {said}", _image_step(inquiry, pod.part))
    if waiting and waiting.reason in _CREATION_REASONS:
        step = f"kubectl -n {pod.metadata.namespace} describe pod {pod.metadata.name}"
        return Cause(f"container {name} cannot be started: {one_line(waiting.message or waiting.reason)}", step)
    # A server that ends by itself without an error does not serve either; an init container does its work and ends.
    ended = pod.ended(container)
    is_cause = ended and (ended.exit_code or container in pod.status.containers)
    return _ended(inquiry, pod, container, ended) if ended and is_cause else None


def memory_step(inquiry: Inquiry, pod: Pod, container: str) -> str:
    """Where the limit is that a container died of."""
    if container == STORAGE_INITIALIZER:
        return "raise its memory limit in clusters/addons/kserve.py (_adapt_storage), `tidegate render`, then commit"
    if container == QUEUE_PROXY:
        return "raise queue-sidecar-memory-limit in clusters/addons/knative.py, `tidegate render`, then commit"
    return f"raise {inquiry.refused(pod.part).resource('memory_gib')} in {inquiry.source}, then commit"


def _ended(inquiry: Inquiry, pod: Pod, container: ContainerStatus, failure: Terminated) -> Cause:
    name = container.name
    if failure.is_out_of_memory:
        return Cause(f"container {name} needs more memory than its limit (OOMKilled)", memory_step(inquiry, pod, name))
    line = inquiry.last_log_line(pod, container) or last_error_line(failure.message) or "it left no log"
    if name == STORAGE_INITIALIZER and _REFUSED in line:
        return _refused_model(inquiry, line.partition(_REFUSED)[2])
    if name == STORAGE_INITIALIZER:
        reason = line.rpartition("Storage initialization failed: ")[2]
        text = f"model files could not be fetched ({STORAGE_INITIALIZER}, exit code {failure.exit_code}): {reason}"
        if _UNREACHABLE.search(reason):
            return Cause(text, "the model registry does not answer: `tidegate status` (Cloud), `tidegate local logs internet/front`")
        step = f"check that artefact.uri of models.{inquiry.model} in {inquiry.source} is in the registry; `tidegate up` puts trained models there"
        return Cause(text, step)
    # Without --previous kubectl shows the attempt that ended last, unless the next one runs already.
    command = inquiry.log_command(pod, name, previous=container.state.running is not None)
    does = "crashes" if failure.exit_code else "ends by itself"
    return Cause(f"container {name} {does} (exit code {failure.exit_code}, {container.restart_count} restarts): {line}", command)


def _refused_model(inquiry: Inquiry, reason: str) -> Cause:
    """The verifier's line, and who can repair it: the list of approved models, or the files and their signatures."""
    if _NOT_LISTED.search(reason):
        step = f"correct artefact of models.{inquiry.model} in {inquiry.source}, or have the version listed (`tidegate model catalogue`)"
        return Cause(f"the model may not be loaded: {reason}", step)
    if _OTHER_LIBRARY.search(reason):
        step = f"train it again with that version and name the new one in models.{inquiry.model} in {inquiry.source}, then commit"
        return Cause(f"the model may not be loaded: {reason}", step)
    step = f"`tidegate model verify {inquiry.tenant.name}/{inquiry.model}`; if that fails too, sign the right files again (`tidegate model sign`)"
    return Cause(f"the model's signature does not hold, so it was not loaded: {reason}", step)


def _not_ready(inquiry: Inquiry, pod: Pod, servers: Sequence[ContainerStatus]) -> Cause:
    unready = [one for one in servers if not one.ready]
    if servers and not unready:
        judged = pod.status.find("Ready")
        said = one_line(judged.message or judged.reason) or "nobody says why"
        return Cause(
            f"pod {pod.metadata.name} is not marked ready though its containers are: {said}", "look again in a few seconds", may_pass=True
        )
    if not unready or any(one.state.running is None for one in unready):
        running = next((one.name for one in pod.status.init_containers if one.state.running and not one.ready), "")
        doing = (
            f"{running} runs"
            if running
            else next((one.state.waiting.reason for one in unready if one.state.waiting), "") or "kubelet has it"
        )
        return Cause(f"pod {pod.metadata.name} is still starting: {doing}", "look again in a few seconds", may_pass=True)
    container = unready[0].name
    told = [event for event in inquiry.warnings_about(pod) if event.reason == "Unhealthy" and "istio-proxy" not in event.about.field]
    if not told:
        text = f"pod {pod.metadata.name} is still starting: {container} runs, its readiness probe has not passed yet"
        return Cause(text, "look again in a few seconds", may_pass=True)
    newest = max(told, key=lambda event: event.last_seen)
    return Cause(f"{container} runs but is never ready: {one_line(newest.message)}", inquiry.log_command(pod, container), may_pass=True)


def _image_step(inquiry: Inquiry, part: str) -> str:
    if part in {"transformer", "explainer"}:
        return f"push the image, or correct models.{inquiry.model}.{part}.image in {inquiry.source}, then commit"
    return PLATFORM_IMAGE_STEP
