"""NVIDIA's GPU Operator on real GPU nodes: device plugin, MIG manager and metrics, by the ClusterPolicy that its chart makes.

The chart's values become the ClusterPolicy's fields. Driver and container toolkit are in the nodes' image, so the operator
installs neither. Where GPU nodes are KWOK's there is nothing to operate, and the resources come from Karpenter's NodeOverlays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from clusters.components.nodes.gpu_sharing import NOT_CUT, NOT_SLICED
from clusters.delivery import applications
from clusters.objects.argo_cd import ChartSource
from clusters.releases import RELEASES
from tidegate.facts import names
from tidegate.facts.cluster import Cluster, MigSharing, TimeSlicing
from tidegate.manifests.yaml_text import Manifest

NAME = "gpu-operator"
VERSION = f"v{RELEASES.release('gpu-operator')}"
REPOSITORY = "https://helm.ngc.nvidia.com/nvidia"

_WAVE = -9
"""After `gpu-sharing`, which brings the namespace and the ConfigMaps that the ClusterPolicy names."""

_ON_GPU_NODES = [{"key": names.GPU_TAINT_KEY, "operator": "Exists", "effect": "NoSchedule"}]
"""The operator's agents belong on the nodes of every pool."""


def repositories(cluster: Cluster) -> set[str]:
    """Where the chart comes from; empty where no operator runs."""
    return {REPOSITORY} if _has_cards(cluster) else set()


def objects(cluster: Cluster) -> Iterator[Manifest]:
    """The operator's Application; nothing for a cluster without real GPU nodes."""
    if not _has_cards(cluster):
        return
    helm: dict[str, object] = {"releaseName": NAME, "valuesObject": dict(values(cluster))}
    source: ChartSource = {"repoURL": REPOSITORY, "chart": NAME, "targetRevision": VERSION, "helm": helm}
    yield applications.application(
        source, names.add_on_application(NAME), names.component_labels("add-ons"), names.ADD_ONS_PROJECT,
        names.NAMESPACE_GPU_OPERATOR, wave=_WAVE,
    )  # fmt: skip


def values(cluster: Cluster) -> Mapping[str, object]:
    """The chart's values; everything else keeps its default."""
    cut = any(isinstance(pool.sharing, MigSharing) for pool in cluster.gpu_pools.values())
    sliced = any(isinstance(pool.sharing, TimeSlicing) for pool in cluster.gpu_pools.values())
    plugin = {"config": {"name": names.TIME_SLICING_CONFIG, "default": NOT_SLICED}} if sliced else {}
    # Cards in a cloud's virtual machines cannot be reset alone, so the node restarts once after they were cut.
    manager = {
        "config": {"name": names.MIG_CONFIG, "default": NOT_CUT, "create": False},
        "env": [{"name": "WITH_REBOOT", "value": "true"}],
    }
    return {
        "driver": {"enabled": False},
        "toolkit": {"enabled": False},
        "mig": {"strategy": "mixed"},
        "migManager": {"enabled": cut, **(manager if cut else {})},
        "devicePlugin": {"enabled": True, **plugin},
        # A card costs more than the rest of its machine; what it does is known from here only. The chart leaves Prometheus out.
        "dcgmExporter": {"enabled": True, "serviceMonitor": {"enabled": True}},
        "daemonsets": {"tolerations": _ON_GPU_NODES},
        "node-feature-discovery": {"worker": {"tolerations": _ON_GPU_NODES}},
    }


def _has_cards(cluster: Cluster) -> bool:
    return cluster.gpu_nodes == "ec2" and bool(cluster.gpu_pools)
