"""GPU nodes: who asks for a card gets onto them, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.errors import Finding
from tidegate.facts.names import GPU_TAINT_KEY, LABEL_GPU_POOL
from tidegate.manifests.placed import Fields, Placed, containers, fields, fields_in, items, pod_specs
from tidegate.manifests.policy_files import sentences

_NAMES_ITS_NODE, _EVERY_TAINT, _WITHOUT_GPU, _ = sentences("limit-gpu-pods")
"""The last is about the quota, which is another object."""

_CARDS = "nvidia.com/"


def limit_gpu_pods(placed: Placed) -> Iterator[Finding]:
    """A card costs more than the rest of its machine. The puller of images, a DaemonSet, stays below every other pod."""
    for path, pod in pod_specs(placed):
        if node := pod.get("nodeName"):
            yield placed.finding("limit-gpu-pods", f"{path}.nodeName", *_NAMES_ITS_NODE, node)
        for index, toleration in fields_in(pod.get("tolerations")):
            if not toleration.get("key"):
                yield placed.finding("limit-gpu-pods", f"{path}.tolerations[{index}].key", *_EVERY_TAINT)
        asks = any(_cards(container) for _, container, owner in containers(placed) if owner is pod)
        if _tolerates(pod, _CARDS) and not asks and placed.kind != "DaemonSet":
            yield placed.finding("limit-gpu-pods", f"{path}.tolerations", *_WITHOUT_GPU)


def require_gpu_placement(placed: Placed) -> Iterator[Finding]:
    """A pod that asks for a GPU must tolerate its pool and select it, or it waits for ever, or lands anywhere."""
    for path, container, pod in containers(placed):
        asked = _cards(container)
        if not asked:
            continue
        where = path.rpartition(".")[0]
        if not _tolerates(pod, GPU_TAINT_KEY):
            yield placed.finding(
                "require-gpu-placement", f"{where}.tolerations", f"asks for {asked[0]}, tolerates no GPU pool", f"tolerate {GPU_TAINT_KEY}"
            )
        if not _selects_pool(pod):
            yield placed.finding(
                "require-gpu-placement", f"{where}.nodeSelector", f"asks for {asked[0]}, selects no pool", f"select {LABEL_GPU_POOL}"
            )


def forbid_toleration_of_any_value(placed: Placed) -> Iterator[Finding]:
    """`Exists` tolerates the taint of every pool with this key, so the pod could land on another tenant's cards."""
    for path, pod in pod_specs(placed):
        for index, toleration in fields_in(pod.get("tolerations")):
            if toleration.get("key") and toleration.get("operator") == "Exists":
                at = f"{path}.tolerations[{index}].operator"
                yield placed.finding(
                    "forbid-toleration-of-any-value",
                    at,
                    "tolerates the taint whatever its value",
                    "use Equal and the pool's name",
                    "Exists",
                )


def _cards(container: Fields) -> list[str]:
    return [name for name in fields(fields(container.get("resources")).get("limits")) if name.startswith(_CARDS)]


def _tolerates(pod: Fields, key: str) -> bool:
    return any(str(toleration.get("key", "")).startswith(key) for _, toleration in fields_in(pod.get("tolerations")))


def _selects_pool(pod: Fields) -> bool:
    if LABEL_GPU_POOL in fields(pod.get("nodeSelector")):
        return True
    required = fields(fields(fields(pod.get("affinity")).get("nodeAffinity")).get("requiredDuringSchedulingIgnoredDuringExecution"))
    terms = items(required.get("nodeSelectorTerms"))
    return bool(terms) and all(
        any(expression.get("key") == LABEL_GPU_POOL for _, expression in fields_in(fields(term).get("matchExpressions"))) for term in terms
    )


RULES = (forbid_toleration_of_any_value, limit_gpu_pods, require_gpu_placement)
