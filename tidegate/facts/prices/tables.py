"""What an hour of a node costs, by region, instance type and how it is paid for. Exact fractions: sums of them must agree to the cent.

The prices are data, `clusters/prices/<AWS region>.yaml`, each table with its source and day (`tidegate cost prices`). A region without a
table of its own has the list price of us-east-1, and whoever shows it says so. A type that is in no table has no price, and no price is a
finding, never zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from tidegate.errors import Finding, PriceError
from tidegate.facts.cluster import AwsRegion, CapacityType, Cluster
from tidegate.facts.fact import Fact, refuse
from tidegate.facts.nodes.node_shapes import CPU_SHAPES, InstanceType, known_instance_types
from tidegate.facts.numerals import decimal

LIST_REGION = "us-east-1"
"""The region whose list prices stand in where a region has no table."""

SPOT_SHARE_OF_ON_DEMAND = 0.4
"""What a spot hour costs of an on-demand hour where no spot price was read: a planning figure; the long-run mean of the GPU sizes used
here lies between 0.3 and 0.5."""

OLD_DAYS = 180
"""After so many days a table is a finding: AWS changes prices of single types about twice a year."""

EMBEDDED_INSTANCE_TYPE = "embedded"
"""What the node of an embedded region calls itself (`clusters/embedded/node/programs.yaml`)."""

_STANDS_FOR = {EMBEDDED_INSTANCE_TYPE: "m7i.xlarge"}
"""Whatever machine this is, it stands for the first of the system pool."""


def _day_of_the_calendar(day: str) -> str:
    try:
        date.fromisoformat(day)
    except ValueError:
        raise refuse("no-such-day", "the calendar has no such day", "write the day as it is on the source, such as 2026-07-06") from None
    return day


Day = Annotated[
    str, StringConstraints(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"), AfterValidator(_day_of_the_calendar)
]
"""A day, such as "2026-07-06"."""

USD_DIGITS = 6
"""Digits behind the point that a table keeps, as AWS's list has them."""

Usd = Annotated[float, Field(ge=10**-USD_DIGITS, le=1_000_000)]
"""Dollars of an hour; the least is the smallest that a table can write."""


class PriceTable(Fact):
    """US dollars for an hour of a machine in one region. The file is `clusters/prices/<AWS region>.yaml`."""

    region: AwsRegion
    source: Annotated[str, StringConstraints(min_length=10, max_length=200)]
    """Where the prices were read."""
    published_on: Day
    """The day on which the source was made."""
    on_demand: Annotated[dict[InstanceType, Usd], Field(min_length=1)]
    spot: dict[InstanceType, Usd] = Field(default_factory=dict[str, float])
    """Spot prices where somebody read them; others are `SPOT_SHARE_OF_ON_DEMAND` of the price on demand."""
    spot_seen_on: Day | None = None
    """The day of the spot prices."""

    @model_validator(mode="after")
    def _spot_is_dated_and_cheaper(self) -> Self:
        if bool(self.spot) != (self.spot_seen_on is not None):
            at, lacking = ("spot", "spot_seen_on") if self.spot else ("spot_seen_on", "spot")
            raise refuse("spot-undated", f"stands without {lacking}", f"add {lacking}, or remove {at}", at=at)
        for name, usd in self.spot.items():
            if usd > self.on_demand.get(name, 0):
                problem = "is above the price on demand" if name in self.on_demand else "has no price on demand beside it"
                raise refuse("spot-above-on-demand", problem, "write the price of an hour, or remove it", at=f"spot.{name}", value=usd)
        return self

    def has(self, instance_type: str) -> bool:
        """Whether it has a price."""
        return instance_type in self.on_demand

    def usd_per_hour(self, instance_type: str, capacity: CapacityType) -> Fraction | None:
        """The exact price of an hour; None when the table has none."""
        name = _STANDS_FOR.get(instance_type, instance_type)
        if (on_demand := self.on_demand.get(name)) is None:
            return None
        # A capacity reservation is paid like on-demand, used or not; what lies unused without a node is not on a node's bill.
        if capacity is not CapacityType.SPOT:
            return Fraction(str(on_demand))
        spot = self.spot.get(name)
        return Fraction(str(on_demand)) * Fraction(str(SPOT_SHARE_OF_ON_DEMAND)) if spot is None else Fraction(str(spot))

    def require_usd_per_hour(self, instance_type: str, capacity: CapacityType) -> Fraction:
        """The same. Raises `PriceError` when the table has none: nothing is reckoned as if it cost nothing."""
        if (usd := self.usd_per_hour(instance_type, capacity)) is None:
            raise PriceError([
                Finding(
                    price_source(self.region), f"on_demand.{instance_type}", "price-missing-in-region",
                    "is not there, and a rendered pool may bring this machine", UNPRICED_REMEDY,
                )
            ])  # fmt: skip
        return usd


UNPRICED_REMEDY = "read the region's prices again with `tidegate cost prices refresh`, or name another machine"


def _read_again(region: str) -> str:
    if region == LIST_REGION:
        return "read it again with `tidegate cost prices refresh`"
    return "read it again with `tidegate cost prices refresh --offer-file <index.json of the region>`"


@dataclass(frozen=True, slots=True)
class PriceBook:
    """The tables of all regions; that of us-east-1 is always there."""

    tables: Mapping[str, PriceTable]

    def table(self, region: str = LIST_REGION) -> PriceTable:
        """That of a region, or the list prices of us-east-1."""
        return self.tables.get(region, self.tables[LIST_REGION])

    def described(self, region: str) -> str:
        """One line for who reads prices of `region`: whose they are, from where and of which day."""
        table = self.table(region)
        spot = f"spot of {table.spot_seen_on}" if table.spot_seen_on else f"spot reckoned as {decimal(SPOT_SHARE_OF_ON_DEMAND)} of it"
        return f"{region}: {table.region} list price of {table.published_on} ({table.source}), {spot}"

    def findings(self, today: date) -> Iterator[Finding]:
        """Tables that are too old to plan with, or of a day that has not come."""
        for region, table in sorted(self.tables.items()):
            yield from age_findings(price_source(region), "published_on", table.published_on, today, _read_again(region))
            if table.spot_seen_on:
                yield from age_findings(price_source(region), "spot_seen_on", table.spot_seen_on, today, "read it again with --spot-file")


@dataclass(frozen=True, slots=True)
class Tariff:
    """Prices by cluster."""

    book: PriceBook
    regions: Mapping[str, str] = field(default_factory=dict[str, str])
    """The AWS region of each cluster; one that is not named has the list prices."""

    def usd_per_hour(self, cluster: str, instance_type: str, capacity: CapacityType) -> Fraction | None:
        """The exact price of an hour of a machine of `cluster`; None when no table has one."""
        return self.book.table(self.regions.get(cluster, LIST_REGION)).usd_per_hour(instance_type, capacity)

    def described(self, clusters: tuple[str, ...]) -> list[str]:
        """A line for each cluster: whose prices it has."""
        return [f"{cluster}, {self.book.described(self.regions.get(cluster, LIST_REGION))}" for cluster in clusters]


def tariff_of(book: PriceBook, clusters: Mapping[str, Cluster]) -> Tariff:
    """The prices of these clusters."""
    return Tariff(book, {name: cluster.region for name, cluster in clusters.items()})


def price_source(region: str) -> str:
    """The file of a region's prices, relative to the repository."""
    return f"clusters/prices/{region}.yaml"


def age_findings(source: str, path: str, day: str, today: date, remedy: str) -> Iterator[Finding]:
    """A finding when `day` is more than `OLD_DAYS` before `today`, or after tomorrow: then it would not grow old in time."""
    age = today - date.fromisoformat(day)
    if age < timedelta(days=-1):  # tomorrow has begun somewhere
        yield Finding(source, path, "prices-from-the-future", f"is {-age.days} days from now, and no price is", remedy, day)
    if age > timedelta(days=OLD_DAYS):
        yield Finding(source, path, "prices-old", f"is {age.days} days ago, prices are planned with for {OLD_DAYS}", remedy, day)


def price_findings(cluster: Cluster, source: str) -> Iterator[Finding]:
    """Machines of the system pool that nobody could be billed for; those of other pools are in the table, or no pool can name them."""
    known = frozenset(known_instance_types())
    for index, instance_type in enumerate(cluster.system_pool.instance_types):
        if instance_type not in known:
            yield Finding(
                source, f"system_pool.instance_types[{index}]", "price-missing", "has no price, so its cost is unknown",
                f"use one of {', '.join(sorted(CPU_SHAPES))}", instance_type,
            )  # fmt: skip
