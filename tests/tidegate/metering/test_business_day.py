"""A pretended business day goes through the real ledger, costs what it should and is the same every time."""

from __future__ import annotations

from pathlib import Path

import pytest

from clusters.components.nodes import gpu_pools
from tests.prices import PRICES
from tests.root import ROOT
from tidegate.errors import UsageError
from tidegate.facts import inventory
from tidegate.facts.cluster import CapacityType
from tidegate.metering import pretended_region
from tidegate.metering.billing.allotment import Owner, Reason
from tidegate.metering.billing.entries import DAY_MS
from tidegate.metering.billing.events import NodeGone, NodeSeen, PodSeen
from tidegate.metering.business_day import BUSINESS_DAY
from tidegate.metering.costs import SIMULATED_MIDNIGHT_MS, Day, simulate
from tidegate.metering.ledger import read_month
from tidegate.metering.pretended_region import PretendedDay, PretendedRegion

PLATFORM = inventory.load(ROOT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ledger")


@pytest.fixture(scope="module")
def day(folder: Path) -> Day:
    return simulate(PLATFORM, "live-1", 1, folder, PRICES)


def test_assistant_takes_cards_in_office_hours_only(day: Day) -> None:
    held = {one.model: one for one in day.always_on}["assistant/chat"]
    assert 8 < held.gpu_hours <= 9
    assert held.always_on_gpu_hours == 24
    on_cards = sum(row.gpu_hours for row in day.bill.rows if row.capacity is CapacityType.ON_DEMAND)
    assert on_cards <= 9, "with what its machines stand idle"
    sums = {one.tenant: one.gpu_hours for one in day.bill.sums if one.owner is Owner.TENANT}
    assert sums["assistant"] == held.gpu_hours


@pytest.mark.parametrize("seed", [2, 3])
def test_other_days_are_much_the_same(tmp_path: Path, seed: int) -> None:
    other = simulate(PLATFORM, "live-1", seed, tmp_path, PRICES)
    assert {one.model: one.gpu_hours <= 9 for one in other.always_on}["assistant/chat"]
    assert sum(one.usd_cents for one in other.bill.sums) == other.bill.usd_cents


def test_tenants_and_shared_and_idle_are_the_bill_of_the_nodes(day: Day) -> None:
    assert sum(one.usd_cents for one in day.bill.sums) == sum(row.usd_cents for row in day.bill.rows) == day.bill.usd_cents
    # Counted from the nodes themselves: made, gone, price.
    lives: dict[str, list[int]] = {}
    prices: dict[str, float] = {}
    for event in PretendedRegion(PLATFORM, PretendedDay("live-1", 1, SIMULATED_MIDNIGHT_MS), PRICES.table()):
        if isinstance(event, NodeSeen):
            lives.setdefault(event.node.uid, [event.node.created_ms, SIMULATED_MIDNIGHT_MS + DAY_MS])
            price = {
                "g6.xlarge": 0.8048,
                "g5.xlarge": 1.006 * 0.4,
                "p5.4xlarge": 6.88,
                "m7i.xlarge": 0.2016,
                "m7i.2xlarge": 0.4032,
                "m6i.xlarge": 0.192 * 0.4,
            }
            prices[event.node.uid] = price[event.node.instance_type]
        elif isinstance(event, NodeGone):
            lives[event.uid][1] = event.at_ms
    cards_at_work = [lives[uid][1] for uid, price in prices.items() if price == 0.8048]
    assert cards_at_work
    assert max(cards_at_work) < SIMULATED_MIDNIGHT_MS + 18 * 3_600_000  # machines of the assistant go home, too
    expected = sum(prices[uid] * (end - start) / 3_600_000 for uid, (start, end) in lives.items())
    assert day.bill.usd_cents == pytest.approx(expected * 100, abs=1)


def test_everybody_who_serves_pays_and_every_call_is_counted(day: Day) -> None:
    assert {f"{tenant}/{model}" for tenant, model, _ in day.bill.requests} == set(BUSINESS_DAY)
    assert all(one.usd_cents for one in day.bill.sums)
    reasons = {(row.tenant, row.reason) for row in day.bill.rows}
    assert {("assistant", Reason.COLD_START), ("assistant", Reason.SERVING), ("fraud", Reason.WARM_FLOOR)} <= reasons
    assert ("assistant", Reason.WARM_FLOOR) not in reasons
    assert ("fraud", Reason.SERVING) not in reasons  # its floor carries the day


def test_same_seed_is_the_same_day_byte_for_byte(folder: Path, day: Day, tmp_path: Path) -> None:
    assert simulate(PLATFORM, "live-1", 1, tmp_path, PRICES) == day
    (first,), (second,) = read_month(folder, "2026-11"), read_month(tmp_path, "2026-11")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert len(first.entries) == 24 * 12


def test_no_node_holds_more_than_it_has_and_no_pool_more_than_it_may() -> None:
    pods_asked: dict[str, list[str]] = {}
    nodes: dict[str, int] = {}
    for event in PretendedRegion(PLATFORM, PretendedDay("live-2", 5, SIMULATED_MIDNIGHT_MS), PRICES.table()):
        if isinstance(event, NodeSeen) and event.node.cards:
            nodes[event.node.uid] = event.node.cards
        elif isinstance(event, NodeGone):
            nodes.pop(event.uid, None)
        elif isinstance(event, PodSeen) and any(key == "nvidia.com/gpu" for key in event.pod.requests):
            pods_asked.setdefault(event.pod.node, []).append(event.pod.uid)
        assert sum(nodes.values()) <= sum(pool.max_gpus for pool in PLATFORM.clusters["live-2"].gpu_pools.values())
    assert pods_asked


def test_unknown_region_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no region 'live-3'; there are live-1, live-2"):
        simulate(PLATFORM, "live-3", 1, tmp_path, PRICES)


def test_nodes_stay_empty_as_long_as_in_the_gpu_pools() -> None:
    assert pretended_region.EMPTY_SECONDS == gpu_pools.IDLE_SECONDS
