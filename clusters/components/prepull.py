"""DaemonSets that pull the model servers' images to each GPU node as it comes up, so that a model's start does not wait.

Their pods ask for no GPU and no access to the node; when there is no room they are the first to go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from clusters import images
from clusters.components.tenant import pod_security_labels
from clusters.wire_form import to_wire
from tidegate.manifests.yaml_text import Manifest
from tidegate.model import names
from tidegate.model.cluster import Cluster
from tidegate.model.platform import Platform, pools_for

if TYPE_CHECKING:
    from pulumi_kubernetes.apps.v1 import DaemonSetArgsDict
    from pulumi_kubernetes.core.v1 import ContainerArgsDict, NamespaceArgsDict, SecurityContextArgsDict

COMPONENT = "prepull"

_RESOURCES = {"cpu": "10m", "memory": "16Mi"}
"""Enough to run `true` and to sleep."""


def objects(platform: Platform, cluster: Cluster) -> Iterator[Manifest]:
    """The platform's own namespace and one DaemonSet per pool that some tenant's model can land on."""
    if not cluster.gpu_pools:
        return
    namespace: NamespaceArgsDict = {
        "api_version": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": names.NAMESPACE_PLATFORM,
            "labels": {**names.component_labels(COMPONENT), **pod_security_labels(f"v{cluster.kubernetes_version}")},
        },
    }
    yield to_wire(namespace)
    for pool in sorted(cluster.gpu_pools):
        if pulled := _images(platform, cluster, pool):
            yield to_wire(_daemon_set(pool, pulled))


def _images(platform: Platform, cluster: Cluster, pool: str) -> list[str]:
    return sorted(
        {
            images.RUNTIMES[model.runtime]
            for tenant in platform.tenants_of(cluster.name)
            for model in tenant.models.values()
            if pool in pools_for(cluster, model)
        }
    )


def _daemon_set(pool: str, pulled: Sequence[str]) -> DaemonSetArgsDict:
    labels = {**names.component_labels(COMPONENT), names.LABEL_GPU_POOL: pool}
    return {
        "api_version": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": names.prepull(pool), "namespace": names.NAMESPACE_PLATFORM, "labels": labels},
        "spec": {
            "selector": {"match_labels": {names.LABEL_COMPONENT: COMPONENT, names.LABEL_GPU_POOL: pool}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "priority_class_name": names.PRIORITY_PREPULL,
                    "automount_service_account_token": False,
                    "node_selector": {names.LABEL_GPU_POOL: pool},
                    "tolerations": [{"key": names.GPU_TAINT_KEY, "operator": "Equal", "value": pool, "effect": "NoSchedule"}],
                    "security_context": {"run_as_non_root": True, "run_as_user": 65532, "seccomp_profile": {"type": "RuntimeDefault"}},
                    "termination_grace_period_seconds": 0,
                    "init_containers": [_container(f"pull-{index}", image, ["/bin/true"]) for index, image in enumerate(pulled, start=1)],
                    "containers": [_container("stay", images.PAUSE, None)],
                },
            },
        },
    }


def _container(name: str, image: str, command: list[str] | None) -> ContainerArgsDict:
    """Init containers pull one image after the other, so that they do not compete for the node's bandwidth."""
    security: SecurityContextArgsDict = {
        "allow_privilege_escalation": False,
        "read_only_root_filesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    container: ContainerArgsDict = {
        "name": name,
        "image": image,
        "image_pull_policy": "IfNotPresent",
        "resources": {"requests": _RESOURCES, "limits": _RESOURCES},
        "security_context": security,
    }
    if command:
        container["command"] = command
    return container
