"""The month of the reference business: line by line, to the cent, and below what the reference reports."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from infra.constructs.log_group import RETENTION_DAYS
from infra.stacks.cluster import NODE_VOLUME_GIB
from infra.stacks.network import INTERFACE_ENDPOINTS
from tests.prices import PRICES
from tests.root import ROOT
from tidegate.errors import UsageError
from tidegate.facts import inventory
from tidegate.facts.cluster import Cluster
from tidegate.facts.inventory.prices import load_service_prices
from tidegate.facts.money import HOURS_PER_MONTH, QUIET_DAYS, WORKING_DAYS
from tidegate.facts.prices.tables import tariff_of
from tidegate.manifests.budgets import nodes_of
from tidegate.manifests.validate import read_rendered
from tidegate.metering.billing.bill import US_PER_HOUR, cost
from tidegate.metering.business_day import BUSINESS_DAY, QUIET_DAY
from tidegate.metering.costs import SIMULATED_MIDNIGHT_MS, metered_day
from tidegate.metering.months import services
from tidegate.metering.months.region_month import CPU, GPU, REFERENCE_USD, PlanPrices, RegionMonth, region_month
from tidegate.metering.pretended_region import PretendedDay

PLATFORM = inventory.load(ROOT)
TARIFF = tariff_of(PRICES, PLATFORM.clusters)
PLAN = PlanPrices(TARIFF, load_service_prices(ROOT))


@pytest.fixture(scope="module", params=["live-1", "live-2"])
def month(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RegionMonth:
    return region_month(PLATFORM, request.param, 1, tmp_path_factory.mktemp("month"), PLAN)


def test_month_stays_below_the_reference(month: RegionMonth) -> None:
    assert sum(REFERENCE_USD.values()) == 13_500
    assert 1_000_000 < month.usd_cents < 1_350_000


def test_headroom_is_how_much_dearer_everything_may_be(month: RegionMonth) -> None:
    assert 0 < month.headroom_percent < 10
    dearer = replace(month, usd_cents=round(month.usd_cents * (1 + month.headroom_percent / 100)))
    assert dearer.usd_cents == pytest.approx(1_350_000, rel=0.001)
    assert replace(month, usd_cents=1_500_000).headroom_percent == -10


def test_lines_and_groups_add_up_to_the_cent(month: RegionMonth) -> None:
    assert sum(line.usd_cents for line in month.lines) == sum(month.group_cents(group) for group in REFERENCE_USD) == month.usd_cents
    for line in month.lines:
        assert line.usd_cents == pytest.approx(line.amount * line.usd_each * 100, abs=1 + line.usd_each)
        assert re.search(r"list price(,| of) .*20[0-9]{2}-[0-9]{2}-[0-9]{2}$", line.source), line.source


def test_machines_are_the_bills_of_22_business_and_8_quiet_days(month: RegionMonth, tmp_path: Path) -> None:
    days = {22: BUSINESS_DAY, 8: QUIET_DAY}
    entries = {
        count: metered_day(PLATFORM, PretendedDay(month.region, 1, SIMULATED_MIDNIGHT_MS, day), tmp_path / str(count), PRICES)
        for count, day in days.items()
    }
    exact = sum(
        (count * cost(((entry.region, time) for entry in of_day for time in entry.nodes), TARIFF) for count, of_day in entries.items()),
        Fraction(0),
    )
    assert month.group_cents(GPU) + month.group_cents(CPU) == pytest.approx(float(exact * 100), abs=2)
    fraud = sum(one.requests for entry in entries[22] for one in entry.requests if one.model == "scorer")
    assert fraud == pytest.approx(6_000_000, rel=0.01)
    cards = sum(time.node_us / US_PER_HOUR for entry in entries[8] for time in entry.nodes if time.instance_type == "g6.xlarge")
    assert cards == 0, "nobody asks the assistant on a quiet day"


def test_quantities_are_those_of_the_stacks() -> None:
    assert len(INTERFACE_ENDPOINTS) == services.INTERFACE_ENDPOINTS
    assert services.SYSTEM_VOLUME_GIB == NODE_VOLUME_GIB
    assert services.LOG_DAYS == RETENTION_DAYS
    keys = sum(path.read_text().count("= add_key(stack") for path in (ROOT / "infra" / "stacks").glob("*.py"))
    assert keys == services.KEYS


def test_one_nat_gateway_and_more_calls_change_what_they_cost() -> None:
    cluster = PLATFORM.clusters["live-1"]
    alone = cluster.model_copy(update={"network": cluster.network.model_copy(update={"nat_per_zone": False})})
    usage = services.Usage(10**6, Fraction(720), Fraction(720))
    busy = services.Usage(10**9, Fraction(720), Fraction(720))

    def amounts(facts: Cluster, used: services.Usage) -> dict[str, Fraction]:
        return {one.what: one.amount for one in (*services.network(facts, used), *services.observability_and_the_rest(used))}

    few, more, single = amounts(cluster, usage), amounts(cluster, busy), amounts(alone, usage)
    assert (few["NAT gateways"], single["NAT gateways"]) == (3 * 720, 720)
    assert few["public addresses"] - single["public addresses"] == 2 * 720
    grown = {what for what in few if more[what] > few[what]}
    assert grown == {"load balancer's capacity", "traffic between zones", "traffic out", "logs taken", "logs kept"}
    assert few["disks of nodes"] == services.SYSTEM_VOLUME_GIB + 200


def test_there_is_one_month_and_floors_are_lines_of_it(month: RegionMonth) -> None:
    figures = [
        path.name
        for path in (ROOT / "tidegate").rglob("*.py")
        if re.search(r"\b7[23]0\b|^HOURS_PER_MONTH|^DAYS_PER_MONTH", path.read_text(), re.M)
    ]
    assert figures == ["money.py"]
    assert HOURS_PER_MONTH == 24 * (WORKING_DAYS + QUIET_DAYS) == services.HOURS_PER_MONTH
    nodes = nodes_of(PLATFORM, read_rendered(ROOT), PRICES)
    (reserved,) = [line for line in month.lines if line.what == "p5.4xlarge, reserved"]
    floors = [node.usd_per_hour * HOURS_PER_MONTH for node in nodes if (node.cluster, node.pool) == (month.region, "h100-slices")]
    assert reserved.usd_cents == round(sum(floors) * 100)


def test_unknown_region_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no region 'live-3'; there are live-1, live-2"):
        region_month(PLATFORM, "live-3", 1, tmp_path, PLAN)
