"""The parts of a pod that say whether it serves, and if not, why."""

from __future__ import annotations

from pydantic import Field

from tidegate.facts import names
from tidegate.live.observed import Judged, Observed, ReadPart

KSERVE_ANNOTATION_SOURCE = "internal.serving.kserve.io/storage-initializer-sourceuri"
"""What a predictor loads; KServe writes it on each revision, and Knative passes it on to the pods."""

KNATIVE_LABEL_REVISION = "serving.knative.dev/revision"
"""Knative puts it on every pod of a Revision."""


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

    @property
    def ended(self) -> Terminated | None:
        """How it ended: just now, or last time if it has not been well since."""
        return self.state.terminated or (None if self.ready else self.last_state.terminated)

    @property
    def failure(self) -> Terminated | None:
        """How it ended badly: just now, or last time if it has not been well since."""
        return self.ended if self.ended and self.ended.exit_code else None


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
