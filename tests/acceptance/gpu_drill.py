"""Pods that ask for cards, in a namespace of their own: what Karpenter and the scheduler make of them. Nothing of them runs."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from clusters.components.serving import images
from clusters.objects.placement import resource_name
from tests.acceptance.access_review import Api
from tests.acceptance.running_platform import INVENTORY, Running, wait_for
from tests.acceptance.served_repository import Repository
from tidegate.facts import names

NAMESPACE = "gpu-drill"
PAUSE = images.PAUSE
"""Never pulled: KWOK's nodes run nothing."""


def card_of(region: str, pool: str) -> str:
    """What a pod asks for to get a card, or a share of one, of a pool."""
    return resource_name(INVENTORY.clusters[region].gpu_pools[pool])


def gpu_pod(region: str, pool: str, tier: str) -> dict[str, Any]:
    """The spec of a pod that asks for one card of a pool and that a tenant's namespace takes."""
    amounts = {"cpu": "1", "memory": "1Gi", card_of(region, pool): "1"}
    return {
        "priorityClassName": names.priority_class(tier),
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "nodeSelector": {names.LABEL_GPU_POOL: pool},
        "tolerations": [{"key": names.GPU_TAINT_KEY, "operator": "Equal", "value": pool, "effect": "NoSchedule"}],
        "containers": [
            {
                "name": "one", "image": PAUSE, "resources": {"requests": amounts, "limits": amounts},
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    }  # fmt: skip


def replica_set(name: str, namespace: str, labels: Mapping[str, str], count: int, pod: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": count, "selector": {"matchLabels": dict(labels)},
            "template": {"metadata": {"labels": {**labels, "sidecar.istio.io/inject": "false"}}, "spec": pod},
        },
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drill:
    """The namespace of one region."""

    running: Running
    region: str
    api: Api

    def run(self, name: str, pool: str, count: int, *, tier: str) -> None:
        """`count` pods of a tier, each with one card of the pool, kept at that number."""
        wanted = replica_set(name, NAMESPACE, {"app": name}, count, gpu_pod(self.region, pool, tier))
        self.running.cluster(self.region).apply([wanted], manager="gpu-drill")

    def pods(self, name: str) -> list[Any]:
        """The pods of one set, without those that are on their way out."""
        _, answer = self.api.request("GET", f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app%3D{name}")
        return [one for one in answer["items"] if "deletionTimestamp" not in one["metadata"]]

    def bound(self, name: str) -> list[Any]:
        return [one for one in self.pods(name) if one["spec"].get("nodeName")]

    def remove(self, name: str) -> None:
        self.running.cluster(self.region).run("delete", "replicaset", name, f"--namespace={NAMESPACE}", "--ignore-not-found")

    def nodes(self, pool: str) -> list[Any]:
        """The pool's nodes; a claim whose node is not there yet is none."""
        _, answer = self.api.request("GET", f"/api/v1/nodes?labelSelector={names.LABEL_GPU_POOL.replace('/', '%2F')}%3D{pool}")
        return list(answer["items"])

    def claims(self, pool: str) -> list[Any]:
        _, answer = self.api.request("GET", f"/apis/karpenter.sh/v1/nodeclaims?labelSelector=karpenter.sh%2Fnodepool%3D{pool}")
        return list(answer["items"])


@contextlib.contextmanager
def idle_nodes_leave_after(running: Running, region: str, seconds: int) -> Generator[None]:
    """A node without pods leaves sooner than in production, where the rendered files say 300 s; by commit, and undone by commit."""
    repository = Repository(running)
    try:
        for pool in sorted(INVENTORY.clusters[region].gpu_pools):
            path = f"gitops/rendered/{region}/platform/gpu-pools-kwok/nodepool-{pool}.yaml"
            repository.edit(path, lambda text: re.sub(r"consolidateAfter: \S+", f"consolidateAfter: {seconds}s", text))
        repository.commit("Let idle nodes leave soon")

        def look() -> set[str]:
            return {one["spec"]["disruption"]["consolidateAfter"] for one in running.read(region, "nodepools")["items"]}

        wait_for(f"idle nodes of {region} leave soon", look, lambda seen: seen == {f"{seconds}s"}, 120, 1)
        yield
    finally:
        repository.close()


@contextlib.contextmanager
def drill(running: Running, region: str) -> Generator[Drill]:
    """A namespace that is gone afterwards, and its nodes with it as soon as Karpenter sees them idle."""
    cluster = running.cluster(region)
    with Api(running.checkout.embedded / f"{region}.kubeconfig") as api:
        cluster.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}], manager="gpu-drill")
        opened = Drill(running, region, api)
        try:
            yield opened
        finally:
            cluster.run("delete", "namespace", NAMESPACE, "--wait=false")
            wait_for(
                f"{NAMESPACE} of {region} is gone",
                lambda: api.request("GET", f"/api/v1/namespaces/{NAMESPACE}")[0],
                lambda seen: seen == 404,
                120,
            )
