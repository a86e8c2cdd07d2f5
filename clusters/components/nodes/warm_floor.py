"""GPU cards kept running for a cold start that cannot wait: pods that hold them and give way to anybody.

A served model preempts such a pod and starts at once; the pod then waits, which makes Karpenter bring the next node.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from clusters.components.nodes.gpu_pools import shares_per_card
from clusters.components.nodes.prepull import gpu_toleration, idle_container, idle_pod_security
from clusters.components.serving import images
from clusters.objects.placement import resource_name
from clusters.objects.wire_form import to_wire
from tidegate.facts import names
from tidegate.facts.cluster import Cluster, GpuPool
from tidegate.manifests.yaml_text import Manifest

if TYPE_CHECKING:
    from pulumi_kubernetes.apps.v1 import DeploymentArgsDict

COMPONENT = "warm-floor"


def objects(cluster: Cluster) -> Iterator[Manifest]:
    """One Deployment per pool with a floor, in the platform's own namespace."""
    for name, pool in sorted(cluster.gpu_pools.items()):
        if pool.warm_floor_gpus:
            yield to_wire(_deployment(name, pool))


def _deployment(name: str, pool: GpuPool) -> DeploymentArgsDict:
    """One pod per share, so that a model takes just what it needs and the rest stays warm."""
    labels = {**names.component_labels(COMPONENT), names.LABEL_GPU_POOL: name}
    container = idle_container("hold", images.PAUSE, card=resource_name(pool))
    return {
        "api_version": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": names.warm_floor(name), "namespace": names.NAMESPACE_PLATFORM, "labels": labels},
        "spec": {
            "replicas": pool.warm_floor_gpus * shares_per_card(pool),
            "selector": {"match_labels": {names.LABEL_COMPONENT: COMPONENT, names.LABEL_GPU_POOL: name}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "priority_class_name": names.PRIORITY_IDLE,
                    "automount_service_account_token": False,
                    "node_selector": {names.LABEL_GPU_POOL: name},
                    "tolerations": [gpu_toleration(name)],
                    "security_context": idle_pod_security(),
                    "termination_grace_period_seconds": 0,
                    "containers": [container],
                },
            },
        },
    }
