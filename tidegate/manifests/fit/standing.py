"""The nodes that a cluster's floors keep alive around the clock: whole machines, whoever leaves their rest idle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from tidegate.facts import names
from tidegate.facts.cluster import SYSTEM_POOL, CapacityType, Cluster
from tidegate.facts.money import HOURS_PER_MONTH
from tidegate.facts.nodes.node_shapes import allocatable, shape_of
from tidegate.facts.prices.tables import PriceTable
from tidegate.manifests.fit.needs import read_needs
from tidegate.manifests.fit.nodes import NodeShape
from tidegate.manifests.fit.packing import PackedNode, WaitingPod, pack
from tidegate.manifests.fit.pods import expected_pods
from tidegate.manifests.fit.pools import CAPACITY_TYPE, INSTANCE_TYPE, cluster_pools
from tidegate.manifests.fit.readable import require_readable
from tidegate.manifests.placed import Fields, Placed, fields, fields_in
from tidegate.manifests.tree import name_of

PLATFORM = ""
"""Whose nodes are that no tenant's floor is on."""


@dataclass(frozen=True, slots=True)
class StandingNode:
    """A node that is there although nobody calls."""

    cluster: str
    pool: str
    instance_type: str
    capacity: CapacityType
    usd_per_hour: Fraction
    shares: Mapping[str, Fraction]
    """Who keeps it, by tenant: parts of 1 that add up to 1."""


def standing_nodes(cluster: Cluster, objects: Sequence[Placed], table: PriceTable) -> list[StandingNode]:
    """Every node that the floors in `objects`, all of one cluster, keep alive, and the system pool's. Empty for a cluster without objects.

    Raises `ManifestError` naming each amount and count that cannot be reckoned with, `PriceError` for a machine without a price.
    """
    if not objects:
        return []
    require_readable(objects)
    pools = [pool for pool in cluster_pools(cluster, objects) if pool.name != SYSTEM_POOL]

    def price(node: NodeShape) -> Fraction:
        return table.require_usd_per_hour(node.labels[INSTANCE_TYPE], CapacityType(node.labels[CAPACITY_TYPE]))

    packed = pack(waiting_pods(objects, peak=False), pools, price)
    system = cluster.system_pool.instance_types[0]
    always = StandingNode(
        cluster.name, SYSTEM_POOL, system, CapacityType.ON_DEMAND, table.require_usd_per_hour(system, CapacityType.ON_DEMAND),
        {PLATFORM: Fraction(1)},
    )  # fmt: skip
    return [
        *([always] * cluster.system_pool.min_nodes),
        *(
            StandingNode(
                cluster.name, node.pool, node.machine.labels[INSTANCE_TYPE], CapacityType(node.machine.labels[CAPACITY_TYPE]),
                price(node.machine), _shares(node),
            )
            for node in packed
        ),
    ]  # fmt: skip


def usd_per_month_by_tenant(nodes: Sequence[StandingNode]) -> dict[str, Fraction]:
    """Whole nodes around the clock, by who keeps them; the parts add up to all of them exactly."""
    total: dict[str, Fraction] = defaultdict(Fraction)
    for node in nodes:
        for tenant, share in node.shares.items():
            total[tenant] += node.usd_per_hour * share * HOURS_PER_MONTH
    return dict(total)


def waiting_pods(objects: Sequence[Placed], *, peak: bool) -> list[WaitingPod]:
    """All pods of a cluster that are there although nobody calls, or with `peak` as many as there may be."""
    return list(_waiting(objects, peak=peak))


def _waiting(objects: Sequence[Placed], *, peak: bool) -> Iterator[WaitingPod]:
    runtimes = {name_of(each.manifest): each.spec for each in objects if each.kind in {"ClusterServingRuntime", "ServingRuntime"}}
    for placed in objects:
        for pod in expected_pods(placed, runtimes):
            tenant = str(fields(placed.metadata.get("labels")).get(names.LABEL_TENANT, PLATFORM))
            spread = f"{placed.source}/{pod.path}" if _keeps_off_own_kind(pod.spec) else ""
            waiting = WaitingPod(tenant, pod.name, read_needs(pod.spec), spread)
            yield from [waiting] * _count_of(placed, pod.path, peak=peak)


def _count_of(placed: Placed, path: str, *, peak: bool) -> int:
    """How many of the pods at `path` there are. Daemons come with their nodes, jobs end."""
    if placed.kind == "InferenceService":
        part = fields(placed.spec.get(path.rpartition(".")[2]))
        return _count(part.get("maxReplicas" if peak else "minReplicas"))
    if placed.kind in {"Deployment", "StatefulSet", "ReplicaSet"}:
        return _count(placed.spec.get("replicas"))
    return int(placed.kind == "Pod")


def _count(value: object) -> int:
    return value if isinstance(value, int) else 1


def _keeps_off_own_kind(spec: Fields) -> bool:
    return any(each.get("topologyKey") == "kubernetes.io/hostname" for _, each in fields_in(spec.get("topologySpreadConstraints")))


def _shares(node: PackedNode) -> dict[str, Fraction]:
    """The node by the largest share that each pod asks of it; what nobody asks for is divided alike."""
    shape = shape_of(node.machine.labels[INSTANCE_TYPE])
    whole = {**(allocatable(shape) if shape else {}), **node.machine.allocatable}
    asked: dict[str, Fraction] = defaultdict(Fraction)
    for pod in node.pods:
        asked[pod.tenant] += max(
            (Fraction(amount, whole[name]) for name, amount in pod.needs.requests.items() if whole.get(name)), default=Fraction(0)
        )
    total = sum(asked.values(), Fraction(0))
    return {tenant: share / total for tenant, share in asked.items()} if total else {PLATFORM: Fraction(1)}
