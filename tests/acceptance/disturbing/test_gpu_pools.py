"""Pools grow to what is asked for and shrink again; who matters more gets the cards at once. Nodes are KWOK's: nothing on them runs."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acceptance.edge_client import load
from tests.acceptance.gpu_drill import Drill, drill, idle_nodes_leave_after
from tests.acceptance.running_platform import INVENTORY, REGIONS, Running, wait_for
from tests.acceptance.served_repository import Renderer
from tidegate.checkout import Checkout
from tidegate.embedded.prediction import PredictionError
from tidegate.facts import names

RecordProperty = Callable[[str, object], None]

REGION = REGIONS[1]
POOLS = sorted(INVENTORY.clusters[REGION].gpu_pools)
SPOT, BATCH = "a10g-spot", "scoring/batch"
ON_DEMAND, CHAT = "l4-whole", "assistant/chat"
"""A pool and the model that alone uses it."""

IDLE_SECONDS = 10

pytestmark = [pytest.mark.timeout(1200), pytest.mark.touches(regions=[REGION])]


@pytest.fixture(scope="module")
def cards(platform: Running) -> Iterator[Drill]:
    with idle_nodes_leave_after(platform, REGION, IDLE_SECONDS), drill(platform, REGION) as opened:
        yield opened


def phases(cards: Drill, pool: str, count: int) -> dict[str, float]:
    """Seconds until each step was seen, from asking for pods until the last of their nodes is gone."""
    at_rest = len(cards.nodes(pool))
    started = time.monotonic()
    seen: dict[str, float] = {}

    def reached(step: str, look: Callable[[], int], wanted: Callable[[int], bool], patience: float = 90) -> None:
        wait_for(f"{pool}: {step}", look, wanted, patience, 0.2)
        seen[step] = round(time.monotonic() - started, 2)

    cards.run(pool, pool, count, tier="standard")
    reached("claimed", lambda: len(cards.claims(pool)), lambda found: found > at_rest)
    reached("node", lambda: len(cards.nodes(pool)), lambda found: found > at_rest)
    reached("scheduled", lambda: len(cards.bound(pool)), lambda found: found == count)
    seen["nodes"] = len({one["spec"]["nodeName"] for one in cards.bound(pool)})
    cards.remove(pool)
    reached("gone", lambda: len(cards.nodes(pool)), lambda found: found == at_rest, 400)
    return seen


@pytest.mark.soak
def test_every_pool_grows_to_what_is_asked_and_shrinks_again(cards: Drill, record_property: RecordProperty) -> None:
    asked = {"a10g-spot": 3, "l4-whole": 2, "h100-slices": 9}
    assert set(asked) == set(POOLS)

    def in_pool(pool: str) -> dict[str, float]:
        return phases(cards, pool, asked[pool])

    with ThreadPoolExecutor(len(POOLS)) as threads:
        found = dict(zip(POOLS, threads.map(in_pool, POOLS), strict=True))
    record_property("phases", found)
    # A whole card each, one on a machine of these types; nine slices are more than the seven of one card, and so of one machine.
    assert {pool: one["nodes"] for pool, one in found.items()} == {"a10g-spot": 3, "l4-whole": 2, "h100-slices": 2}


def through_zero(platform: Running, cards: Drill, pool: str, reference: str) -> dict[str, float]:
    """Seconds of each step of a model that nobody asks, then one does, then nobody again; its pool's nodes come and go with it."""

    def places() -> list[str]:
        return platform.places(REGION, reference)

    seen = {"to_zero": wait_for(f"{reference} is at zero", places, lambda there: not there, 400, 1)}
    seen["node_gone"] = wait_for(f"{pool} has no nodes", lambda: len(cards.nodes(pool)), lambda count: count == 0, 300)
    started = time.monotonic()
    with contextlib.suppress(PredictionError):  # nothing that is scheduled here answers
        platform.ask(REGION, reference, timeout_seconds=3)
    for step, look in {
        "pod": lambda: len(places()),
        "claimed": lambda: len(cards.claims(pool)),
        "node": lambda: len(cards.nodes(pool)),
        "scheduled": lambda: sum(1 for node in places() if node),
    }.items():
        wait_for(f"{reference}: {step}", look, lambda found: found > 0, 120, 0.2)
        seen[step] = round(time.monotonic() - started, 2)
    # The call is held for an answer until it times out; only then nobody asks.
    seen["back_to_zero"] = wait_for(f"{reference} is at zero again", places, lambda there: not there, 600, 1)
    seen["node_gone_again"] = wait_for(f"{pool} has no nodes again", lambda: len(cards.nodes(pool)), lambda count: count == 0, 300)
    return seen


@pytest.mark.soak
def test_a_request_brings_a_spot_node_and_silence_takes_it_away(platform: Running, cards: Drill, record_property: RecordProperty) -> None:
    record_property("seconds", through_zero(platform, cards, SPOT, BATCH))


@pytest.mark.soak
def test_full_pool_gives_way_to_who_matters_more_and_takes_batch_back(cards: Drill, record_property: RecordProperty) -> None:
    room = INVENTORY.clusters[REGION].gpu_pools[SPOT].max_gpus - len(cards.nodes(SPOT))
    cards.run("filling", SPOT, room + 1, tier="batch")
    filled = wait_for(f"{SPOT} is full", lambda: len(cards.bound("filling")), lambda count: count == room, 240, 1)
    time.sleep(15)
    assert len(cards.bound("filling")) == room, "the pool took more than its limit"

    before = {one["metadata"]["uid"] for one in cards.bound("filling")}
    started = time.monotonic()
    cards.run("urgent", SPOT, 1, tier="critical")
    made = wait_for("the urgent pod is made", lambda: cards.pods("urgent"), bool, 30, 0.01)
    wait_for(
        "a batch pod has to go", lambda: {one["metadata"]["uid"] for one in cards.bound("filling")}, lambda now: now < before, 30, 0.01
    )
    evicted = time.monotonic() - started - made
    wait_for("the urgent pod has a card", lambda: len(cards.bound("urgent")), lambda count: count == 1, 30, 0.01)
    placed = time.monotonic() - started - made
    record_property("seconds", {"to_fill": filled, "until_batch_went": round(evicted, 2), "until_placed": round(placed, 2)})

    cards.remove("urgent")
    back = wait_for("batch is back", lambda: len(cards.bound("filling")), lambda count: count == room, 120)
    record_property("seconds_until_batch_was_back", back)
    cards.remove("filling")


@pytest.mark.soak
def test_spot_node_taken_away_under_load_costs_hot_tiers_nothing(platform: Running, cards: Drill, record_property: RecordProperty) -> None:
    cards.run("leaving", SPOT, 2, tier="batch")
    wait_for("batch has its cards", lambda: len(cards.bound("leaving")), lambda count: count == 2, 120)
    taken = {one["spec"]["nodeName"] for one in cards.bound("leaving")}
    with load(platform, REGION, "fraud/scorer", per_second=20) as seen:
        time.sleep(2)
        claims = [one["metadata"]["name"] for one in cards.claims(SPOT) if one["status"].get("nodeName") in taken]
        platform.cluster(REGION).run("delete", "nodeclaims", *claims, "--wait=false")
        again = wait_for(
            "batch has other cards",
            lambda: {one["spec"]["nodeName"] for one in cards.bound("leaving")},
            lambda now: len(now) == 2 and not now & taken, 180,
        )  # fmt: skip
    record_property("callers", seen.told())
    record_property("seconds_until_batch_was_back", again)
    cards.remove("leaving")
    assert not seen.bad, seen.told()


@pytest.mark.soak
def test_a_request_brings_an_on_demand_node_and_silence_takes_it_away(
    platform: Running, cards: Drill, renderer: Renderer, copy: Checkout, record_property: RecordProperty
) -> None:
    """The language model as production runs it: here a toy on the CPU stands in for it at other times."""
    tenant, _, model = CHAT.partition("/")
    path = copy.root / "gitops" / "tenants" / f"{tenant}.yaml"
    text = path.read_text(encoding="utf-8")
    on_cards = re.sub(r"(?ms)^    also_on_cpu:$.*?(?=^    \w)", "", text)
    assert on_cards != text
    path.write_text(on_cards, encoding="utf-8")
    renderer.render(copy.root)
    assert renderer.commit(f"Run {CHAT} on cards")

    def pools() -> str:
        found = platform.read(REGION, f"inferenceservice/{model}", f"--namespace={INVENTORY.tenants[tenant].namespace_name}")
        return found["spec"]["predictor"].get("nodeSelector", {}).get(names.LABEL_GPU_POOL, "")

    wait_for(f"{CHAT} asks for {ON_DEMAND}", pools, lambda pool: pool == ON_DEMAND, 120, 1)
    # A new revision starts a pod whatever its floor, which is where the way through zero begins.
    wait_for(f"{CHAT} has a card", lambda: len(cards.nodes(ON_DEMAND)), lambda count: count > 0, 240, 1)
    record_property("seconds", through_zero(platform, cards, ON_DEMAND, CHAT))
