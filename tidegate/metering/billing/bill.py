"""Puts prices to ledger entries: who pays how much of the node bill, to the cent.

Sums are exact fractions. They are rounded once, all rows together, by largest remainders, so that rows add up to the bill.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from tidegate.facts.cluster import CapacityType
from tidegate.facts.prices.tables import Tariff
from tidegate.metering.billing.allotment import Owner, Reason, apportion
from tidegate.metering.billing.entries import LedgerEntry, NodeTime, Use

US_PER_HOUR = 3_600_000_000
_MS_PER_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Row:
    """What one owner, model, capacity type and reason come to."""

    owner: Owner
    tenant: str
    model: str
    capacity: CapacityType
    reason: Reason
    gpu_hours: float
    """Hours of whole cards."""
    node_hours: float
    cpu_core_hours: float
    """Asked for, used or not; of idle rows what nobody asked for."""
    memory_gib_hours: float
    usd_cents: int


@dataclass(frozen=True, slots=True)
class Sum:
    """All rows of one tenant, or what is shared or idle."""

    owner: Owner
    tenant: str
    gpu_hours: float
    cpu_core_hours: float
    memory_gib_hours: float
    requests: int
    usd_cents: int


@dataclass(frozen=True, slots=True)
class Bill:
    """A region's or several regions' nodes over a time. `rows` add up to `usd_cents`, and so do `sums`."""

    rows: tuple[Row, ...]
    sums: tuple[Sum, ...]
    """Tenants by name, then shared, then idle."""
    requests: tuple[tuple[str, str, int], ...]
    """Tenant, model, requests."""
    unwatched_seconds: int
    """How long nobody looked; nodes that came and went meanwhile are in nobody's bill."""
    usd_cents: int


def unpriced(entries: Iterable[LedgerEntry], tariff: Tariff) -> dict[str, int]:
    """Entries (by their number from 0, the first of each) whose nodes have no price, by instance type."""
    missing: dict[str, int] = {}
    for number, entry in enumerate(entries):
        for time in entry.nodes:
            if time.node_us and tariff.usd_per_hour(entry.region, time.instance_type, time.capacity) is None:
                missing.setdefault(time.instance_type, number)
    return missing


def make_bill(entries: Sequence[LedgerEntry], tariff: Tariff) -> Bill:
    """The bill of all entries at the prices of their regions. Every instance type in them must have a price (`unpriced`)."""
    groups: dict[tuple[Owner, str, str, CapacityType, Reason], list[tuple[str, Use]]] = defaultdict(list)
    for entry in entries:
        for use in entry.uses:
            groups[use.owner, use.tenant, use.model, use.capacity, use.reason].append((entry.region, use))
    keys = sorted(groups, key=lambda key: (list(Owner).index(key[0]), *key[1:]))
    total = cost(((entry.region, time) for entry in entries for time in entry.nodes), tariff)
    costs = [cost(groups[key], tariff) for key in keys]
    assert sum(costs, Fraction(0)) == total, "entries are validated to add up"
    usd_cents = round(total * 100)
    rows = tuple(_row(key, [use for _, use in groups[key]], cents) for key, cents in zip(keys, to_cents(costs, usd_cents), strict=True))
    requests: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        for counted in entry.requests:
            requests[counted.tenant, counted.model] += counted.requests
    by_model = tuple((*model, count) for model, count in sorted(requests.items()))
    unwatched_ms = sum(entry.unwatched_ms for entry in entries)
    return Bill(rows, tuple(_sums(rows, by_model)), by_model, round(unwatched_ms / 1000), usd_cents)


def cost(times: Iterable[tuple[str, NodeTime]], tariff: Tariff) -> Fraction:
    """US dollars, exactly, of times with the region they belong to."""
    total: Counter[tuple[str, str, CapacityType]] = Counter()
    for region, time in times:
        total[region, time.instance_type, time.capacity] += time.node_us
    return sum((_priced(tariff, *kind) * node_us / US_PER_HOUR for kind, node_us in total.items()), Fraction(0))


def _priced(tariff: Tariff, region: str, instance_type: str, capacity: CapacityType) -> Fraction:
    price = tariff.usd_per_hour(region, instance_type, capacity)
    assert price is not None, f"{instance_type} has no price"
    return price


def to_cents(usd: Sequence[Fraction], total_cents: int) -> list[int]:
    """Each amount in cents, adding up to `total_cents`."""
    denominator = lcm(*(amount.denominator for amount in usd))
    weights = [int(amount * denominator) for amount in usd]
    return apportion(total_cents, weights) if any(weights) else [0] * len(usd)


def _row(key: tuple[Owner, str, str, CapacityType, Reason], uses: Sequence[Use], usd_cents: int) -> Row:
    return Row(
        *key,
        gpu_hours=_hours(sum(use.card_us for use in uses), US_PER_HOUR),
        node_hours=_hours(sum(use.node_us for use in uses), US_PER_HOUR),
        cpu_core_hours=_hours(sum(use.cpu_millicore_ms for use in uses), _MS_PER_HOUR * 1000),
        memory_gib_hours=_hours(sum(use.memory_mib_ms for use in uses), _MS_PER_HOUR * 1024),
        usd_cents=usd_cents,
    )


def _hours(amount: int, per_hour: int) -> float:
    return round(amount / per_hour, 6)


def _sums(rows: Sequence[Row], requests: Sequence[tuple[str, str, int]]) -> Iterable[Sum]:
    tenants = sorted({row.tenant for row in rows if row.owner is Owner.TENANT} | {tenant for tenant, _, _ in requests})
    for owner, tenant in [*((Owner.TENANT, name) for name in tenants), (Owner.SHARED, ""), (Owner.IDLE, "")]:
        own = [row for row in rows if (row.owner, row.tenant) == (owner, tenant)]
        yield Sum(
            owner,
            tenant,
            gpu_hours=round(sum(row.gpu_hours for row in own), 6),
            cpu_core_hours=round(sum(row.cpu_core_hours for row in own), 6),
            memory_gib_hours=round(sum(row.memory_gib_hours for row in own), 6),
            requests=sum(count for called, _, count in requests if called == tenant and owner is Owner.TENANT),
            usd_cents=sum(row.usd_cents for row in own),
        )
