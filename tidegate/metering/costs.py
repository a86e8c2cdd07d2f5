"""Reads ledgers as bills, and tries a meter on a pretended day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.checkout import Checkout
from tidegate.errors import Finding, LedgerError, UsageError
from tidegate.facts.nodes.node_shapes import known_instance_types
from tidegate.facts.platform import Platform
from tidegate.facts.prices.tables import PriceBook, Tariff, tariff_of
from tidegate.manifests.budgets import require_prices
from tidegate.metering.billing.bill import Bill, make_bill, unpriced
from tidegate.metering.billing.entries import LedgerEntry
from tidegate.metering.business_day import BUSINESS_DAY
from tidegate.metering.ledger import MonthFile, month_of, open_ledger, read_month
from tidegate.metering.meter import meter
from tidegate.metering.pretended_region import PretendedDay, PretendedRegion

SIMULATED_MIDNIGHT_MS = 1_793_577_600_000
"""The beginning of 2026-11-02 in UTC: a Monday, and never now, so that no ledger can mistake it."""


@dataclass(frozen=True, slots=True)
class MonthlyCost:
    """What a month's ledgers come to."""

    month: str
    regions: tuple[str, ...]
    bill: Bill


def ledger_folder(checkout: Checkout) -> Path:
    """Where the meter writes by default: `down` leaves it alone, because what was used was used."""
    return checkout.out / "meter"


def month_cost(folder: Path, month: str, tariff: Tariff) -> MonthlyCost:
    """The bill of all regions for `month`, each at its own prices.

    Raises `UsageError` when nothing was metered then, `LedgerError` for a ledger that is damaged or empty, or names a machine
    without a price.
    """
    files = read_month(folder, month)
    if findings := _unpriced_findings(files, tariff):
        raise LedgerError(findings)
    entries = [entry for file in files for entry in file.entries]
    return MonthlyCost(month, tuple(file.path.parent.name for file in files), make_bill(entries, tariff))


def _unpriced_findings(files: Sequence[MonthFile], tariff: Tariff) -> list[Finding]:
    return [
        Finding(
            f"{file.path}:{number + 1}", "entry.nodes.instance_type", "price-missing", "has no price, so there is no bill",
            _unpriced_remedy(instance_type), instance_type or "(none)",
        )
        for file in files
        for instance_type, number in sorted(unpriced(file.entries, tariff).items())
    ]  # fmt: skip


def _unpriced_remedy(instance_type: str) -> str:
    if not instance_type:
        return "label such nodes with node.kubernetes.io/instance-type; this one stays without a price"
    if instance_type in known_instance_types():
        return "read the region's prices again with `tidegate cost prices refresh`"
    return f"read the region's prices again with `tidegate cost prices refresh --also {instance_type}`"


@dataclass(frozen=True, slots=True)
class AgainstAlwaysOn:
    """Hours of whole cards that a model held, and what one replica around the clock would hold."""

    model: str
    gpu_hours: float
    always_on_gpu_hours: float


@dataclass(frozen=True, slots=True)
class Day:
    """A pretended day in one region."""

    region: str
    seed: int
    bill: Bill
    always_on: tuple[AgainstAlwaysOn, ...]
    """Models with a card that go to zero."""


def simulate(platform: Platform, region: str, seed: int, folder: Path, book: PriceBook) -> Day:
    """Meters a pretended business day of `region` into a ledger below `folder`, and reads its bill from there at the prices of `book`.

    Raises `UsageError` for an unknown region.
    """
    metered_day(platform, PretendedDay(region, seed, SIMULATED_MIDNIGHT_MS, BUSINESS_DAY), folder, book)
    bill = month_cost(folder, month_of(SIMULATED_MIDNIGHT_MS), tariff_of(book, platform.clusters)).bill
    return Day(region, seed, bill, tuple(_against_always_on(platform, region, bill)))


def metered_day(platform: Platform, day: PretendedDay, folder: Path, book: PriceBook) -> tuple[LedgerEntry, ...]:
    """The lines that a pretended day leaves in a ledger below `folder`.

    Raises `UsageError` for an unknown region, `PriceError` when a machine that its pools may bring has no price.
    """
    region = day.cluster
    if region not in platform.clusters:
        raise UsageError(f"no region {region!r}; there are {', '.join(sorted(platform.clusters))}")
    require_prices(platform, book)
    table = book.table(platform.clusters[region].region)
    with open_ledger(folder, region) as ledger:
        meter(PretendedRegion(platform, day, table), ledger, region)
    return tuple(entry for file in read_month(folder, month_of(day.midnight_ms)) for entry in file.entries)


def _against_always_on(platform: Platform, region: str, bill: Bill) -> Iterator[AgainstAlwaysOn]:
    for tenant in platform.tenants_of(region):
        for name, model in sorted(tenant.models.items()):
            if model.accelerator and not model.scaling.min_replicas:
                held = sum(row.gpu_hours for row in bill.rows if (row.tenant, row.model) == (tenant.name, name))
                yield AgainstAlwaysOn(f"{tenant.name}/{name}", round(held, 6), 24 * model.accelerator.cards)
