"""What an hour of a node costs, by instance type and by how it is paid for. Exact fractions: sums of them must agree to the cent.

Machines with cards are in `nodes.accelerators`, those without in `nodes.node_shapes`, with the same source and day. A type that is in
neither table has no price, and no price is a finding, never zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction

from tidegate.errors import Finding
from tidegate.facts.cluster import CapacityType, Cluster
from tidegate.facts.nodes.accelerators import Accelerator, InstanceShape, instance_shapes
from tidegate.facts.nodes.node_shapes import CPU_SHAPES

PRICES_OF = date(2025, 6, 15)
"""The day whose list prices these are: US dollars on demand in us-east-1."""

SPOT_SHARE_OF_ON_DEMAND = 0.4
"""What a spot hour costs of an on-demand hour; the long-run mean of the GPU sizes used here lies between 0.3 and 0.5."""

EMBEDDED_INSTANCE_TYPE = "embedded"
"""What the node of an embedded region calls itself (`clusters/embedded/node/programs.yaml`)."""

_WITHOUT_CARDS: Mapping[str, InstanceShape] = {
    **CPU_SHAPES,
    # Whatever machine this is, it stands for the first of the system pool.
    EMBEDDED_INSTANCE_TYPE: CPU_SHAPES["m7i.xlarge"],
}

_SHARE_OF_ON_DEMAND: Mapping[CapacityType, Fraction] = {
    CapacityType.ON_DEMAND: Fraction(1),
    # A capacity reservation is paid like on-demand, used or not; what lies unused without a node is not on a node's bill.
    CapacityType.RESERVED: Fraction(1),
    CapacityType.SPOT: Fraction(str(SPOT_SHARE_OF_ON_DEMAND)),
}


def priced_shapes() -> dict[str, InstanceShape]:
    """Every machine that has a price, by instance type."""
    with_cards = {name: shape for accelerator in Accelerator for name, shape in instance_shapes(accelerator).items()}
    return {**_WITHOUT_CARDS, **with_cards}


def usd_per_hour(instance_type: str, capacity: CapacityType) -> Fraction | None:
    """The exact price of an hour; None when the table has none."""
    shape = priced_shapes().get(instance_type)
    return Fraction(str(shape.usd_per_hour)) * _SHARE_OF_ON_DEMAND[capacity] if shape else None


def price_findings(cluster: Cluster, source: str) -> Iterator[Finding]:
    """Machines of the system pool that nobody could be billed for; those of GPU pools are in the table, or no pool can name them."""
    shapes = priced_shapes()
    for index, instance_type in enumerate(cluster.system_pool.instance_types):
        if instance_type not in shapes:
            yield Finding(
                source, f"system_pool.instance_types[{index}]", "price-missing", "has no price, so its cost is unknown",
                "add it to tidegate/facts/nodes/node_shapes.py", instance_type,
            )  # fmt: skip
