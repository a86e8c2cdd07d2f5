"""Commands that plan money: the month of a region, and what would be cheaper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.options import Json
from tidegate.cli.screen import Screen, usd

if TYPE_CHECKING:
    from tidegate.metering.months.region_month import RegionMonth


def month(
    region: Annotated[str, typer.Option(help="Whose pools and tenants.")] = "live-1",
    seed: Annotated[int, typer.Option(help="Of the calls; the same seed gives the same month.")] = 1,
    json: Json = False,
) -> None:
    """Plan a month: 22 simulated business days and 8 quiet ones, and all that is beside the machines, next to a reference."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from tidegate.checkout import find_checkout
    from tidegate.facts import inventory
    from tidegate.facts.inventory.prices import load_prices, load_service_prices
    from tidegate.facts.prices.tables import tariff_of
    from tidegate.metering.months.region_month import PlanPrices, region_month

    screen = Screen(json)
    root = find_checkout().root
    platform = inventory.load(root)
    tariff = tariff_of(load_prices(root), platform.clusters)
    screen.progress(region, "simulating a business day and a quiet one")
    with TemporaryDirectory(prefix="tidegate-month-") as folder:
        found = region_month(platform, region, seed, Path(folder), PlanPrices(tariff, load_service_prices(root)))
    _show_month(screen, found)
    for line in tariff.described((region,)):
        screen.text(line)
    screen.answer(found)


def _show_month(screen: Screen, found: RegionMonth) -> None:
    from tidegate.metering.months.region_month import REFERENCE_USD

    lines = [(line.group, line.what, f"{line.amount:,.2f}", line.per, f"{line.usd_each:.6g}", usd(line.usd_cents)) for line in found.lines]
    title = f"A month of {found.region}: 22 business days and 8 quiet ones, {found.calls:,} calls"
    screen.table(title, ["group", "what", "amount", "per", "USD each", "USD"], lines)
    groups = [(group, usd(found.group_cents(group)), f"{reference:,}") for group, reference in REFERENCE_USD.items()]
    total = ("all", usd(found.usd_cents), f"{sum(REFERENCE_USD.values()):,}")
    screen.table("Beside the reference", ["group", "USD here", "USD in the reference"], [*groups, total])
