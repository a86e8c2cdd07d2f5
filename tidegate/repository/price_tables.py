"""Writes price tables: that of us-east-1 from the list that production's Karpenter starts from, others from AWS's public offer files.

Only machines of the shape tables are kept, as no pool can name others, and those that somebody asks for, whose nodes were metered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from tidegate.checkout import Checkout
from tidegate.errors import Finding, PriceError, ToolError, UsageError
from tidegate.facts import inventory
from tidegate.facts.inventory.readable import clipped
from tidegate.facts.nodes.node_shapes import known_instance_types
from tidegate.facts.prices.tables import LIST_REGION, USD_DIGITS, PriceTable, age_findings, price_source
from tidegate.facts.rules.pools import named_machines
from tidegate.repository.aws_offers import read_offer, read_spot_history
from tidegate.repository.schemas import KARPENTER_AWS, download
from tidegate.tools.files import write_whole

LIST_FILE = "pkg/providers/pricing/zz_generated.pricing_aws.go"
"""Where the AWS provider of Karpenter keeps the prices on demand that it starts from."""

_MADE = re.compile(r"^// generated at (20[0-9-]{8})T[0-9:]{8}Z for ([a-z0-9-]+)$", re.MULTILINE)
_PRICE = re.compile(r'"([a-z0-9-]+\.[a-z0-9-]+)": ([0-9]+\.[0-9]+)')


def karpenter_table(on_progress: Callable[[str], None], also: Collection[str] = ()) -> PriceTable:
    """The list of us-east-1 in the pinned module (`clusters/releases.yaml`), `also` with these machines. Raises `ToolError` when it cannot be had or read."""
    text = (download(KARPENTER_AWS, on_progress) / LIST_FILE).read_text(encoding="utf-8")
    return read_karpenter_list(text, f"{KARPENTER_AWS.module} {KARPENTER_AWS.version}", also)


def read_karpenter_list(text: str, module: str, also: Collection[str] = ()) -> PriceTable:
    """The table in Karpenter's generated Go source. Raises `ToolError` when it is not what it was when this was written."""
    made = _MADE.search(text)
    prices = {name: float(price) for name, price in _PRICE.findall(text)}
    if made is None or made[2] != LIST_REGION or not prices:
        raise ToolError(f"read {LIST_FILE} of {module}", 1, f"no prices of {LIST_REGION} in it; look for where the module keeps them now")
    return PriceTable(region=LIST_REGION, source=f"{module}, {LIST_FILE}", published_on=made[1], on_demand=_kept(prices, also))


def offered_table(offer_file: Path, spot_file: Path | None, also: Collection[str] = ()) -> PriceTable:
    """The table of the region whose offer file, and spot prices as the AWS CLI answers, these are, `also` with these machines.

    Raises `UsageError` for other files, `PriceError` naming each price in them that is none.
    """
    offer = read_offer(offer_file, {*known_instance_types(), *also})
    on_demand = _kept(offer.linux_usd_per_hour, also)
    if not on_demand:
        raise UsageError(f"{offer_file} has a price for none of our machines; take the index.json of AmazonEC2 for one region")
    seen = read_spot_history(spot_file, offer.region, {*known_instance_types(), *also}) if spot_file else None
    spot = {name: usd for name, usd in seen.linux_usd_per_hour.items() if name in on_demand} if seen else {}
    try:
        return PriceTable(
            region=offer.region, source=f"AWS's public offer file AmazonEC2, version {offer.version}", published_on=offer.published_on,
            on_demand=on_demand, spot=spot, spot_seen_on=seen.seen_on if seen and spot else None,
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        told = first.get("ctx", {})
        at = str(told.get("at") or ".".join(str(part) for part in first["loc"]))
        named, value = spot_file if at.startswith("spot") else offer_file, told.get("value") or first["input"]
        raise UsageError(f"{named}: {at} = {clipped(str(value))}: {first['msg']}; take AWS's own file") from error


def require_usable(checkout: Checkout, table: PriceTable, today: date) -> None:
    """Raises `PriceError` for a table of a day that has not come, or without a machine that a pool names; before anything is written."""
    source, remedy = price_source(table.region), "take AWS's own file of the whole region; nothing was written"
    ages = age_findings(source, "published_on", table.published_on, today, remedy)
    findings = [one for one in ages if one.rule == "prices-from-the-future"]
    own = {path.stem for path in (checkout.root / source).parent.glob("*.yaml")}
    for name, cluster in sorted(inventory.load(checkout.root).clusters.items()):
        if cluster.region != table.region and (table.region != LIST_REGION or cluster.region in own):
            continue
        for key, _, instance_type in named_machines(cluster):
            if not table.has(instance_type):
                problem = f"would be gone, and {key.rpartition('.')[2]} of {name} names it"
                findings.append(Finding(source, f"on_demand.{instance_type}", "price-missing-in-region", problem, remedy))
    if findings:
        raise PriceError(findings)


def write_table(checkout: Checkout, table: PriceTable) -> Path:
    """Replaces the region's file and returns its path."""
    path = checkout.root / price_source(table.region)
    write_whole(path, table_text(table).encode())
    return path


def table_text(table: PriceTable) -> str:
    """The file, the same bytes for the same table."""
    lines = [
        "# US dollars for an hour. Written by `tidegate cost prices refresh`; not by hand.",
        f"region: {table.region}",
        f'source: "{table.source}"',
        f'published_on: "{table.published_on}"',
        *([f'spot_seen_on: "{table.spot_seen_on}"'] if table.spot_seen_on else ()),
        "on_demand:",
        *_lines(table.on_demand),
        *(["spot:", *_lines(table.spot)] if table.spot else ()),
    ]
    return "\n".join(lines) + "\n"


def _lines(prices: Mapping[str, float]) -> list[str]:
    return [f"  {name}: {_decimal(price)}" for name, price in sorted(prices.items())]


def _decimal(price: float) -> str:
    return f"{price:.{USD_DIGITS}f}".rstrip("0").removesuffix(".")


def _kept(prices: Mapping[str, float], also: Collection[str]) -> dict[str, float]:
    if absent := sorted(set(also) - prices.keys()):
        raise UsageError(f"there is no price of {', '.join(absent)} in it; look for the name in AWS's list of instance types")
    return {name: prices[name] for name in (*known_instance_types(), *also) if name in prices}
