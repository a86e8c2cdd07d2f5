"""The parts of a pod that say whether it serves, and if not, why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pydantic import Field

from tidegate.facts import names
from tidegate.live.observed import Judged, Observed, ReadPart

KSERVE_ANNOTATION_SOURCE = "internal.serving.kserve.io/storage-initializer-sourceuri"
"""What a predictor loads; KServe writes it on each revision, and Knative passes it on to the pods."""

QUEUE_PROXY = "queue-proxy"
"""Knative's container beside every server; it is never ready before the server is."""

KNATIVE_LABEL_REVISION = "serving.knative.dev/revision"
"""Knative puts it on every pod of a Revision."""

_TOGETHER = timedelta(seconds=5)
"""Containers of a pod that end within this time end for one reason, and a server's crash ends no queue-proxy."""

_NOTICED = timedelta(minutes=1)
"""A pod stops being ready this long after a container's end at the latest: kubelet writes statuses at its own pace."""


class PodSpec(ReadPart):
    """Where a pod runs."""

    node_name: str = Field(default="", alias="nodeName")
    node_selector: dict[str, str] = Field(default_factory=dict[str, str], alias="nodeSelector")


class Waiting(ReadPart):
    """Why a container does not run yet."""

    reason: str = ""
    message: str = ""


class Terminated(ReadPart):
    """How a container ended."""

    reason: str = ""
    message: str = ""
    exit_code: int = Field(default=0, alias="exitCode")
    finished_at: str = Field(default="", alias="finishedAt")

    @property
    def is_out_of_memory(self) -> bool:
        """Whether the kernel killed it for its memory."""
        return self.reason == "OOMKilled"

    @property
    def at(self) -> datetime | None:
        """When it ended, if kubelet has said it."""
        return _time(self.finished_at)


class ContainerState(ReadPart):
    """What a container does now; none of the three before kubelet has seen it."""

    waiting: Waiting | None = None
    running: ReadPart | None = None
    terminated: Terminated | None = None


class ContainerStatus(ReadPart):
    """A container of a pod."""

    name: str
    ready: bool = False
    image: str = ""
    image_id: str = Field(default="", alias="imageID")
    restart_count: int = Field(default=0, alias="restartCount")
    state: ContainerState = ContainerState()
    last_state: ContainerState = Field(default=ContainerState(), alias="lastState")


class PodStatus(Judged):
    """How a pod is."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    containers: list[ContainerStatus] = Field(default_factory=list[ContainerStatus], alias="containerStatuses")
    init_containers: list[ContainerStatus] = Field(default_factory=list[ContainerStatus], alias="initContainerStatuses")


class Pod(Observed):
    """A pod."""

    RESOURCE, KIND = "pods", "Pod"

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def is_ready(self) -> bool:
        """Whether it takes requests."""
        return self.status.is_true("Ready") and self.status.phase == "Running"

    @property
    def revision(self) -> str:
        """The Knative Revision it belongs to."""
        return self.metadata.labels.get(KNATIVE_LABEL_REVISION, "")

    @property
    def part(self) -> str:
        """What it is of its served model: predictor, transformer or explainer."""
        return self.metadata.labels.get(names.KSERVE_LABEL_PART, "")

    def ended(self, container: ContainerStatus) -> Terminated | None:
        """How one of its containers ended: just now, or last time if it has not been well since.

        Knative gives a server's readiness probe to the queue-proxy, so kubelet calls a server ready as soon as it runs, also one that
        crashes again and again. Its last end counts while the queue-proxy is not ready, unless the pod was ready since then.
        """
        if container.state.terminated:
            return container.state.terminated
        last = container.last_state.terminated
        if not container.ready or not last:
            return last
        if container not in self.status.containers or all(one.ready for one in self.status.containers if one.name == QUEUE_PROXY):
            return None
        beside = [one.last_state.terminated for one in self.status.containers if one.name == QUEUE_PROXY]
        if any(one and one.at and last.at and abs(one.at - last.at) < _TOGETHER for one in beside):
            return None  # its node was stopped
        not_ready_since = _time(self.status.find("Ready").since or "")
        return None if last.at and not_ready_since and last.at + _NOTICED < not_ready_since else last


def _time(stamp: str) -> datetime | None:
    try:
        return datetime.fromisoformat(stamp).astimezone(UTC)
    except ValueError:  # nobody has said when
        return None
