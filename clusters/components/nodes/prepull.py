"""DaemonSets that pull the model servers' images to each GPU node as it comes up, so that a model's start does not wait.

One image after the other, as init containers, so that they do not compete for the node's bandwidth. The pods ask for no GPU and no access to the node; when there is no room they are the first to go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from clusters.components.serving import images
from clusters.objects.wire_form import to_wire
from tidegate.facts import names
from tidegate.facts.cluster import Cluster
from tidegate.facts.platform import Platform
from tidegate.facts.rules.pools import pools_for
from tidegate.manifests.yaml_text import Manifest

if TYPE_CHECKING:
    from pulumi_kubernetes.apps.v1 import DaemonSetArgsDict
    from pulumi_kubernetes.core.v1 import (
        ContainerArgsDict,
        PodSecurityContextArgsDict,
        SecurityContextArgsDict,
        TolerationArgsDict,
    )

COMPONENT = "prepull"

_RESOURCES = {"cpu": "10m", "memory": "16Mi"}
"""Enough to run `true` and to sleep."""


def objects(platform: Platform, cluster: Cluster) -> Iterator[Manifest]:
    """One DaemonSet per pool that some tenant's model can land on."""
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
                    "priority_class_name": names.PRIORITY_IDLE,
                    "automount_service_account_token": False,
                    "node_selector": {names.LABEL_GPU_POOL: pool},
                    "tolerations": [gpu_toleration(pool)],
                    "security_context": idle_pod_security(),
                    "termination_grace_period_seconds": 0,
                    "init_containers": [
                        idle_container(f"pull-{index}", image, command=["/bin/true"]) for index, image in enumerate(pulled, start=1)
                    ],
                    "containers": [idle_container("stay", images.PAUSE)],
                },
            },
        },
    }


def gpu_toleration(pool: str) -> TolerationArgsDict:
    """Of one pool's taint and no other."""
    return {"key": names.GPU_TAINT_KEY, "operator": "Equal", "value": pool, "effect": "NoSchedule"}


def idle_pod_security() -> PodSecurityContextArgsDict:
    """User 65532 is `nobody` of images without a user list."""
    return {"run_as_non_root": True, "run_as_user": 65532, "seccomp_profile": {"type": "RuntimeDefault"}}


def idle_container(name: str, image: str, *, command: list[str] | None = None, card: str | None = None) -> ContainerArgsDict:
    """A container that does no work; `card` is the extended resource it holds, if any."""
    security: SecurityContextArgsDict = {
        "allow_privilege_escalation": False,
        "read_only_root_filesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    needed = {**_RESOURCES, card: "1"} if card else _RESOURCES
    container: ContainerArgsDict = {
        "name": name,
        "image": image,
        "image_pull_policy": "IfNotPresent",
        "resources": {"requests": needed, "limits": needed},
        "security_context": security,
    }
    if command:
        container["command"] = command
    return container
