"""Served models: fixed artefacts, no hand on the release controller's fields, GPUs only where they were meant."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.errors import Finding
from tidegate.facts.names import ANNOTATION_MODEL_SHA256, GPU_TAINT_KEY, LABEL_GPU_POOL
from tidegate.manifests.placed import Fields, Placed, containers, fields, fields_in, items, pod_specs

_MOVING = frozenset({"current", "head", "latest", "main", "production", "stable"})


def require_pinned_storage_uri(placed: Placed) -> Iterator[Finding]:
    """The bytes under the URI must be those that were approved."""
    if placed.kind != "InferenceService":
        return
    model = fields(fields(placed.spec.get("predictor")).get("model"))
    uri = str(model.get("storageUri", ""))
    path = "spec.predictor.model.storageUri"
    if not uri:
        if model:
            yield placed.finding("require-pinned-storage-uri", path, "the model comes from nowhere", "name one version's URI")
    elif "://" not in uri or uri.startswith("http://"):
        yield placed.finding("require-pinned-storage-uri", path, "not a URI of a trusted store", "use s3, gs, oci or https", uri)
    elif moving := sorted(_MOVING & set(uri.lower().replace(":", "/").replace("@", "/").split("/"))):
        yield placed.finding("require-pinned-storage-uri", path, f"{moving[0]} is whatever is newest", "name one version in the path", uri)


def require_model_digest(placed: Placed) -> Iterator[Finding]:
    """The digest that verification and the ledger compare with."""
    if placed.kind == "InferenceService" and not fields(placed.metadata.get("annotations")).get(ANNOTATION_MODEL_SHA256):
        at = f"metadata.annotations[{ANNOTATION_MODEL_SHA256}]"
        yield placed.finding("require-model-digest", at, "nobody can tell which bytes were approved", "add the artefact's SHA-256")


def forbid_canary_percent(placed: Placed) -> Iterator[Finding]:
    """Two owners of one field fight: Argo CD would undo an abort."""
    percent = fields(placed.spec.get("predictor")).get("canaryTrafficPercent")
    if placed.kind == "InferenceService" and percent is not None:
        at = "spec.predictor.canaryTrafficPercent"
        yield placed.finding("forbid-canary-percent", at, "the release controller owns it", "remove it", percent)


def require_gpu_placement(placed: Placed) -> Iterator[Finding]:
    """A pod that asks for a GPU must tolerate its pool and select it, or it waits for ever, or lands anywhere."""
    for path, container, pod in containers(placed):
        asked = [name for name in fields(fields(container.get("resources")).get("limits")) if name.startswith("nvidia.com/")]
        if not asked:
            continue
        where = path.rpartition(".")[0]
        if not any(toleration.get("key") == GPU_TAINT_KEY for _, toleration in fields_in(pod.get("tolerations"))):
            yield placed.finding(
                "require-gpu-placement", f"{where}.tolerations", f"asks for {asked[0]}, tolerates no GPU pool", f"tolerate {GPU_TAINT_KEY}"
            )
        if not _selects_pool(pod):
            yield placed.finding(
                "require-gpu-placement", f"{where}.nodeSelector", f"asks for {asked[0]}, selects no pool", f"select {LABEL_GPU_POOL}"
            )


def forbid_gpu_pool_without_gpu(placed: Placed) -> Iterator[Finding]:
    """Who needs no card must not take a GPU node's room; the image puller stays below every other pod."""
    for path, pod in pod_specs(placed):
        tolerates = any(toleration.get("key") == GPU_TAINT_KEY for _, toleration in fields_in(pod.get("tolerations")))
        asks = any(
            name.startswith("nvidia.com/")
            for _, container, owner in containers(placed) if owner is pod
            for name in fields(fields(container.get("resources")).get("limits"))
        )  # fmt: skip
        if tolerates and not asks and placed.kind != "DaemonSet":
            yield placed.finding(
                "forbid-gpu-pool-without-gpu", f"{path}.tolerations", "tolerates a GPU pool and asks for no GPU", "remove the toleration"
            )


def _selects_pool(pod: Fields) -> bool:
    if LABEL_GPU_POOL in fields(pod.get("nodeSelector")):
        return True
    required = fields(fields(fields(pod.get("affinity")).get("nodeAffinity")).get("requiredDuringSchedulingIgnoredDuringExecution"))
    terms = items(required.get("nodeSelectorTerms"))
    return bool(terms) and all(
        any(expression.get("key") == LABEL_GPU_POOL for _, expression in fields_in(fields(term).get("matchExpressions"))) for term in terms
    )


RULES = (
    forbid_canary_percent,
    forbid_gpu_pool_without_gpu,
    require_gpu_placement,
    require_model_digest,
    require_pinned_storage_uri,
)
