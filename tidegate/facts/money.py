"""What the inventory costs at the least: the floors, around the clock, by the share of machines that they ask for.

Floors are what is paid for even when nobody calls. The machines that they keep alive as a whole are counted by
`tidegate.manifests.fit.standing`, from what is rendered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.facts.cluster import CapacityType, Cluster
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.nodes.accelerators import Accelerator, ReplicaResources, instance_shapes
from tidegate.facts.platform import Platform
from tidegate.facts.prices.tables import PriceBook, PriceTable
from tidegate.facts.tenant import Tenant, replica_parts

WORKING_DAYS, QUIET_DAYS = 22, 8
"""The month of the reference business, which everything here is reckoned with, so that floors are lines of the month. AWS's calculator
takes 730 hours, 1.4 % more."""

DAYS_PER_MONTH = WORKING_DAYS + QUIET_DAYS
HOURS_PER_MONTH = DAYS_PER_MONTH * 24

_PLAIN, _PLAIN_VCPUS, _PLAIN_GIB, _CORES_SHARE = "m7i.xlarge", 4, 16, 2 / 3
"""A core and a GiB outside of a card's machine are priced as parts of this one: two thirds to its cores, the rest to its memory."""


@dataclass(frozen=True, slots=True)
class Floor:
    """What stands idle at the least, in all clusters."""

    gpu_cards: float
    """Fractions for slices."""
    usd_per_month: float
    """The share of machines that is asked for."""
    whole_nodes_usd_per_month: float = 0
    """The machines that are kept alive as a whole, with what nobody asks for."""

    def __add__(self, other: Floor) -> Floor:
        return Floor(
            round(self.gpu_cards + other.gpu_cards, 3),
            round(self.usd_per_month + other.usd_per_month, 2),
            round(self.whole_nodes_usd_per_month + other.whole_nodes_usd_per_month, 2),
        )


NOTHING = Floor(0, 0)


def model_floor(model: ServedModel, table: PriceTable) -> Floor:
    """The floor of one served model in one cluster with the prices of `table`, companions and sidecars included."""
    capacity = CapacityType.SPOT if model.capacity == "spot" else CapacityType.ON_DEMAND
    (floor, _, predictor), *companions = replica_parts(model)
    usd_per_hour = floor * _plain_usd_per_hour(predictor, table, capacity)
    usd_per_hour += sum(low * _plain_usd_per_hour(resources, table, CapacityType.ON_DEMAND) for low, _high, resources in companions)
    cards = 0.0
    if model.accelerator:
        cards = model.scaling.min_replicas * model.accelerator.cards
        usd_per_hour += cards * card_usd_per_hour(model.accelerator.accelerator, table, capacity)
    return Floor(round(cards, 3), round(usd_per_hour * HOURS_PER_MONTH, 2))


def _plain_usd_per_hour(resources: ReplicaResources, table: PriceTable, capacity: CapacityType) -> float:
    """What cores and memory cost as a part of a plain machine."""
    plain = float(table.usd_per_hour(_PLAIN, capacity) or 0)
    core, gib = plain * _CORES_SHARE / _PLAIN_VCPUS, plain * (1 - _CORES_SHARE) / _PLAIN_GIB
    return resources.cpu * core + resources.memory_gib * gib


def card_usd_per_hour(accelerator: Accelerator, table: PriceTable, capacity: CapacityType = CapacityType.ON_DEMAND) -> float:
    """The least price of one card: that of its cheapest machine divided by its cards."""
    return min(float(table.usd_per_hour(name, capacity) or 0) / shape.gpus for name, shape in instance_shapes(accelerator).items())


def tenant_floor(tenant: Tenant, clusters: Mapping[str, Cluster], book: PriceBook) -> Floor:
    """The floor of all of a tenant's models in all its clusters."""
    tables = [book.table(clusters[name].region) for name in tenant.clusters]
    return sum((model_floor(model, table) for table in tables for model in tenant.models.values()), NOTHING)


def warm_floor(platform: Platform, book: PriceBook) -> Floor:
    """The cards that GPU pools keep warm for anybody."""
    return sum(
        (
            Floor(
                pool.warm_floor_gpus,
                round(pool.warm_floor_gpus * card_usd_per_hour(pool.accelerator, book.table(cluster.region)) * HOURS_PER_MONTH, 2),
            )
            for cluster in platform.clusters.values()
            for pool in cluster.gpu_pools.values()
        ),
        NOTHING,
    )
