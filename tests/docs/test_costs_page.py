"""What docs/costs.md says about money is what the commands say."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest

from tests.docs.test_readme import table
from tests.prices import PRICES
from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.facts.inventory.prices import load_service_prices
from tidegate.facts.money import HOURS_PER_MONTH, QUIET_DAYS, WORKING_DAYS
from tidegate.facts.numerals import usd_of_cents
from tidegate.facts.prices.tables import OLD_DAYS, SPOT_SHARE_OF_ON_DEMAND, tariff_of
from tidegate.manifests.fit.advice import advise
from tidegate.manifests.validate import read_folder
from tidegate.metering.business_day import BUSINESS_DAY
from tidegate.metering.costs import simulate
from tidegate.metering.months.region_month import REFERENCE_USD, PlanPrices, region_month

PAGE = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")
PLATFORM = inventory.load(ROOT)
PLAN = PlanPrices(tariff_of(PRICES, PLATFORM.clusters), load_service_prices(ROOT))


@pytest.mark.parametrize("region", ["live-1", "live-2"])
def test_month_in_the_page_is_the_month_of_each_region(region: str, tmp_path: Path) -> None:
    month = region_month(PLATFORM, region, 1, tmp_path, PLAN)
    groups = [[group, usd_of_cents(month.group_cents(group)), f"{reference:,}"] for group, reference in REFERENCE_USD.items()]
    total = ["all", usd_of_cents(month.usd_cents), f"{sum(REFERENCE_USD.values()):,}"]
    assert f"Up to {month.headroom_percent} % above these prices" in PAGE
    assert table(PAGE, "| USD a month | here | reference |") == [*groups, total]


def test_day_in_the_page_is_the_simulated_one(tmp_path: Path) -> None:
    day = simulate(PLATFORM, "live-1", 1, tmp_path, PRICES)
    assert f"costs {usd_of_cents(day.bill.usd_cents)} USD of machines" in PAGE
    fraud = sum(count for tenant, _, count in day.bill.requests if tenant == "fraud")
    assert fraud == pytest.approx(6_000_000, rel=0.01)
    assert "fraud/scorer" in BUSINESS_DAY


def test_plain_figures_in_the_page() -> None:
    assert f"{WORKING_DAYS} business days and {QUIET_DAYS} quiet ones" in PAGE
    assert f"the same month of {HOURS_PER_MONTH} hours" in PAGE
    assert f"Spot is {SPOT_SHARE_OF_ON_DEMAND:g} of the price" in PAGE
    assert f"older than {OLD_DAYS} days is a finding" in PAGE
    eight_cards = PRICES.table().usd_per_hour("p5.48xlarge", PLATFORM.clusters["live-1"].gpu_pools["h100-slices"].capacity_types[0])
    assert f"{float((eight_cards or Fraction(0)) * 2 * HOURS_PER_MONTH):,.0f} USD a month in each region" in PAGE


def test_saving_in_the_page_is_the_advice() -> None:
    objects = read_folder(ROOT / "gitops" / "rendered").objects["live-1"]
    found = {advice.pool: advice for advice in advise(PLATFORM, PLATFORM.clusters["live-1"], objects, PRICES.table())}
    slices = found["h100-slices"]
    assert slices.any_kind
    (said,) = re.findall(r"would take ([0-9,]+) USD off", PAGE)
    assert said == f"{slices.now.floor_usd_per_month - slices.any_kind.floor_usd_per_month:,.0f}"
