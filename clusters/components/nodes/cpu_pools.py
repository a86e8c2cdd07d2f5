"""Nodes without a card, from zero: a Karpenter NodePool per pool, for models and for most of the platform.

Nodes on spot have a taint, so that nobody is there who has not said to bear their end.

There is no KWOK variant: what has no card really runs, and a pretended node would only take pods away from the real one.
"""

from __future__ import annotations

from collections.abc import Iterator

from clusters.components.nodes.gpu_pools import ec2_node_class, node_pool
from clusters.objects.karpenter import NodeClassRef, Taint
from tidegate.facts import names, numerals
from tidegate.facts.cluster import CapacityType, Cluster
from tidegate.manifests.yaml_text import Manifest

COMPONENT = "cpu-pools"

_NODE_CLASS = "cpu"


def objects(cluster: Cluster) -> Iterator[Manifest]:
    """NodePools and their node class; nothing for a cluster without CPU pools."""
    if not cluster.cpu_pools:
        return
    yield ec2_node_class(cluster, _NODE_CLASS, names.TAG_NODE_IMAGE_CPU, COMPONENT)
    node_class: NodeClassRef = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": _NODE_CLASS}
    for name, pool in sorted(cluster.cpu_pools.items()):
        capacity = CapacityType(pool.capacity)
        taints: list[Taint] = [{"key": names.SPOT_TAINT_KEY, "value": name, "effect": "NoSchedule"}]
        yield node_pool(
            COMPONENT, name, node_class, labels={names.LABEL_CPU_POOL: name}, taints=taints if capacity is CapacityType.SPOT else [],
            instance_types=pool.instance_types, capacity_types=[capacity], limits={"cpu": numerals.count(pool.max_cpu)},
        )  # fmt: skip
