"""What the inventory costs at the least: the floors, around the clock, by the share of machines that they keep from others.

Floors are what is paid for even when nobody calls. The machines that they keep alive as a whole are counted by
`tidegate.manifests.fit.standing`, from what is rendered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from tidegate.errors import Finding, InventoryError
from tidegate.facts.cluster import CapacityType, Cluster, GpuPool, TimeSlicing
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.nodes.accelerators import AcceleratorShare, InstanceShape, instance_shapes
from tidegate.facts.nodes.node_shapes import CPU_SHAPES, allocatable, room, shape_of
from tidegate.facts.numerals import decimal
from tidegate.facts.platform import Platform, cluster_source
from tidegate.facts.prices.tables import PriceBook, PriceTable
from tidegate.facts.rules.pools import machines_for, pools_for
from tidegate.facts.tenant import Tenant, replica_parts

WORKING_DAYS, QUIET_DAYS = 22, 8
"""The month of the reference business, which everything here is reckoned with, so that floors are lines of the month. AWS's calculator
takes 730 hours, 1.4 % more."""

DAYS_PER_MONTH = WORKING_DAYS + QUIET_DAYS
HOURS_PER_MONTH = DAYS_PER_MONTH * 24


@dataclass(frozen=True, slots=True)
class Floor:
    """What stands idle at the least, in all clusters."""

    gpu_cards: float
    """Fractions for slices."""
    usd_per_month: float
    """The share of machines that is kept from others, as the bill has it."""
    whole_nodes_usd_per_month: float = 0
    """The machines that are kept alive as a whole, with what nobody asks for."""

    def __add__(self, other: Floor) -> Floor:
        return Floor(
            round(self.gpu_cards + other.gpu_cards, 3),
            round(self.usd_per_month + other.usd_per_month, 2),
            round(self.whole_nodes_usd_per_month + other.whole_nodes_usd_per_month, 2),
        )


NOTHING = Floor(0, 0)


@dataclass(frozen=True, slots=True)
class Machine:
    """A kind of machine: what it is, how it is paid for, what its cards are asked for as, and how many there may be."""

    instance_type: str
    capacity: CapacityType
    resource: str = ""
    pieces: int = 0
    most: int | None = None

    def offered(self) -> dict[str, int]:
        """What pods may ask for of it: thousandths of a core, bytes and cards or their shares."""
        shape = shape_of(self.instance_type)
        assert shape, "pools name machines of the tables only"
        left = allocatable(shape)
        return {"cpu": left["cpu"], "memory": left["memory"], **({self.resource: self.pieces} if self.resource else {})}


@dataclass(frozen=True, slots=True)
class FloorPart:
    """The predictor or a companion of a served model: from `low` to `high` replicas, what one asks for, and the machine it is on."""

    name: str
    low: int
    high: int
    requests: Mapping[str, int]
    """In the units of `Machine.offered`."""
    machine: Machine

    @property
    def share(self) -> Fraction:
        """What one replica keeps from others: its largest share of anything on the machine, as the bill has it (decision 0028)."""
        offered = self.machine.offered()
        return min(max(Fraction(amount, offered[name]) for name, amount in self.requests.items()), Fraction(1))


def floor_parts(cluster: Cluster, model: ServedModel, table: PriceTable) -> Iterator[FloorPart]:
    """The parts of a served model, each on the cheapest machine of the cluster's pools that leaves room for one replica.

    Raises `PriceError` for a machine without a price, `InventoryError` when every machine with the model's card leaves too little.
    """
    parts = ["predictor", *(part for part in ("transformer", "explainer") if getattr(model, part))]
    for name, (low, high, resources) in zip(parts, replica_parts(model), strict=True):
        requests = {"cpu": round(resources.cpu * 1000), "memory": round(resources.memory_gib * 1024) * 1024**2}
        if name == "predictor" and model.accelerator:
            requests[model.accelerator.resource_name] = model.accelerator.count
            yield FloorPart(name, low, high, requests, _gpu_machine(*_pool_with_room(cluster, model), table))
        else:
            on_spot = name == "predictor" and model.capacity == "spot"
            capacity = CapacityType.SPOT if on_spot else CapacityType.ON_DEMAND
            yield FloorPart(name, low, high, requests, _cpu_machine(cluster, requests, table, capacity))


def system_machine(cluster: Cluster) -> Machine:
    """What always runs: the platform's own pods are on it."""
    return Machine(cluster.system_pool.instance_types[0], CapacityType.ON_DEMAND)


def _cpu_machine(cluster: Cluster, requests: Mapping[str, int], table: PriceTable, capacity: CapacityType) -> Machine:
    """Of the CPU pools that are paid for like this; a cluster without such pools has its system machines only."""
    pools = [pool for _, pool in sorted(cluster.cpu_pools.items()) if pool.capacity == capacity]
    offered = [(name, pool.max_cpu, CPU_SHAPES[name]) for pool in pools for name in pool.instance_types]
    large = [each for each in offered if all(room(each[2])[name] >= amount for name, amount in requests.items())]
    if not large:
        return system_machine(cluster)
    name, max_cpu, shape = min(large, key=lambda each: (table.require_usd_per_hour(each[0], capacity), each[0]))
    return Machine(name, capacity, most=max_cpu // shape.vcpus)


def _pool_with_room(cluster: Cluster, model: ServedModel) -> tuple[GpuPool, Mapping[str, InstanceShape]]:
    """The first pool by name that has such machines, as Karpenter takes it."""
    pools = pools_for(cluster, model)
    for pool in pools.values():
        if shapes := machines_for(pool, model):
            return pool, shapes
    at = f"gpu_pools.{next(iter(pools), '')}".rstrip(".")
    problem = f"no machine leaves {decimal(model.resources.cpu)} cores and {decimal(model.resources.memory_gib)} GiB beside what runs on every node"
    remedy = "add a larger instance type, or let the model ask for less"
    raise InventoryError([Finding(cluster_source(cluster.name), f"{at}.instance_types", "replica-without-machine", problem, remedy)])


def _gpu_machine(pool: GpuPool, shapes: Mapping[str, InstanceShape], table: PriceTable) -> Machine:
    """The cheapest of `shapes` however it is paid for; of equal ones what is reserved, as Karpenter takes them."""
    name, capacity = min(
        product(shapes, pool.capacity_types),
        key=lambda each: (table.require_usd_per_hour(*each), each[1] is not CapacityType.RESERVED, each[0]),
    )
    share = AcceleratorShare(accelerator=pool.accelerator, share=pool.share)
    per_card = pool.sharing.replicas if isinstance(pool.sharing, TimeSlicing) else round(1 / share.cards)
    return Machine(name, capacity, share.resource_name, shapes[name].gpus * per_card, pool.max_gpus // shapes[name].gpus)


def model_floor(cluster: Cluster, model: ServedModel, table: PriceTable) -> Floor:
    """The floor of one served model in `cluster` with the prices of `table`, companions and sidecars included.

    A card's machine is paid for once, with its cores. Raises `PriceError` for a machine without a price.
    """
    usd_per_hour = sum(
        (
            part.low * part.share * table.require_usd_per_hour(part.machine.instance_type, part.machine.capacity)
            for part in floor_parts(cluster, model, table)
        ),
        Fraction(0),
    )
    cards = model.scaling.min_replicas * model.accelerator.cards if model.accelerator else 0.0
    return Floor(round(cards, 3), round(float(usd_per_hour * HOURS_PER_MONTH), 2))


def tenant_floor(tenant: Tenant, clusters: Mapping[str, Cluster], book: PriceBook) -> Floor:
    """The floor of all of a tenant's models in all its clusters."""
    of = [clusters[name] for name in tenant.clusters]
    return sum((model_floor(cluster, model, book.table(cluster.region)) for cluster in of for model in tenant.models.values()), NOTHING)


def warm_floor(platform: Platform, book: PriceBook) -> Floor:
    """The cards that GPU pools keep warm for anybody."""
    return sum(
        (_warm(pool, book.table(cluster.region)) for cluster in platform.clusters.values() for pool in cluster.gpu_pools.values()), NOTHING
    )


def _warm(pool: GpuPool, table: PriceTable) -> Floor:
    shapes = {name: instance_shapes(pool.accelerator)[name] for name in pool.instance_types}
    machine = _gpu_machine(pool, shapes, table)
    usd_per_hour = table.require_usd_per_hour(machine.instance_type, machine.capacity) / shapes[machine.instance_type].gpus
    return Floor(pool.warm_floor_gpus, round(float(pool.warm_floor_gpus * usd_per_hour * HOURS_PER_MONTH), 2))
