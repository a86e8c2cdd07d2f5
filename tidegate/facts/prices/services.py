"""What AWS takes for what is no machine: control planes, gateways, traffic, disks, logs. The file is `clusters/prices/services/us-east-1.yaml`.

Other regions have these prices, too, until somebody needs better: they are a tenth of a month.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated

from pydantic import Field, StringConstraints

from tidegate.errors import Finding
from tidegate.facts.fact import Fact
from tidegate.facts.prices.tables import Day, age_findings

SERVICE_PRICES = "clusters/prices/services/us-east-1.yaml"
"""Relative to the repository."""


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

    def price(self, name: str) -> ServicePrice:
        """The price of that name."""
        price = getattr(self, name)
        assert isinstance(price, ServicePrice), name
        return price

    def findings(self, today: date) -> Iterator[Finding]:
        """Prices that nobody has looked at for too long, or that somebody will have seen."""
        for name in type(self).model_fields:
            yield from age_findings(SERVICE_PRICES, f"{name}.seen_on", self.price(name).seen_on, today, "look again, and write the day")
