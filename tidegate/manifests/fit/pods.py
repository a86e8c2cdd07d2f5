"""The pods that an object makes, as they reach the scheduler: with the containers that webhooks and controllers add."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tidegate.facts import numerals
from tidegate.facts.nodes.accelerators import ReplicaResources
from tidegate.facts.tenant import QUEUE_PROXY, SIDECAR
from tidegate.manifests.placed import Fields, Placed, fields, fields_in, items, pod_specs
from tidegate.manifests.tree import name_of


def _asking(facts: ReplicaResources) -> Fields:
    return {"requests": {"cpu": numerals.cpu(facts.cpu), "memory": numerals.memory(facts.memory_gib)}}


_MESH_SIDECAR: Fields = {"name": "istio-proxy", "restartPolicy": "Always", "resources": _asking(SIDECAR)}
"""Istio's proxy as a native sidecar, first among the init containers (decision 0018)."""

_QUEUE_PROXY: Fields = {"name": "queue-proxy", "resources": _asking(QUEUE_PROXY)}

_MODEL_FETCHER: Fields = {"name": "storage-initializer", "resources": {"requests": {"cpu": "100m", "memory": "100Mi"}}}
"""KServe's init container, by its default requests."""

DEPLOYMENT_MODE = "serving.kserve.io/deploymentMode"


@dataclass(frozen=True, slots=True)
class ExpectedPod:
    """One kind of pod: where it is described, what it is called, and its specification in full."""

    path: str
    name: str
    spec: Fields


def expected_pods(placed: Placed, runtimes: Mapping[str, Fields]) -> Iterator[ExpectedPod]:
    """Every pod that `placed` makes; `runtimes` are the ServingRuntimes' specifications by name. A runtime alone makes none."""
    if placed.kind in {"ClusterServingRuntime", "ServingRuntime"}:
        return
    for path, spec in pod_specs(placed):
        if placed.kind == "InferenceService":
            part = path.rpartition(".")[2]
            yield ExpectedPod(path, f"{name_of(placed.manifest)}-{part}", _in_the_mesh(_served(placed, spec, runtimes)))
        else:
            yield ExpectedPod(path, name_of(placed.manifest), _in_the_mesh(spec) if placed.tenant_namespace else spec)


def _served(placed: Placed, part: Fields, runtimes: Mapping[str, Fields]) -> Fields:
    """KServe lays the model over its runtime's first container and adds the runtime's others."""
    model = fields(part.get("model"))
    runtime = runtimes.get(str(model.get("runtime", "")), {})
    beside = [one for _, one in fields_in(runtime.get("containers")) if one.get("name") != "kserve-container"]
    containers = [*([model] if model else ()), *beside, *items(part.get("containers"))]
    if fields(placed.metadata.get("annotations")).get(DEPLOYMENT_MODE) == "Knative":
        containers.append(_QUEUE_PROXY)
    starters = [*([_MODEL_FETCHER] if model.get("storageUri") else ()), *items(part.get("initContainers"))]
    inherited = {name: runtime[name] for name in ("nodeSelector", "tolerations", "affinity") if name in runtime}
    return {**inherited, **part, "containers": containers, "initContainers": starters}


def _in_the_mesh(spec: Fields) -> Fields:
    return {**spec, "initContainers": [_MESH_SIDECAR, *items(spec.get("initContainers"))]}
