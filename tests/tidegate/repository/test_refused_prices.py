"""Price tables that would be reckoned wrongly are refused, and none is written that the pools could not be reckoned with."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.prices import PRICES
from tests.root import ROOT
from tidegate.checkout import Checkout
from tidegate.errors import InventoryError, PriceError
from tidegate.facts.inventory.prices import load_prices, load_service_prices
from tidegate.repository.price_tables import require_usable

CHECKOUT = Checkout(ROOT)


def lists(tmp_path: Path, change: Callable[[str], str]) -> list[str]:
    """What is found when the committed list of us-east-1 is changed so."""
    shutil.copytree(ROOT / "clusters/prices", tmp_path / "clusters/prices", dirs_exist_ok=True)
    path = tmp_path / "clusters/prices/us-east-1.yaml"
    path.write_text(change(path.read_text()))
    with pytest.raises(InventoryError) as refused:
        load_prices(tmp_path)
    return [str(one) for one in refused.value.findings]


@pytest.mark.parametrize(
    ("added", "found"),
    [
        ("spot:\n  m7i.xlarge: 0.1\n", "spot: stands without spot_seen_on; add spot_seen_on, or remove spot [spot-undated]"),
        ('spot_seen_on: "2026-11-20"\n', "spot_seen_on: stands without spot; add spot, or remove spot_seen_on [spot-undated]"),
        (
            'spot_seen_on: "2026-11-20"\nspot:\n  m7i.xlarge: 50\n',
            "spot.m7i.xlarge = 50.0: is above the price on demand; write the price of an hour, or remove it [spot-above-on-demand]",
        ),
        (
            'spot_seen_on: "2026-11-20"\nspot:\n  m1.none: 0.1\n',
            "spot.m1.none = 0.1: has no price on demand beside it; write the price of an hour, or remove it [spot-above-on-demand]",
        ),
    ],
)
def test_spot_prices_have_a_day_and_are_below_those_on_demand(tmp_path: Path, added: str, found: str) -> None:
    assert lists(tmp_path, lambda text: text + added) == [f"clusters/prices/us-east-1.yaml: {found}"]


def test_price_of_another_unit_is_refused(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "clusters/prices", tmp_path / "clusters/prices")
    path = tmp_path / "clusters/prices/services/us-east-1.yaml"
    path.write_text(path.read_text().replace("per: hour", "per: month", 1))
    with pytest.raises(
        InventoryError, match=r"control_plane\.per = month: is reckoned per hour; write the price per hour \[service-price-unit\]"
    ):
        load_service_prices(tmp_path)


@pytest.mark.parametrize("name", ["us-west-2.yml", "services/eu-north-1.yaml", "older/us-east-1.yaml"])
def test_price_file_that_nothing_reads_is_a_finding(tmp_path: Path, name: str) -> None:
    (tmp_path / "clusters/prices" / name).parent.mkdir(parents=True)
    (tmp_path / "clusters/prices" / name).write_text("x")
    (found,) = lists(tmp_path, str)
    assert found.startswith(f"clusters/prices/{name}: is read by nothing; remove it; prices are in clusters/prices/<AWS region>.yaml and ")


def test_table_that_pools_could_not_be_reckoned_with_is_not_written() -> None:
    table = PRICES.table()
    require_usable(CHECKOUT, table, date(2026, 11, 29))
    with pytest.raises(PriceError) as refused:
        require_usable(CHECKOUT, table.model_copy(update={"on_demand": {"m7i.xlarge": 0.2}}), date(2026, 11, 29))
    told = [str(one) for one in refused.value.findings]
    assert any("on_demand.g5.xlarge: would be gone, and a10g-spot of live-1 names it; take AWS's own file" in one for one in told)
    with pytest.raises(PriceError, match=r"published_on = 2031-01-01: is [0-9]+ days from now, .*; nothing was written"):
        require_usable(CHECKOUT, table.model_copy(update={"published_on": "2031-01-01"}), date(2026, 11, 29))
