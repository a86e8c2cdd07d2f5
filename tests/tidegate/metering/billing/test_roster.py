"""Every node-second goes to exactly one account, whatever the meter is told, and however often it begins anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.prices import PRICES
from tests.tidegate.metering.billing.streams import START_MS, Step, lives, make_node, make_pod, node_lives
from tidegate.facts.cluster import CapacityType
from tidegate.facts.prices.tables import Tariff
from tidegate.metering.billing.allotment import Owner, Reason
from tidegate.metering.billing.bill import make_bill
from tidegate.metering.billing.entries import DAY_MS, LedgerEntry, Use
from tidegate.metering.billing.events import (
    AllListed,
    Event,
    NodeGone,
    NodeSeen,
    PodGone,
    PodSeen,
    RequestsCounted,
    Tick,
    WatchLost,
    compressed,
)
from tidegate.metering.billing.roster import Roster


def told(steps: Iterable[Step]) -> list[Event]:
    return [event for step in steps for event in [step.event] * step.told]


def entries_of(events: Sequence[Event], close_ms: int, roster: Roster | None = None) -> list[LedgerEntry]:
    roster = roster or Roster("live-1", events[0].at_ms)
    entries: list[LedgerEntry] = []
    for event in events:
        roster.see(event)
        entries += roster.close(event.at_ms - event.at_ms % close_ms)
    return entries + roster.close(events[-1].at_ms)


def node_us(entries: Iterable[LedgerEntry]) -> int:
    return sum(time.node_us for entry in entries for time in entry.nodes)


def uses_of(*events: Event) -> list[Use]:
    (entry,) = entries_of(events, DAY_MS)
    return list(entry.uses)


def by_account(uses: Iterable[Use]) -> dict[tuple[Owner, str, Reason], int]:
    found: dict[tuple[Owner, str, Reason], int] = {}
    for use in uses:
        key = (use.owner, use.tenant, use.reason)
        found[key] = found.get(key, 0) + use.node_us
    return found


CLOSINGS = st.sampled_from([1, 500, 60_000, DAY_MS])


@given(lives(faithful=False), CLOSINGS)
def test_whatever_is_told_uses_add_up_and_no_time_is_left_out_or_counted_twice(steps: list[Step], close_ms: int) -> None:
    events = told(steps)
    entries = entries_of(events, close_ms)
    at_ms = START_MS
    for entry in entries:
        assert entry.start_ms == at_ms
        assert sum(use.node_us for use in entry.uses) == sum(time.node_us for time in entry.nodes)
        at_ms = entry.end_ms
    assert at_ms == events[-1].at_ms
    bill = make_bill(entries, Tariff(PRICES))
    assert sum(row.usd_cents for row in bill.rows) == sum(one.usd_cents for one in bill.sums) == bill.usd_cents


@given(lives(faithful=True), CLOSINGS)
def test_nodes_are_billed_from_their_making_to_their_end(steps: list[Step], close_ms: int) -> None:
    lived_ms = sum(end - start for start, end in node_lives(steps).values())
    assert node_us(entries_of(told(steps), close_ms)) == 1000 * lived_ms


@given(lives(faithful=True), CLOSINGS)
def test_cards_are_divided_like_nodes(steps: list[Step], close_ms: int) -> None:
    cards = {node.uid: node.cards for step in steps for node in step.nodes}
    lived_us = sum(1000 * cards[uid] * (end - start) for uid, (start, end) in node_lives(steps).items())
    assert sum(use.card_us for entry in entries_of(told(steps), close_ms) for use in entry.uses) == lived_us


@given(lives(faithful=True), CLOSINGS)
def test_events_that_come_twice_change_nothing(steps: list[Step], close_ms: int) -> None:
    once = entries_of([step.event for step in steps], close_ms)
    assert entries_of([event for step in steps for event in (step.event, step.event)], close_ms) == once


@given(lives(faithful=True), st.data())
def test_meter_that_is_killed_goes_on_where_its_ledger_ends(steps: list[Step], data: st.DataObject) -> None:
    close_ms = data.draw(CLOSINGS)
    killed = data.draw(st.integers(1, len(steps) - 1))
    before = Roster("live-1", START_MS)
    entries: list[LedgerEntry] = []
    for event in told(steps[:killed]):
        before.see(event)
        entries += before.close(event.at_ms - event.at_ms % close_ms)
    closed_ms = entries[-1].end_ms if entries else START_MS
    again = data.draw(st.integers(killed, len(steps) - 1))  # the meter was away meanwhile
    entries += entries_of([steps[again].listed, *told(steps[again + 1 :])], close_ms, Roster("live-1", closed_ms))
    began_ms = steps[again].event.at_ms
    alive = {node.uid for node in steps[again].nodes}
    expected_ms = 0
    for uid, (start, end) in node_lives(steps).items():
        missed = uid not in alive and closed_ms < end and start <= began_ms and not seen_later(uid, steps[again + 1 :])
        expected_ms += max(0, min(end, closed_ms) - start) if missed else end - start
    assert node_us(entries) == 1000 * expected_ms
    assert all(earlier.end_ms <= later.start_ms for earlier, later in pairwise(entries))


def seen_later(uid: str, steps: Iterable[Step]) -> bool:
    return any(isinstance(step.event, NodeSeen) and step.event.node.uid == uid for step in steps)


@given(lives(faithful=False))
def test_list_makes_up_for_what_was_missed(steps: list[Step]) -> None:
    last = steps[-1]
    roster = Roster("live-1", START_MS)
    for event in told(steps):
        roster.see(event)
    roster.close(last.event.at_ms)
    roster.see(Tick(last.event.at_ms + 1000))
    after = roster.close(last.event.at_ms + 1000)
    assert node_us(after) == len(last.nodes) * 1_000_000


def test_cold_start_serving_and_idle_follow_one_another() -> None:
    node = make_node("n", START_MS)
    pod = make_pod("p", START_MS + 200, node.name, requests={"cpu": 1960})
    uses = uses_of(
        AllListed(START_MS, (node,), ()), NodeSeen(START_MS + 110, replace(node, ready_ms=START_MS + 100)), PodSeen(START_MS + 200, pod), PodSeen(START_MS + 500, replace(pod, ready_ms=START_MS + 500)),
        PodGone(START_MS + 900, "p"), Tick(START_MS + 1000),
    )  # fmt: skip
    assert by_account(uses) == {
        (Owner.TENANT, "assistant", Reason.COLD_START): 150_000,
        (Owner.TENANT, "assistant", Reason.SERVING): 200_000,
        (Owner.IDLE, "", Reason.COLD_START): 100_000,
        (Owner.IDLE, "", Reason.IDLE): 100_000 + 350_000 + 100_000,
    }


def test_oldest_ready_replicas_are_the_floor() -> None:
    node = make_node("n", START_MS, ready_ms=START_MS)
    pods = [
        make_pod(uid, START_MS, node.name, floor=1, ready_ms=START_MS + ready, requests={"cpu": 980})
        for uid, ready in (("b", 0), ("a", -1))
    ]
    uses = by_account(uses_of(AllListed(START_MS, (node,), tuple(pods)), PodGone(START_MS + 500, "a"), Tick(START_MS + 1000)))
    # Once the older has gone, the other one is the floor.
    assert uses[Owner.TENANT, "assistant", Reason.WARM_FLOOR] == 1000 * 250
    assert uses[Owner.TENANT, "assistant", Reason.SERVING] == 500 * 250


def test_placeholder_of_the_platform_is_shared_warm_floor() -> None:
    node = make_node("n", START_MS, 0, ready_ms=START_MS)
    pod = make_pod("p", START_MS, node.name, "", namespace="platform", placeholder=True, requests={"nvidia.com/gpu": 1})
    assert by_account(uses_of(AllListed(START_MS, (node,), (pod,)), Tick(START_MS + 10)))[Owner.SHARED, "", Reason.WARM_FLOOR] == 10_000


def test_whoever_holds_the_only_card_pays_the_machine() -> None:
    node = make_node("n", START_MS, 0, CapacityType.SPOT, ready_ms=START_MS)
    pod = make_pod("p", START_MS, node.name, ready_ms=START_MS, requests={"cpu": 10, "nvidia.com/gpu": 1})
    (use, idle) = sorted(uses_of(AllListed(START_MS, (node,), (pod,)), Tick(START_MS + 10)), key=lambda use: use.owner, reverse=True)
    assert (use.tenant, use.node_us, use.card_us, use.capacity) == ("assistant", 10_000, 10_000, CapacityType.SPOT)
    assert (idle.owner, idle.node_us, idle.card_us, idle.cpu_millicore_ms) == (Owner.IDLE, 0, 0, 39_100)


def test_shares_above_the_node_are_scaled_down() -> None:
    node = make_node("n", START_MS, ready_ms=START_MS)
    all_cores = make_pod("a", START_MS, node.name, "fraud", ready_ms=START_MS, requests={"cpu": 3920})
    all_memory = make_pod("b", START_MS, node.name, "credit", ready_ms=START_MS, requests={"memory": 14_000})
    uses = by_account(uses_of(AllListed(START_MS, (node,), (all_cores, all_memory)), Tick(START_MS + 10)))
    assert uses == {(Owner.TENANT, "fraud", Reason.SERVING): 5_000, (Owner.TENANT, "credit", Reason.SERVING): 5_000}


@pytest.mark.parametrize("close_ms", [1, DAY_MS])
def test_finished_pod_holds_nothing_and_does_not_come_back(close_ms: int) -> None:
    node = make_node("n", START_MS, ready_ms=START_MS)
    pod = make_pod("p", START_MS, node.name, requests={"cpu": 3920})
    late = [PodSeen(START_MS + 6, pod), Tick(START_MS + 10)]
    events = [AllListed(START_MS, (node,), (pod,)), PodSeen(START_MS + 5, replace(pod, finished=True)), *late]
    uses = by_account(use for entry in entries_of(events, close_ms) for use in entry.uses)
    assert uses[Owner.TENANT, "assistant", Reason.COLD_START] == 5_000


def test_node_of_the_same_name_ends_the_one_whose_end_was_missed() -> None:
    first = make_node("n", START_MS, ready_ms=START_MS)
    second = replace(first, uid="m", created_ms=START_MS + 6)
    events = [AllListed(START_MS, (first,), ()), NodeSeen(START_MS + 6, second), NodeGone(START_MS + 8, "m"), Tick(START_MS + 10)]
    assert sum(use.node_us for use in uses_of(*events)) == 8_000


def test_nothing_is_closed_while_nobody_looks_and_it_is_told_how_long() -> None:
    roster = Roster("live-1", START_MS)
    node = make_node("n", START_MS, ready_ms=START_MS)
    roster.see(AllListed(START_MS, (node,), ()))
    roster.see(WatchLost(START_MS + 100))
    roster.see(Tick(START_MS + 500))
    assert roster.close(START_MS + 500) == []
    roster.see(AllListed(START_MS + 700, (node,), ()))
    (entry,) = roster.close(START_MS + 700)
    assert (node_us([entry]), entry.unwatched_ms) == (700_000, 600)


@pytest.mark.parametrize("close_ms", [1, DAY_MS])
def test_clock_that_goes_back_counts_nothing_twice(close_ms: int) -> None:
    node = make_node("n", START_MS, ready_ms=START_MS)
    events = [
        AllListed(START_MS, (node,), ()),
        Tick(START_MS + 100),
        Tick(START_MS + 50),
        NodeGone(START_MS + 60, "n"),
        Tick(START_MS + 200),
    ]
    assert node_us(entries_of(events, close_ms)) == 100_000


def test_requests_are_what_counters_rose_by() -> None:
    node, old = make_node("n", START_MS - 1, ready_ms=START_MS), make_pod("old", START_MS - 1, "node-n")
    new = make_pod("new", START_MS + 1, node.name)

    def counted(pod: str, total: int) -> RequestsCounted:
        return RequestsCounted(START_MS + 5, "tenant-assistant", f"pod-{pod}", "assistant", "chat", total)

    # What the old pod took before the meter looked is not its to count; 3 after 12 is a counter that began anew.
    events = [
        AllListed(START_MS, (node,), (old,)),
        counted("old", 100),
        counted("old", 107),
        PodSeen(START_MS + 5, new),
        counted("new", 12),
        counted("new", 3),
    ]
    (entry,) = entries_of(events, DAY_MS)
    assert [(one.tenant, one.model, one.requests) for one in entry.requests] == [("assistant", "chat", 7 + 12 + 3)]


def test_compressed_day_is_metered_as_a_day() -> None:
    node = make_node("n", START_MS + 10, ready_ms=START_MS + 20)
    pod = make_pod("p", START_MS + 30, node.name, ready_ms=START_MS + 40, requests={"cpu": 3920})
    real = [
        AllListed(START_MS, (), ()),
        NodeSeen(START_MS + 10, node),
        PodSeen(START_MS + 40, pod),
        PodGone(START_MS + 90, "p"),
        NodeGone(START_MS + 100, "n"),
    ]
    shown = [compressed(event, origin_ms=START_MS, factor=48, shown_as_ms=DAY_MS) for event in real]
    assert by_account(use for entry in entries_of(shown, DAY_MS) for use in entry.uses) == {
        account: 48 * used for account, used in by_account(use for entry in entries_of(real, DAY_MS) for use in entry.uses).items()
    }
    assert shown[0].at_ms == DAY_MS
