"""Commands about the price tables: where each is from, whether one is old, and how it is read again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.options import Json, Wait, at_work
from tidegate.cli.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tidegate.errors import Finding
    from tidegate.facts.prices.tables import PriceTable

prices = typer.Typer(help="Show the price tables, and read them again.", no_args_is_help=True, rich_markup_mode=None)

On = Annotated[
    datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="The day on which they are to be young enough; default today.")
]


def age_warnings(root: Path, written: PriceTable | None = None) -> list[Finding]:
    """What is to be said of the age of all prices of the checkout today, with a table that will be `written` in the place of the region's.

    Whoever plans is warned and not refused: no build breaks by itself.
    """
    from tidegate.facts.inventory.prices import load_prices, load_service_prices
    from tidegate.facts.prices.tables import PriceBook

    today = datetime.now(UTC).date()
    book = load_prices(root)
    if written:
        book = PriceBook({**book.tables, written.region: written})
    return [*book.findings(today), *load_service_prices(root).findings(today)]


def warn_of_ages(screen: Screen, root: Path) -> None:
    """The same on stderr, so that an answer to a program stays whole."""
    _note(screen, age_warnings(root))


def _note(screen: Screen, warnings: Iterable[Finding]) -> None:
    for warning in warnings:
        screen.note(f"Warning: {warning}")


@prices.command("show")
def show(on: On = None, json: Json = False) -> None:
    """Show which prices each cluster has, from where and of which day. Tables that are too old are findings."""
    from tidegate.checkout import find_checkout
    from tidegate.errors import PriceError
    from tidegate.facts import inventory
    from tidegate.facts.inventory.prices import load_prices, load_service_prices
    from tidegate.facts.prices.services import SERVICE_PRICES
    from tidegate.facts.prices.tables import tariff_of

    screen = Screen(json)
    root = find_checkout().root
    book = load_prices(root)
    clusters = inventory.load(root).clusters
    lines = tariff_of(book, clusters).described(tuple(sorted(clusters)))
    for line in lines:
        screen.text(line)
    day = (on or datetime.now(UTC)).date()
    services = load_service_prices(root)
    screen.text(f"everything but machines: {SERVICE_PRICES}, each with its source and day")
    if findings := [*book.findings(day), *services.findings(day)]:
        raise PriceError(findings)
    screen.answer({"tables": book.tables, "clusters": lines, "services": services})


@prices.command("refresh")
def refresh(
    offer_file: Annotated[
        Path | None,
        typer.Option(
            help="AWS's public offer file AmazonEC2 of one region (index.json). Default: the list of us-east-1 that Karpenter ships."
        ),
    ] = None,
    spot_file: Annotated[Path | None, typer.Option(help="What `aws ec2 describe-spot-price-history` answered for the same region.")] = None,
    also: Annotated[
        list[str] | None,
        typer.Option("--also", help="A machine that no pool names and the meter has seen, such as m5.large. May be given again."),
    ] = None,
    json: Json = False,
    wait: Wait = False,
) -> None:
    """Write the table of a region into clusters/prices; nothing is fetched but Karpenter's pinned module."""
    from tidegate.checkout import find_checkout
    from tidegate.errors import UsageError
    from tidegate.repository.price_tables import karpenter_table, offered_table, require_usable, write_table

    if spot_file and not offer_file:
        raise UsageError("--spot-file belongs to a region; name its --offer-file, too")
    screen = Screen(json)
    checkout = find_checkout()
    with at_work(screen, checkout, "cost prices refresh", wait):
        if offer_file:
            screen.progress("prices", f"reading {offer_file} (a whole region takes some ten seconds)")
            table = offered_table(offer_file, spot_file, also or ())
        else:
            table = karpenter_table(lambda text: screen.progress("prices", text), also or ())
        require_usable(checkout, table, datetime.now(UTC).date())
        # Everything is read before anything is written: what fails leaves the tree as it was.
        warnings = age_warnings(checkout.root, table)
        path = write_table(checkout, table)
    _note(screen, warnings)
    screen.text(
        f"{path.relative_to(checkout.root)}: {len(table.on_demand)} machines on demand, {len(table.spot)} spot, of {table.published_on}"
    )
    screen.answer({"file": str(path.relative_to(checkout.root)), "table": table})
