"""The nodes that a cluster can bring: its rendered NodePools over the machines of the tables, and the nodes that always run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product

from tidegate.facts import names
from tidegate.facts.cluster import SYSTEM_POOL, CapacityType, Cluster
from tidegate.facts.nodes.node_shapes import AGENTS, allocatable, known_instance_types, shape_of
from tidegate.manifests.fit.amounts import Amounts, read_quantity
from tidegate.manifests.fit.needs import PodNeeds, read_needs
from tidegate.manifests.fit.nodes import NodeShape, bears
from tidegate.manifests.fit.selectors import Expression, read_expressions, read_taints, text_map
from tidegate.manifests.placed import Fields, Placed, fields, pod_specs
from tidegate.manifests.tree import name_of

_SYSTEM_TAINT: Fields = {"key": "CriticalAddonsOnly", "value": "true", "effect": "NoSchedule"}
_SYSTEM_LABELS = {names.LABEL_NODE_POOL: SYSTEM_POOL}
"""As infra/stacks/cluster.py gives them to the managed node group that always runs."""

INSTANCE_TYPE = "node.kubernetes.io/instance-type"
ARCHITECTURE = "kubernetes.io/arch"
CAPACITY_TYPE = "karpenter.sh/capacity-type"
_ZONE = "topology.kubernetes.io/zone"


@dataclass(frozen=True, slots=True)
class Pool:
    """Nodes of one kind: one for each machine, way to pay and zone."""

    name: str
    nodes: tuple[NodeShape, ...]


def cluster_pools(cluster: Cluster, objects: Sequence[Placed]) -> list[Pool]:
    """The pools of a cluster whose rendered objects are `objects`, by name; `system` comes last.

    Raises `ValueError` naming a quantity that cannot be read.
    """
    node_pools = applied_node_pools(cluster, objects)
    overlays = [placed.spec for placed in objects if placed.kind == "NodeOverlay"]
    daemons = [read_needs(pod) for placed in objects if placed.kind == "DaemonSet" for _, pod in pod_specs(placed)]
    pools = [Pool(name, tuple(_nodes(cluster, name, placed, overlays))) for name, placed in sorted(node_pools.items())]
    pools.append(Pool(SYSTEM_POOL, tuple(_system_nodes(cluster))))
    return [replace(pool, nodes=tuple(_with_daemons(node, daemons) for node in pool.nodes)) for pool in pools]


def applied_node_pools(cluster: Cluster, objects: Sequence[Placed]) -> dict[str, Placed]:
    """NodePools by name. Of one that is there with two node classes, that with the class of the cluster's GPU nodes."""
    other = "KWOKNodeClass" if cluster.gpu_nodes == "ec2" else "EC2NodeClass"
    found = [placed for placed in objects if placed.kind == "NodePool"]
    found.sort(key=lambda placed: _node_class(placed) != other)
    return {name_of(placed.manifest): placed for placed in found}


def _node_class(placed: Placed) -> object:
    spec = fields(fields(placed.spec.get("template")).get("spec"))
    return fields(spec.get("nodeClassRef")).get("kind")


def _nodes(cluster: Cluster, name: str, placed: Placed, overlays: Sequence[Fields]) -> Iterator[NodeShape]:
    template = fields(placed.spec.get("template"))
    spec = fields(template.get("spec"))
    own = {**text_map(fields(template.get("metadata")).get("labels")), "karpenter.sh/nodepool": name}
    requirements = read_expressions(spec.get("requirements"))
    taints = read_taints(spec.get("taints"))
    limits = {resource: read_quantity(limit) for resource, limit in fields(placed.spec.get("limits")).items()}
    for labels in _candidates(cluster, own, requirements):
        offered = _capacity(labels, overlays)
        if _is_within(limits, {**offered, **whole_machine(labels)}):
            yield NodeShape(_name(labels), labels, taints, offered)


def _is_within(limits: Mapping[str, Fraction], machine: Amounts) -> bool:
    """Whether one machine is within the pool's limits; Karpenter starts none that alone is above them."""
    return all(machine.get(resource, 0) <= limit * (1000 if resource == "cpu" else 1) for resource, limit in limits.items())


def whole_machine(labels: Mapping[str, str]) -> Amounts:
    """What counts against a limit: the machine as it is sold, with its cards, however they are cut."""
    shape = shape_of(labels[INSTANCE_TYPE])
    assert shape, "only machines of the tables are candidates"
    return {"cpu": shape.vcpus * 1000, "memory": shape.memory_gib * 1024**3, names.RESOURCE_GPU: shape.gpus}


def _candidates(cluster: Cluster, own: Mapping[str, str], requirements: Sequence[Expression]) -> Iterator[dict[str, str]]:
    """The labels of every node that meets the requirements; one that asks for a label which no machine has is met by none."""
    for instance_type, capacity, zone in product(known_instance_types(), CapacityType, cluster.network.availability_zones):
        labels = {**own, **_machine_labels(cluster, instance_type, zone), CAPACITY_TYPE: capacity.value}
        if all(requirement.holds(labels) for requirement in requirements):
            yield labels


def _machine_labels(cluster: Cluster, instance_type: str, zone: str) -> dict[str, str]:
    shape = shape_of(instance_type)
    return {
        INSTANCE_TYPE: instance_type, _ZONE: zone, "topology.kubernetes.io/region": cluster.region,
        ARCHITECTURE: shape.architecture.value if shape else "", "kubernetes.io/os": "linux", "kubernetes.io/hostname": f"{instance_type}.{zone}",
    }  # fmt: skip


def _capacity(labels: Mapping[str, str], overlays: Sequence[Fields]) -> dict[str, int]:
    shape = shape_of(labels[INSTANCE_TYPE])
    assert shape, "only machines of the tables are candidates"
    offered = allocatable(shape)
    for overlay in overlays:
        if all(requirement.holds(labels) for requirement in read_expressions(overlay.get("requirements"))):
            shared = {resource: int(read_quantity(amount)) for resource, amount in fields(overlay.get("capacity")).items()}
            # A card that is cut or shared is no whole card any more: the device plugin then reports none.
            offered = {**offered, **({names.RESOURCE_GPU: 0} if names.RESOURCE_GPU not in shared else {}), **shared}
    return offered


def _system_nodes(cluster: Cluster) -> Iterator[NodeShape]:
    for instance_type, zone in product(cluster.system_pool.instance_types, cluster.network.availability_zones):
        if shape := shape_of(instance_type):
            labels = {**_machine_labels(cluster, instance_type, zone), **_SYSTEM_LABELS}
            yield NodeShape(_name(labels), labels, read_taints([_SYSTEM_TAINT]), allocatable(shape))


def _name(labels: Mapping[str, str]) -> str:
    paid = labels.get(CAPACITY_TYPE)
    return f"{labels[INSTANCE_TYPE]}, {f'{paid}, ' if paid else ''}{labels[_ZONE]}"


def _with_daemons(node: NodeShape, daemons: Sequence[PodNeeds]) -> NodeShape:
    return replace(node, daemons=(*AGENTS, *(each.requests for each in daemons if bears(each, node))))
