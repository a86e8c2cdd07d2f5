"""The replicas that a pretended region is asked for: of which model, how large, on which machine, and how many just now."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tidegate.facts.cluster import CapacityType, Cluster, TimeSlicing
from tidegate.facts.models.scaling import Scaling
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.nodes.accelerators import AcceleratorShare, InstanceShape, instance_shapes
from tidegate.facts.nodes.node_shapes import allocatable, shape_of
from tidegate.facts.platform import Platform
from tidegate.facts.prices.tables import PriceTable
from tidegate.facts.rules.pools import pools_for
from tidegate.facts.tenant import Tenant, replica_parts
from tidegate.metering.billing.events import CPU, MEMORY, BilledPod

STEP_SECONDS = 30
"""How often anything is decided."""

DAEMONS = {CPU: 150, MEMORY: 256}
"""What the platform runs on every node: the mesh's plugin, metrics."""

STABLE_STEPS = 2
"""Knative's window of 60 s over which concurrency is averaged."""


@dataclass(frozen=True, slots=True)
class PricedMachine:
    """A kind of machine: what it is, how it is paid for, what its cards are asked for as, and how many there may be."""

    instance_type: str
    capacity: CapacityType
    resource: str = ""
    pieces: int = 0
    most: int | None = None


@dataclass(slots=True)
class Replica:
    """One replica: `pod` is None until its machine takes pods."""

    uid: str
    machine: str
    pod: BilledPod | None = None
    taken: int = 0
    """Requests."""


@dataclass(slots=True)
class Group:
    """The replicas of one part of a model."""

    tenant: Tenant
    model: str
    part: str
    low: int
    high: int
    requests: dict[str, int]
    machine: PricedMachine
    scaling: Scaling
    wanted: int = 0
    replicas: list[Replica] = field(default_factory=list[Replica])
    waiting_calls: int = 0
    _recent: deque[float] = field(default_factory=lambda: deque[float](maxlen=STABLE_STEPS))
    _quiet_seconds: int | None = None

    @property
    def name(self) -> str:
        """`<tenant>/<model>`."""
        return f"{self.tenant.name}/{self.model}"

    def decide(self, concurrency: float, *, called: bool) -> None:
        """How many replicas there should be, from the calls in flight; companions keep their floor."""
        self._recent.append(concurrency)
        if called:
            self._quiet_seconds = 0
        elif self._quiet_seconds is not None:
            self._quiet_seconds += STEP_SECONDS
        needed = math.ceil(sum(self._recent) / len(self._recent) / self.scaling.concurrency_target)
        if self._quiet_seconds is not None and self._quiet_seconds < self.scaling.idle_seconds:
            needed = max(needed, 1)
        self.wanted = min(max(needed if self.part == "predictor" else 0, self.low), self.high)


def groups_of(platform: Platform, cluster: Cluster, table: PriceTable) -> list[Group]:
    """All parts of all models of a cluster, by tenant and model, each on the cheapest machine of its pool."""
    return [
        group
        for tenant in platform.tenants_of(cluster.name)
        for name, model in sorted(tenant.models.items())
        for group in _groups(cluster, tenant, name, model, table)
    ]


def _groups(cluster: Cluster, tenant: Tenant, name: str, model: ServedModel, table: PriceTable) -> Iterator[Group]:
    parts = ["predictor", *(part for part in ("transformer", "explainer") if getattr(model, part))]
    for part, (low, high, resources) in zip(parts, replica_parts(model), strict=True):
        requests = {CPU: round(resources.cpu * 1000), MEMORY: round(resources.memory_gib * 1024)}
        on_spot = part == "predictor" and model.capacity == "spot"
        machine = _cpu_machine(cluster, requests, table, CapacityType.SPOT if on_spot else CapacityType.ON_DEMAND)
        if part == "predictor" and model.accelerator:
            requests[model.accelerator.resource_name] = model.accelerator.count
            machine = _gpu_machine(cluster, model, table)
        yield Group(tenant, name, part, low, high, requests, machine, model.scaling)


def system_machine(cluster: Cluster) -> PricedMachine:
    """What always runs: the platform's own pods are on it."""
    return PricedMachine(cluster.system_pool.instance_types[0], CapacityType.ON_DEMAND)


def _cpu_machine(cluster: Cluster, requests: Mapping[str, int], table: PriceTable, capacity: CapacityType) -> PricedMachine:
    """The cheapest machine of the CPU pools that can hold one replica; a cluster without such pools has its system machines only."""
    pools = [pool for _, pool in sorted(cluster.cpu_pools.items()) if pool.capacity == capacity]
    offered = [(name, pool.max_cpu) for pool in pools for name in pool.instance_types]
    known = [(name, max_cpu, shape) for name, max_cpu in offered if (shape := shape_of(name))]
    large = [each for each in known if all(room(each[2]).get(name, 0) >= amount for name, amount in requests.items())]
    if not large:
        return system_machine(cluster)
    name, max_cpu, shape = min(large, key=lambda each: (table.usd_per_hour(each[0], capacity) or 0, each[0]))
    return PricedMachine(name, capacity, most=max_cpu // shape.vcpus)


def room(shape: InstanceShape) -> dict[str, int]:
    """What a machine leaves to pods beside the platform's own on every node, in the units of `Amounts`."""
    left = allocatable(shape)
    return {CPU: left["cpu"] - DAEMONS[CPU], MEMORY: left["memory"] // 1024**2 - DAEMONS[MEMORY]}


def _gpu_machine(cluster: Cluster, model: ServedModel, table: PriceTable) -> PricedMachine:
    """The cheapest machine of the first pool that can host the model, paid for in the first way that the pool names."""
    pool = next(iter(pools_for(cluster, model).values()))
    capacity = pool.capacity_types[0]
    shapes = {name: instance_shapes(pool.accelerator)[name] for name in pool.instance_types}
    instance_type, shape = min(shapes.items(), key=lambda item: (table.usd_per_hour(item[0], capacity) or 0, item[0]))
    share = AcceleratorShare(accelerator=pool.accelerator, share=pool.share)
    per_card = pool.sharing.replicas if isinstance(pool.sharing, TimeSlicing) else round(1 / share.cards)
    return PricedMachine(instance_type, capacity, share.resource_name, shape.gpus * per_card, pool.max_gpus // shape.gpus)
