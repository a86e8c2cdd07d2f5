"""What AWS takes for what is no machine: control planes, gateways, traffic, disks, logs. The file is `clusters/prices/services/us-east-1.yaml`.

Other regions have these prices, too, until somebody needs better: they are a tenth of a month.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from tidegate.errors import Finding
from tidegate.facts.fact import Fact, refuse
from tidegate.facts.prices.tables import Day, age_findings

SERVICE_PRICES = "clusters/prices/services/us-east-1.yaml"
"""Relative to the repository."""


UNITS = {
    "control_plane": "hour", "nat_gateway": "hour", "nat_traffic": "GB", "public_address": "hour", "interface_endpoint": "zone and hour",
    "interface_endpoint_traffic": "GB", "load_balancer": "hour", "load_balancer_capacity": "unit and hour",
    "traffic_between_zones": "GB, 0.01 on each side", "traffic_out": "GB", "traffic_between_regions": "GB", "name_zone": "month",
    "health_check": "month, HTTPS outside AWS", "key": "month", "disk": "GB and month, gp3", "logs_taken": "GB", "logs_kept": "GB and month",
    "objects": "GB and month",
}  # fmt: skip
"""What each price is reckoned per (tidegate/metering/months/services.py)."""


class ServicePrice(Fact):
    """One price, with its source and the day on which somebody looked."""

    usd: Annotated[float, Field(gt=0, le=1000)]
    per: Annotated[str, StringConstraints(min_length=2, max_length=40)]
    source: Annotated[str, StringConstraints(pattern=r"^https://[a-z0-9./-]+$")]
    seen_on: Day


class ServicePrices(Fact):
    """One price for each thing that a region has beside its machines."""

    control_plane: ServicePrice
    nat_gateway: ServicePrice
    nat_traffic: ServicePrice
    public_address: ServicePrice
    interface_endpoint: ServicePrice
    interface_endpoint_traffic: ServicePrice
    load_balancer: ServicePrice
    load_balancer_capacity: ServicePrice
    traffic_between_zones: ServicePrice
    traffic_out: ServicePrice
    traffic_between_regions: ServicePrice
    name_zone: ServicePrice
    health_check: ServicePrice
    key: ServicePrice
    disk: ServicePrice
    logs_taken: ServicePrice
    logs_kept: ServicePrice
    objects: ServicePrice

    @model_validator(mode="after")
    def _units_are_those_reckoned_with(self) -> Self:
        for name, unit in UNITS.items():
            if (written := self.price(name).per) != unit:
                raise refuse(
                    "service-price-unit", f"is reckoned per {unit}", f"write the price per {unit}", at=f"{name}.per", value=written
                )
        return self

    def price(self, name: str) -> ServicePrice:
        """The price of that name."""
        price = getattr(self, name)
        assert isinstance(price, ServicePrice), name
        return price

    def findings(self, today: date) -> Iterator[Finding]:
        """Prices that nobody has looked at for too long, or that somebody will have seen."""
        for name in type(self).model_fields:
            yield from age_findings(SERVICE_PRICES, f"{name}.seen_on", self.price(name).seen_on, today, "look again, and write the day")
