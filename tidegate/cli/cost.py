"""Commands about what things cost: the meter, its bills, and what a change would cost."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli import cost_plan
from tidegate.cli.options import Json
from tidegate.cli.prices import prices, warn_of_ages
from tidegate.cli.screen import Screen
from tidegate.facts import numerals

if TYPE_CHECKING:
    from tidegate.facts.money import Floor
    from tidegate.metering.billing.bill import Bill, Row
    from tidegate.repository.revisions import Comparison

cost = typer.Typer(help="Meter regions, and show who pays for what.", no_args_is_help=True, rich_markup_mode=None)
cost.add_typer(prices, name="prices")
cost.command("month")(cost_plan.month)
cost.command("advise")(cost_plan.advise)

OldRevision = Annotated[str, typer.Argument(help="A Git revision.")]
NewRevision = Annotated[str, typer.Argument(help="A Git revision; default the files as they are.")]
Ledgers = Annotated[Path | None, typer.Option("--ledger", help="The folder of the ledgers; default out/meter.")]


@cost.command("show")
def show(
    month: Annotated[str, typer.Option(help="Such as 2026-11, in UTC.")],
    ledger: Ledgers = None,
    json: Json = False,
) -> None:
    """Show what a month's nodes cost, and who pays: tenants, shared and idle add up to the bill."""
    from tidegate.checkout import find_checkout
    from tidegate.facts import inventory
    from tidegate.facts.inventory.prices import load_prices
    from tidegate.facts.prices.tables import tariff_of
    from tidegate.metering.costs import ledger_folder, month_cost

    screen = Screen(json)
    checkout = find_checkout()
    tariff = tariff_of(load_prices(checkout.root), inventory.load(checkout.root).clusters)
    found = month_cost(ledger or ledger_folder(checkout), month, tariff)
    _show_bill(screen, f"{month} in {', '.join(found.regions)}", found.bill)
    for line in tariff.described(found.regions):
        screen.text(line)
    warn_of_ages(screen, checkout.root)
    screen.answer(found)


@cost.command("diff")
def diff(
    old: OldRevision = "HEAD",
    new: NewRevision = "working tree",
    json: Json = False,
) -> None:
    """Compare what two revisions cost at the least: the floors, tenant by tenant, and the nodes that they keep alive."""
    from tidegate.checkout import find_checkout
    from tidegate.repository.revisions import compare

    screen, checkout = Screen(json), find_checkout()
    found = compare(checkout, old, new)
    warn_of_ages(screen, checkout.root)
    screen.text("Both sides at the prices of the working tree.")
    show_floors(screen, f"Floors, {old} -> {new}", found)
    screen.answer(
        {
            "old": old,
            "new": new,
            "tenants": found.tenants,
            "before": found.before,
            "after": found.after,
            "nodes": found.nodes,
            "prices": found.prices,
        }
    )


@cost.command("meter")
def meter(
    region: Annotated[list[str] | None, typer.Option("--region", help="May be given again. Default: every region that runs here.")] = None,
    kubeconfig: Annotated[Path | None, typer.Option(help="Of the one --region, when it does not run here.")] = None,
    ledger: Ledgers = None,
    metrics_port: Annotated[int | None, typer.Option(min=1, max=65535, help="Answer /metrics on this port of loopback.")] = None,
    close_seconds: Annotated[int, typer.Option(min=1, max=86_400, help="How long a line of the ledger lasts.")] = 300,
    seconds: Annotated[int | None, typer.Option(min=1, help="End after so long; default when interrupted.")] = None,
) -> None:
    """Watch regions and write what their nodes are used for into the ledger, until interrupted."""
    from tidegate.checkout import find_checkout
    from tidegate.embedded.fleet.reached import find_clusters
    from tidegate.errors import UsageError
    from tidegate.facts import inventory
    from tidegate.facts.inventory.prices import load_prices
    from tidegate.metering.costs import ledger_folder
    from tidegate.metering.follow import Following, follow

    if kubeconfig and len(region or ()) != 1:
        raise UsageError("--kubeconfig is that of one region; name it with --region")
    screen = Screen()
    checkout = find_checkout()
    options = Following(ledger or ledger_folder(checkout), close_seconds, seconds, metrics_port)
    platform, book = inventory.load(checkout.root), load_prices(checkout.root)
    follow(platform, book, find_clusters(checkout, platform, tuple(region or ()), kubeconfig, screen.progress), options, screen.progress)


@cost.command("simulate")
def simulate(
    region: Annotated[str, typer.Option(help="Whose pools and tenants.")] = "live-1",
    seed: Annotated[int, typer.Option(help="Of the calls; the same seed gives the same day.")] = 1,
    json: Json = False,
) -> None:
    """Meter a simulated business day: nothing is started, and nothing is kept."""
    from tempfile import TemporaryDirectory

    from tidegate.checkout import find_checkout
    from tidegate.facts import inventory
    from tidegate.facts.inventory.prices import load_prices
    from tidegate.facts.prices.tables import tariff_of
    from tidegate.metering import costs

    screen = Screen(json)
    root = find_checkout().root
    platform, book = inventory.load(root), load_prices(root)
    with TemporaryDirectory(prefix="tidegate-meter-") as folder:
        day = costs.simulate(platform, region, seed, Path(folder), book)
    _show_bill(screen, f"A simulated business day in {region}", day.bill)
    for line in tariff_of(book, platform.clusters).described((region,)):
        screen.text(line)
    warn_of_ages(screen, root)
    for one in day.always_on:
        screen.text(f"{one.model}: {one.gpu_hours:.2f} GPU-hours; always on it would be {numerals.decimal(one.always_on_gpu_hours)}")
    screen.answer(day)


def show_floors(screen: Screen, title: str, found: Comparison) -> None:
    """What changes of the floors, tenant by tenant and altogether, and the nodes that they keep alive."""
    rows = [(change.tenant, *_difference(change.before, change.after)) for change in found.tenants]
    rows.append(("all, with warm floors", *_difference(found.before, found.after)))
    screen.table(title, ["tenant", "GPU cards", "USD per month, its share", "USD per month, whole nodes"], rows)
    kinds = [
        (f"{one.cluster}/{one.pool}", one.instance_type, one.capacity, f"{one.before} -> {one.after}",
         _usd_change(one.usd_per_month_before, one.usd_per_month_after))
        for one in found.nodes
    ]  # fmt: skip
    screen.table("Nodes that floors keep alive", ["pool", "machine", "capacity", "nodes", "USD per month"], kinds)
    for line in found.prices:
        screen.text(line)


def _difference(before: Floor, after: Floor) -> tuple[str, str, str]:
    cards = f"{numerals.decimal(before.gpu_cards)} -> {numerals.decimal(after.gpu_cards)}"
    whole = _usd_change(before.whole_nodes_usd_per_month, after.whole_nodes_usd_per_month)
    return cards, _usd_change(before.usd_per_month, after.usd_per_month), whole


def _usd_change(before: float, after: float) -> str:
    return f"{numerals.usd(before)} -> {numerals.usd(after)} ({numerals.usd_change(after - before)})"


def _show_bill(screen: Screen, title: str, bill: Bill) -> None:
    columns = ["model", "capacity", "reason", "GPU-hours", "core-hours", "GiB-hours", "USD"]
    screen.table(f"Models, {title}", columns, _rows(bill.rows))
    counted = [(f"{tenant}/{model}", f"{requests:,}") for tenant, model, requests in bill.requests]
    if counted:
        screen.table("Requests", ["model", "requests"], counted)
    sums = [
        (one.tenant or one.owner.value, *_hours(one.gpu_hours, one.cpu_core_hours, one.memory_gib_hours), f"{one.requests:,}", numerals.usd_of_cents(one.usd_cents))
        for one in bill.sums
    ]  # fmt: skip
    total = ("the bill of the nodes", "", "", "", "", numerals.usd_of_cents(bill.usd_cents))
    screen.table("Who pays", ["tenant", "GPU-hours", "core-hours", "GiB-hours", "requests", "USD"], [*sums, total])
    if bill.unwatched_seconds:
        screen.text(f"The meter did not run for {bill.unwatched_seconds:,} s; nodes that came and went in that time are missing here.")


def _rows(rows: Iterable[Row]) -> Iterable[tuple[str, ...]]:
    for row in rows:
        name = f"{row.tenant}/{row.model or '(no model)'}" if row.tenant else row.owner.value
        yield (
            name,
            row.capacity,
            row.reason,
            *_hours(row.gpu_hours, row.cpu_core_hours, row.memory_gib_hours),
            numerals.usd_of_cents(row.usd_cents),
        )


def _hours(*hours: float) -> tuple[str, ...]:
    return tuple(f"{each:,.2f}" for each in hours)
