"""Reads the price tables of `clusters/prices`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tidegate.errors import Finding, InventoryError
from tidegate.facts.inventory.read import read_fact
from tidegate.facts.prices.services import SERVICE_PRICES, ServicePrices
from tidegate.facts.prices.tables import LIST_REGION, PriceBook, PriceTable, price_source

FOLDER = Path("clusters/prices")


def load_prices(root: Path) -> PriceBook:
    """Every region's table in the checkout at `root`. Raises `InventoryError` with every finding."""
    tables: dict[str, PriceTable] = {}
    findings: list[Finding] = []
    for path in sorted((root / FOLDER).glob("*.yaml")):
        try:
            table = read_fact(root, path.relative_to(root), PriceTable)
        except InventoryError as error:
            findings += error.findings
            continue
        if table.region != path.stem:
            remedy = f"rename the file to {table.region}.yaml, or correct region"
            findings.append(
                Finding(price_source(path.stem), "region", "price-region-differs", "is not the file's name", remedy, table.region)
            )
        tables[table.region] = table
    findings += _unread(root)
    if not findings and LIST_REGION not in tables:
        remedy = "run `tidegate cost prices refresh`"
        findings.append(
            Finding(price_source(LIST_REGION), "", "price-table-missing", "is not there, and stands in for other regions", remedy)
        )
    if findings:
        raise InventoryError(findings)
    return PriceBook(tables)


def _unread(root: Path) -> Iterator[Finding]:
    """Whoever writes a file there wants its prices to count."""
    for path in sorted((root / FOLDER).rglob("*")):
        name = path.relative_to(root).as_posix()
        is_read = (path.parent == root / FOLDER and path.suffix == ".yaml") or name == SERVICE_PRICES
        if path.is_file() and not path.name.startswith(".") and not is_read:
            yield Finding(
                name,
                "",
                "price-file-unread",
                "is read by nothing",
                f"remove it; prices are in {FOLDER}/<AWS region>.yaml and {SERVICE_PRICES}",
            )


def load_service_prices(root: Path) -> ServicePrices:
    """What is no machine, of the checkout at `root`. Raises `InventoryError` with every finding."""
    return read_fact(root, Path(SERVICE_PRICES), ServicePrices)
