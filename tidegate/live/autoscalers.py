"""How many replicas of a model's predictor there are, and how many Knative's autoscaler wants."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from tidegate.facts import names
from tidegate.facts.models.scaling import Scaling
from tidegate.live.kubernetes import Kubernetes
from tidegate.live.observation import Look, look
from tidegate.live.observed import Judged, Observed
from tidegate.live.observed_pods import Pod

_MAX, _METRIC, _TARGET = (f"autoscaling.knative.dev/{name}" for name in ("max-scale", "metric", "target"))
_PREDICTOR = "predictor"


class PodAutoscalerStatus(Judged):
    """What the autoscaler decided last."""

    wanted: int | None = Field(default=None, alias="desiredScale")


class PodAutoscaler(Observed):
    """Knative's autoscaler of one revision; it has the revision's name."""

    RESOURCE, KIND = "podautoscalers.autoscaling.internal.knative.dev", "PodAutoscaler"

    status: PodAutoscalerStatus = PodAutoscalerStatus()

    def has(self, scaling: Scaling) -> bool:
        """Whether it works by these limits."""
        written = self.metadata.annotations
        return (written.get(_MAX), written.get(_METRIC), written.get(_TARGET)) == (
            str(scaling.max_replicas), scaling.metric, str(scaling.target),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Replicas:
    """Of one revision's predictor."""

    ready: int
    wanted: int | None


@dataclass(frozen=True, slots=True)
class ScaledModel:
    """A model in a region whose predictor comes and goes by requests."""

    cluster: Kubernetes
    namespace: str
    model: str

    def settled(self, scaling: Scaling) -> tuple[str, str]:
        """The one revision that has pods, works by `scaling` and has as many replicas as its floor; else empty, and why there is none."""
        seen = self._look()
        fitting = [one for one in seen.of(PodAutoscaler) if self._is_ours(one) and one.has(scaling)]
        if not fitting:
            return "", "no revision has these limits yet"
        revision = fitting[-1].metadata.name
        others = [pod.metadata.name for pod in self._pods(seen) if pod.revision != revision]
        ready = self._ready(seen, revision)
        if others:
            return "", f"{', '.join(sorted(others))} of another revision is still there"
        if not fitting[-1].status.is_true("Ready") or ready != scaling.min_replicas:
            return "", f"{revision} has {ready} of {scaling.min_replicas} replicas ready"
        return revision, ""

    def replicas(self, revision: str) -> Replicas:
        """Of that revision, now. Raises `ToolError` when the API server does not answer."""
        seen = self._look()
        autoscaler = next((one for one in seen.of(PodAutoscaler) if one.metadata.name == revision), None)
        return Replicas(self._ready(seen, revision), autoscaler.status.wanted if autoscaler else None)

    def _look(self) -> Look:
        return look(self.cluster, [Pod, PodAutoscaler], f"--namespace={self.namespace}")

    def _pods(self, seen: Look) -> list[Pod]:
        return [pod for pod in seen.of(Pod) if pod.part == _PREDICTOR and self._is_ours(pod)]

    def _is_ours(self, one: Observed) -> bool:
        labels = one.metadata.labels
        return labels.get(names.KSERVE_LABEL_MODEL) == self.model and labels.get(names.KSERVE_LABEL_PART, _PREDICTOR) == _PREDICTOR

    def _ready(self, seen: Look, revision: str) -> int:
        return sum(pod.is_ready and not pod.is_leaving for pod in self._pods(seen) if pod.revision == revision)
