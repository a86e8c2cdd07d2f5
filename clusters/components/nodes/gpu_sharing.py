"""How the GPU Operator cuts and shares cards: one entry per way that some pool of the cluster asks for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from clusters.components.nodes.gpu_pools import shares_per_card
from clusters.components.tenancy.tenant import pod_security_labels
from clusters.objects.wire_form import to_wire
from tidegate.facts import names
from tidegate.facts.cluster import Cluster, MigSharing, TimeSlicing
from tidegate.manifests.yaml_text import Manifest

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import ConfigMapArgsDict, NamespaceArgsDict

COMPONENT = "gpu-sharing"

NOT_CUT = "all-disabled"
"""The entry of the MIG configuration for nodes whose pool does not cut its cards."""

NOT_SLICED = "whole"
"""The entry of the time-slicing configuration for nodes whose pool does not share its cards."""


def objects(cluster: Cluster) -> Iterator[Manifest]:
    """The MIG manager's and the device plugin's ConfigMaps; nothing where no pool shares cards."""
    profiles: dict[str, object] = {}
    slicings: dict[str, object] = {}
    for pool in cluster.gpu_pools.values():
        match pool.sharing:
            case MigSharing(profile=profile):
                devices = {"devices": "all", "mig-enabled": True, "mig-devices": {profile: shares_per_card(pool)}}
                profiles[names.mig_config(profile)] = [devices]
            case TimeSlicing(replicas=replicas):
                shared = {"renameByDefault": True, "resources": [{"name": names.RESOURCE_GPU, "replicas": replicas}]}
                slicings[names.time_slicing_config(replicas)] = {"version": "v1", "sharing": {"timeSlicing": shared}}
            case None:
                pass
    if profiles or slicings:
        yield to_wire(_namespace(cluster))
    if profiles:
        # Nodes come up uncut until the pool's label says otherwise, which the operator needs an entry for.
        profiles[NOT_CUT] = [{"devices": "all", "mig-enabled": False}]
        yield to_wire(
            _config_map(names.MIG_CONFIG, {"config.yaml": _text({"version": "v1", "mig-configs": dict(sorted(profiles.items()))})})
        )
    if slicings:
        slicings[NOT_SLICED] = {"version": "v1"}
        yield to_wire(_config_map(names.TIME_SLICING_CONFIG, {name: _text(entry) for name, entry in sorted(slicings.items())}))


def _namespace(cluster: Cluster) -> NamespaceArgsDict:
    """The operator's own; its agents drive the cards, so they are privileged."""
    labels = {**names.component_labels(COMPONENT), **pod_security_labels(f"v{cluster.kubernetes_version}", "privileged")}
    return {"api_version": "v1", "kind": "Namespace", "metadata": {"name": names.NAMESPACE_GPU_OPERATOR, "labels": labels}}


def _config_map(name: str, data: dict[str, str]) -> ConfigMapArgsDict:
    return {
        "api_version": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": names.NAMESPACE_GPU_OPERATOR, "labels": names.component_labels(COMPONENT)},
        "data": data,
    }


def _text(document: object) -> str:
    """As JSON, which is YAML: no second writer whose quoting would have to be trusted."""
    return json.dumps(document, indent=2)
