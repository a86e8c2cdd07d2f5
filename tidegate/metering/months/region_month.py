"""A month of one region at list prices: the simulated days' machines and all that is beside them, line by line, to the cent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from tidegate.facts.cluster import CapacityType
from tidegate.facts.money import HOURS_PER_MONTH, QUIET_DAYS, WORKING_DAYS
from tidegate.facts.nodes.node_shapes import shape_of
from tidegate.facts.platform import Platform
from tidegate.facts.prices.services import ServicePrices
from tidegate.facts.prices.tables import Tariff
from tidegate.metering.billing.bill import US_PER_HOUR, to_cents
from tidegate.metering.business_day import BUSINESS_DAY, QUIET_DAY
from tidegate.metering.costs import SIMULATED_MIDNIGHT_MS, metered_day
from tidegate.metering.months.services import Quantity, Usage, network, observability_and_the_rest
from tidegate.metering.pretended_region import PretendedDay

GPU, CPU, NETWORK, REST = "GPU", "CPU", "control, network and mesh", "observability and the rest"

REFERENCE_USD = {GPU: 6000, CPU: 3000, NETWORK: 2000, REST: 2500}
"""A month of one region in the reference example that this platform is compared with; 13,500 USD together."""


@dataclass(frozen=True, slots=True)
class PlanPrices:
    """Of machines, and of everything else."""

    tariff: Tariff
    services: ServicePrices


@dataclass(frozen=True, slots=True)
class MonthLine:
    """One line of the month."""

    group: str
    what: str
    amount: float
    per: str
    usd_each: float
    usd_cents: int
    source: str


@dataclass(frozen=True, slots=True)
class RegionMonth:
    """`lines` add up to `usd_cents`."""

    region: str
    seed: int
    calls: int
    lines: tuple[MonthLine, ...]
    usd_cents: int

    @property
    def headroom_percent(self) -> float:
        """How much dearer everything could be before the month costs what the reference does; below zero when it already does."""
        return round((sum(REFERENCE_USD.values()) * 100 / self.usd_cents - 1) * 100, 1)

    def group_cents(self, group: str) -> int:
        """What the lines of a group come to."""
        return sum(line.usd_cents for line in self.lines if line.group == group)


def region_month(platform: Platform, region: str, seed: int, folder: Path, prices: PlanPrices) -> RegionMonth:
    """22 working and 8 quiet days of `region`, metered into ledgers below `folder`. Raises `UsageError` for an unknown region."""
    days = [
        (count, metered_day(platform, PretendedDay(region, seed, SIMULATED_MIDNIGHT_MS, load), folder / name, prices.tariff.book))
        for name, count, load in (("working", WORKING_DAYS, BUSINESS_DAY), ("quiet", QUIET_DAYS, QUIET_DAY))
    ]
    cluster = platform.clusters[region]
    hours: Counter[tuple[str, CapacityType]] = Counter()
    for count, entries in days:
        for entry in entries:
            for time in entry.nodes:
                hours[time.instance_type, time.capacity] += count * time.node_us
    calls = sum(count * one.requests for count, entries in days for entry in entries for one in entry.requests)
    system = Fraction(cluster.system_pool.min_nodes * HOURS_PER_MONTH)
    usage = Usage(calls, Fraction(sum(hours.values()), US_PER_HOUR) - system, system)
    exact = [
        *sorted(_machines(hours, region, prices.tariff), key=lambda each: each.group != GPU),
        *_priced(NETWORK, network(cluster, usage), prices.services),
        *_priced(REST, observability_and_the_rest(usage), prices.services),
    ]
    usd = [each.amount * each.usd_each for each in exact]
    usd_cents = round(sum(usd, Fraction(0)) * 100)
    lines = tuple(
        MonthLine(each.group, each.what, round(float(each.amount), 2), each.per, float(each.usd_each), cents, each.source)
        for each, cents in zip(exact, to_cents(usd, usd_cents), strict=True)
    )
    return RegionMonth(region, seed, calls, lines, usd_cents)


@dataclass(frozen=True, slots=True)
class _Exact:
    group: str
    what: str
    amount: Fraction
    per: str
    usd_each: Fraction
    source: str


def _machines(hours: Counter[tuple[str, CapacityType]], region: str, tariff: Tariff) -> Iterator[_Exact]:
    table = tariff.book.table(tariff.regions[region])
    for (instance_type, capacity), node_us in sorted(hours.items()):
        shape, usd = shape_of(instance_type), table.usd_per_hour(instance_type, capacity)
        assert shape, "pools name machines of the tables only"
        assert usd is not None, f"{instance_type} has no price"
        source = f"{table.region} list price of {table.published_on}"
        yield _Exact(GPU if shape.gpus else CPU, f"{instance_type}, {capacity.value}", Fraction(node_us, US_PER_HOUR), "hour", usd, source)


def _priced(group: str, quantities: Iterable[Quantity], services: ServicePrices) -> Iterator[_Exact]:
    for one in quantities:
        price = services.price(one.price)
        source = f"us-east-1 list price, {price.source}, {price.seen_on}"
        yield _Exact(group, one.what, one.amount, price.per, Fraction(str(price.usd)), source)
