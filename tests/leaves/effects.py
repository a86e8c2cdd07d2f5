"""What the facts lead to, without what nobody reads: objects, stacks and the list of code owners."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from clusters import cluster_tree
from infra.constructs.stack import Resource, Stack, Value
from infra.main import STACKS
from infra.outputs import Outputs
from infra.target import Target
from tests.root import ROOT
from tidegate.checkout import Checkout
from tidegate.facts import cloud_names, names
from tidegate.facts.cluster import Cluster
from tidegate.facts.embedded import EmbeddedFacts, embed
from tidegate.facts.platform import Platform
from tidegate.manifests.tree import RenderedObject
from tidegate.repository.code_owners import code_owners

READ_ANNOTATIONS = {
    "argocd.argoproj.io/sync-options": "Argo CD asks before it deletes",
    "argocd.argoproj.io/sync-wave": "Argo CD applies in this order",
    "autoscaling.knative.dev/scale-to-zero-pod-retention-period": "Knative's autoscaler",
    "autoscaling.knative.dev/target-burst-capacity": "Knative's autoscaler",
    "networking.istio.io/service-type": "istiod, for a Gateway",
    "serving.knative.dev/progress-deadline": "Knative Serving gives a revision up after it",
    "serving.kserve.io/autoscalerClass": "KServe's controller",
    "serving.kserve.io/deploymentMode": "KServe's controller",
    "sidecar.istio.io/rewriteAppHTTPProbers": "istiod's injector",
}
"""Annotations that decide something, and who reads them. All others are for people and do not count."""

READ_LABELS = {
    "istio-injection": "istiod's injector",
    "networking.knative.dev/visibility": "Knative's ingress",
    "pod-security.kubernetes.io/enforce-version": "the API server",
}
"""Labels of objects that decide something. Those of a NodePool's nodes all count: pods are placed by them."""

READ_CONFIG_MAPS = {
    names.MODEL_CATALOGUE: "the policy require-catalogued-model",
    "edge-options": "istiod, for the edge's Deployment and Service",
    "knative-local-options": "istiod, for the local gateway's",
    "gateway-memory": "both gateways' Envoys, at their start",
    names.MIG_CONFIG: "the MIG manager",
    "model-trust": "the init container that verifies a model",
    names.TIME_SLICING_CONFIG: "the NVIDIA device plugin",
}
"""ConfigMaps that a program reads."""

Effects = Mapping[str, str]
"""Each thing by what identifies it, as JSON."""


def rendered(platform: Platform) -> Effects:
    """The effective fields of every object of every cluster."""
    return dict(_objects(cluster_tree.objects(platform))) | dict(_objects(cluster_tree.bootstrap_objects(platform)))


def rendered_here(platform: Platform) -> Effects:
    """The same for the embedded regions."""
    addresses = {name: f"192.0.2.{number}" for number, name in enumerate(platform.clusters, start=1)}
    facts = EmbeddedFacts(repository_url="git://git.example.com/tidegate", edge_addresses=addresses)
    return rendered(embed(platform, facts))


def reviewed(platform: Platform) -> Effects:
    """Whom GitHub asks."""
    return {"CODEOWNERS": code_owners(Checkout(ROOT), platform)}


def stacks(platform: Platform) -> Effects:
    """Every resource of every production stack with its arguments, but tags; Node.js is not asked to write them."""
    recorded: dict[str, str] = {}
    for cluster in platform.clusters.values():
        for name, build in STACKS.items():
            if name != "bootstrap":  # it holds what the others publish, and two charts
                build(cast("Stack", _RecordedStack(platform, cluster, name, recorded)))
    return recorded


class _RecordedStack:
    """Notes what is added to a stack. No `Stack` itself, which would start Node.js."""

    def __init__(self, platform: Platform, cluster: Cluster, name: str, recorded: dict[str, str]) -> None:
        self.platform, self.cluster, self.name, self.target = platform, cluster, name, Target()
        self.pair = platform.clusters[cluster.pair]
        self._recorded = recorded

    def keep(self) -> Value:
        return {"prevent_destroy": True}

    def _note(self, what: str, content: object) -> None:
        self._recorded[f"{cloud_names.stack(self.cluster.name, self.name)}/{what}"] = json.dumps(content, sort_keys=True)

    def add(self, resource_type: str, logical_name: str, /, **attributes: Any) -> Resource:
        self._note(
            f"{resource_type}.{logical_name}", {key: value for key, value in attributes.items() if key not in {"depends_on", "tags"}}
        )
        return Resource(f"{resource_type}.{logical_name}")

    def add_override(self, path: str, value: object) -> None:
        self._note(path, value)

    def publish(self, outputs: Outputs) -> None:
        """Nobody's effect by itself."""

    def read(self, outputs: type[Any], cluster: Cluster | None = None) -> Any:
        of = (cluster or self.cluster).name
        return outputs(**{name: f"${{{of}.{name}}}" for name in outputs.__slots__})


def _objects(objects: Iterator[RenderedObject]) -> Iterator[tuple[str, str]]:
    for each in objects:
        manifest = cast("dict[str, Any]", each.manifest)
        metadata = manifest["metadata"]
        if manifest["kind"] == "ConfigMap" and metadata["name"] not in READ_CONFIG_MAPS:
            continue
        key = "/".join((each.folder.partition("/")[0], manifest["kind"], metadata.get("namespace", ""), metadata["name"]))
        kept = {**_effective(manifest), **_node_labels(manifest)}
        yield key, json.dumps(kept, sort_keys=True)


def _node_labels(manifest: dict[str, Any]) -> dict[str, Any]:
    return {"node labels": manifest["spec"]["template"]["metadata"]["labels"]} if manifest["kind"] == "NodePool" else {}


def _effective(value: Any) -> Any:
    if isinstance(value, list):
        return [_effective(one) for one in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    for key, inner in cast("dict[str, Any]", value).items():
        if key in {"annotations", "labels"} and isinstance(inner, dict):
            read = READ_ANNOTATIONS if key == "annotations" else READ_LABELS
            kept[key] = {name: one for name, one in cast("dict[str, Any]", inner).items() if name in read}
        else:
            kept[key] = _effective(inner)
    return kept
