"""Nodes and pods as an API server has them."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


def node(name: str = "gpu-1", **labels: str) -> Object:
    return {
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": name, "uid": f"uid-{name}", "creationTimestamp": "2026-11-21T10:00:00Z", "annotations": None,
            "labels": {"node.kubernetes.io/instance-type": "g6.xlarge", "karpenter.sh/capacity-type": "spot", **labels},
        },
        "status": {
            "allocatable": {"cpu": "3920m", "memory": "14Gi", "nvidia.com/gpu": "1", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-21T10:01:00Z"}],
        },
    }  # fmt: skip


def pod(name: str = "chat-1", namespace: str = "tenant-assistant", node_name: str = "gpu-1", **spec: Any) -> Object:
    labels = {"serving.kserve.io/inferenceservice": "chat", "component": "predictor", "tidegate.dev/tenant": "somebody-else"}
    asked = {"cpu": "3", "memory": "12Gi", "nvidia.com/gpu": "1"}
    containers = [{"name": "kserve-container", "image": "registry.example.com/a:1", "resources": {"requests": asked, "limits": asked}}]
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "creationTimestamp": "2026-11-21T10:00:30Z", "labels": labels},
        "spec": {"nodeName": node_name, "containers": containers, **spec},
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-21T10:01:05Z"},
                {"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-21T10:01:05Z"},
            ],
        },
    }  # fmt: skip
