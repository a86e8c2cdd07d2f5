"""What the inventory costs at the least, in planning figures: the floors, around the clock.

Floors are what is paid for even when nobody calls. Prices are US dollars on demand in us-east-1 as published on
2025-06-15; they make a pull request's difference visible and are no forecast of a bill.
"""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.nodes.accelerators import card_usd_per_hour
from tidegate.facts.platform import Platform
from tidegate.facts.prices import SPOT_SHARE_OF_ON_DEMAND
from tidegate.facts.tenant import Tenant, replica_parts

HOURS_PER_MONTH = 730
"""365 days of 24 hours over 12 months."""

CPU_USD_PER_HOUR = 0.0336
MEMORY_GIB_USD_PER_HOUR = 0.0042
"""An m7i.xlarge (4 vCPU, 16 GiB, 0.2016 USD) split two thirds to its cores and one third to its memory."""


@dataclass(frozen=True, slots=True)
class Floor:
    """What stands idle at the least: GPU cards (fractions for slices) and US dollars per month, in all clusters."""

    gpu_cards: float
    usd_per_month: float

    def __add__(self, other: Floor) -> Floor:
        return Floor(round(self.gpu_cards + other.gpu_cards, 3), round(self.usd_per_month + other.usd_per_month, 2))


NOTHING = Floor(0, 0)


def model_floor(model: ServedModel, clusters: int) -> Floor:
    """The floor of one served model in `clusters` clusters, companions and sidecars included."""
    usd_per_hour = sum(
        low * (resources.cpu * CPU_USD_PER_HOUR + resources.memory_gib * MEMORY_GIB_USD_PER_HOUR)
        for low, _high, resources in replica_parts(model)
    )
    cards = 0.0
    if model.accelerator:
        cards = model.scaling.min_replicas * model.accelerator.cards
        usd_per_hour += cards * card_usd_per_hour(model.accelerator.accelerator)
    if model.capacity == "spot":
        usd_per_hour *= SPOT_SHARE_OF_ON_DEMAND
    return Floor(round(cards * clusters, 3), round(usd_per_hour * HOURS_PER_MONTH * clusters, 2))


def tenant_floor(tenant: Tenant) -> Floor:
    """The floor of all of a tenant's models in all its clusters."""
    return sum((model_floor(model, len(tenant.clusters)) for model in tenant.models.values()), NOTHING)


def warm_floor(platform: Platform) -> Floor:
    """The cards that GPU pools keep warm for anybody."""
    return sum(
        (
            Floor(pool.warm_floor_gpus, round(pool.warm_floor_gpus * card_usd_per_hour(pool.accelerator) * HOURS_PER_MONTH, 2))
            for cluster in platform.clusters.values()
            for pool in cluster.gpu_pools.values()
        ),
        NOTHING,
    )
