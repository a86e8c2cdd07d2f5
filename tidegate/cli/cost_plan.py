"""Commands that plan money: the month of a region, and what would be cheaper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.options import Json
from tidegate.cli.prices import warn_of_ages
from tidegate.cli.screen import Screen
from tidegate.facts import numerals

if TYPE_CHECKING:
    from tidegate.manifests.fit.advice import Advice, Choice
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
    book = load_prices(root)
    tariff = tariff_of(book, platform.clusters)
    screen.progress(region, "simulating a business day and a quiet one")
    with TemporaryDirectory(prefix="tidegate-month-") as folder:
        found = region_month(platform, region, seed, Path(folder), PlanPrices(tariff, load_service_prices(root)))
    _show_month(screen, found)
    if book.table(platform.clusters[region].region).region != platform.clusters[region].region:
        screen.text(_headroom(found))
    for line in tariff.described((region,)):
        screen.text(line)
    warn_of_ages(screen, root)
    screen.answer(found)


def _headroom(found: RegionMonth) -> str:
    if found.headroom_percent < 0:
        return "The month is above the reference already, and the region's own prices are not known here."
    percent = numerals.decimal(found.headroom_percent)
    return f"The region's own prices are not known here. Up to {percent} % above these, the month stays below the reference."


def _show_month(screen: Screen, found: RegionMonth) -> None:
    from tidegate.facts.money import QUIET_DAYS, WORKING_DAYS
    from tidegate.metering.months.region_month import REFERENCE_USD

    lines = [
        (line.group, line.what, f"{line.amount:,.2f}", line.per, numerals.decimal(line.usd_each), numerals.usd_of_cents(line.usd_cents))
        for line in found.lines
    ]
    title = f"A month of {found.region}: {WORKING_DAYS} business days and {QUIET_DAYS} quiet ones, {found.calls:,} calls"
    screen.table(title, ["group", "what", "amount", "per", "USD each", "USD"], lines)
    groups = [(group, numerals.usd_of_cents(found.group_cents(group)), f"{reference:,}") for group, reference in REFERENCE_USD.items()]
    total = ("all", numerals.usd_of_cents(found.usd_cents), f"{sum(REFERENCE_USD.values()):,}")
    screen.table("Beside the reference", ["group", "USD here", "USD in the reference"], [*groups, total])


def advise(json: Json = False) -> None:
    """Name, per pool, what would host floors and peaks for less, what it saves and what to check first."""
    from tidegate.checkout import find_checkout
    from tidegate.facts import inventory
    from tidegate.facts.inventory.prices import load_prices
    from tidegate.manifests.budgets import require_prices
    from tidegate.manifests.fit.advice import advise as advise_cluster
    from tidegate.manifests.validate import read_rendered

    screen = Screen(json)
    root = find_checkout().root
    platform, book = inventory.load(root), load_prices(root)
    require_prices(platform, book)
    objects = read_rendered(root)
    found = [
        advice
        for name, cluster in sorted(platform.clusters.items())
        for advice in advise_cluster(platform, cluster, objects.get(name, ()), book.table(cluster.region))
    ]
    for advice in found:
        _show_advice(screen, advice)
    for name, cluster in sorted(platform.clusters.items()):
        screen.text(f"{name}, {book.described(cluster.region)}")
    warn_of_ages(screen, root)
    screen.answer(found)


def _show_advice(screen: Screen, advice: Advice) -> None:
    rows = [_choice_row("now", advice.now, advice.now)]
    for title, choice in (("same kind", advice.same_kind), ("any kind", advice.any_kind)):
        if choice:
            rows.append(_choice_row(title, choice, advice.now))
    columns = [
        "",
        "machines",
        "paid",
        "card",
        "floors: nodes, USD per month",
        "peaks: nodes, USD per hour",
        "saving per month at the floors, per hour at the peak",
    ]
    screen.table(f"{advice.cluster}/{advice.pool}", columns, rows)
    if len(rows) == 1:
        screen.text("Nothing in the tables is cheaper.")
    for choice in (advice.same_kind, advice.any_kind):
        for check in choice.checks if choice else ():
            screen.text(f"  {', '.join(choice.machines) if choice else ''}: {check}")


def _choice_row(title: str, choice: Choice, now: Choice) -> tuple[str, ...]:
    saving = (now.floor_usd_per_month - choice.floor_usd_per_month, now.peak_usd_per_hour - choice.peak_usd_per_hour)
    return (
        title, ", ".join(choice.machines) or "; ".join(choice.checks), choice.capacity.value, choice.card,
        f"{choice.floor_nodes}, {numerals.usd(choice.floor_usd_per_month)}", f"{choice.peak_nodes}, {numerals.usd(choice.peak_usd_per_hour)}",
        "" if choice is now or not now.machines else f"{numerals.usd(saving[0])}, {numerals.usd(saving[1])}",
    )  # fmt: skip
