"""What people do to releases, what they can read of it, and what stays still without sources or with a model that fails."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest import mock

import pytest

from clusters.workloads.release_controller import turn, write
from clusters.workloads.release_controller.known import Model, Parameter
from clusters.workloads.release_controller.sources import Sources
from clusters.workloads.release_controller.store import Store
from tests.clusters.workloads.release_controller import virtual_time
from tests.clusters.workloads.release_controller.meddling import annotate, lower, order
from tests.clusters.workloads.release_controller.processes import NAMESPACE, Process, region, until
from tests.clusters.workloads.release_controller.seen import at_share, notes
from tests.clusters.workloads.release_controller.simulated_region import (
    KEY,
    MODEL,
    PARAMETERS,
    RELEASES,
    SERVICES,
    is_settled,
    release_object,
)
from tests.clusters.workloads.release_controller.told import Told
from tests.tidegate.release.world import Kind, files
from tidegate.contracts.release import Phase
from tidegate.contracts.release_names import ANNOTATION_FROZEN, FROZEN_ALL, GUARD_CONFIG_MAP
from tidegate.release.analysis.outcome import Outcome
from tidegate.release.observation import Judgement

GOOD = {1: Kind.GOOD, 2: Kind.GOOD}


@pytest.mark.parametrize("place", ["the Release", "a namespace", "everything"])
def test_freeze_holds_every_rise_until_it_ends(place: str) -> None:
    async def play() -> None:
        async with region(GOOD) as there:
            one = Process(there, Told(there), "one")
            one.start()
            await until(lambda: at_share(there, 10), 300, there)
            key = {"a namespace": f"{FROZEN_ALL}.{MODEL.namespace}", "everything": FROZEN_ALL}.get(place, "")
            parameter = {
                "metadata": {"namespace": NAMESPACE, "name": GUARD_CONFIG_MAP},
                "data": {key: "a holiday", f"{FROZEN_ALL}.other": "x"},
            }
            if key:
                there.server.put(PARAMETERS, parameter)
            else:
                annotate(there, ANNOTATION_FROZEN, "a holiday")
            await asyncio.sleep(300)
            assert there.status.allowed_percent == 10
            assert [note for note in notes(there, "Held") if "frozen: a holiday" in note]
            if key:
                there.server.put(PARAMETERS, {**parameter, "data": {f"{FROZEN_ALL}.other": "x"}})
            else:
                annotate(there, ANNOTATION_FROZEN, "")
            await until(lambda: is_settled(there), 600, there)
            assert there.spec.promoted == files(2)
            await one.end()

    virtual_time.run(play())


def test_lower_share_by_hand_is_an_abort() -> None:
    async def play() -> None:
        async with region(GOOD) as there:
            one = Process(there, Told(there), "one")
            one.start()
            await until(lambda: at_share(there, 25), 300, there)
            lower(there, [one])
            await until(lambda: is_settled(there), 600, there)
            assert there.spec.promoted == files(1)
            assert [note for note in notes(there, "Aborted") if "lowered by hand from 25 %" in note]
            await one.end()

    virtual_time.run(play())


def test_order_that_cannot_be_read_is_said_and_changes_nothing() -> None:
    async def play() -> None:
        async with region(GOOD) as there:
            one = Process(there, Told(there), "one")
            one.start()
            await until(lambda: at_share(there, 10), 300, there)
            annotate(there, "tidegate.dev/release-order", '{"verb": "abort"}')
            await until(lambda: is_settled(there), 600, there)
            assert there.spec.promoted == files(2)
            (note,) = notes(there, "Unreadable")
            assert note == "tidegate.dev/release-order: identifier: Field required; give identifier, verb, by and reason"
            await one.end()

    virtual_time.run(play())


def test_order_is_obeyed_once() -> None:
    async def play() -> None:
        async with region(GOOD) as there:
            one = Process(there, Told(there), "one")
            one.start()
            await until(lambda: at_share(there, 25), 300, there)
            there.chance = mock.Mock(wraps=there.chance, choice=mock.Mock(return_value="abort"))
            order(there, [one])
            await until(lambda: there.status.phase is Phase.ABORTING or there.status.phase is Phase.STEADY, 30, there)
            assert there.status.aborted[0].reason == "aborted by maria: because"
            await one.end()

    virtual_time.run(play())


def test_without_sources_nothing_moves_and_says_why() -> None:
    async def play() -> None:
        async with region(GOOD) as there:
            told = mock.Mock(sources=Sources)
            one = Process(there, told, "one")
            one.start()
            await asyncio.sleep(600)
            assert there.status.phase is Phase.STEADY
            assert there.status.stable
            assert there.status.stable.files == files(1), "what Git says is promoted serves all the same"
            (note,) = notes(there, "Held")
            assert note.endswith(
                "it does not begin: the news of the other region is old: nobody hears it: give the controller a source of news"
            )
            await one.end()

    virtual_time.run(play())


def test_without_figures_a_step_is_held_and_then_aborted() -> None:
    async def play() -> None:
        async with region(GOOD) as there:
            told = Told(there)
            one = Process(there, mock.Mock(sources=lambda: Sources(smoke=told, room=told, news=told, proposals=told)), "one")
            one.start()
            await until(lambda: is_settled(there), 900, there)
            assert max(there.shares) == 10
            assert [note for note in notes(there, "Aborted") if "nothing measures the candidate" in note]
            await one.end()

    virtual_time.run(play())


def test_model_that_fails_stops_no_other_and_says_why() -> None:
    other = "ranker"

    async def play() -> None:
        async with region(GOOD) as there:
            item = release_object(there.spec)
            item["metadata"]["name"] = other
            item["status"] = {"phase": "Steady", "message": "before"}
            there.server.put(RELEASES, item)
            seen = turn.observe

            def failing(known: Any, *arguments: Any, **named: Any) -> Any:
                if known.model.name == other:
                    raise RuntimeError("a fault of ours")
                return seen(known, *arguments, **named)

            one = Process(there, Told(there), "one")
            with mock.patch.object(turn, "observe", failing):
                one.start()
                await until(lambda: is_settled(there), 600, there)
                leading = one.replica.report.leading
                assert leading
                assert 5 < leading.schedule.failures < 20, "it backs off"
            failed = there.server.get(RELEASES, f"{MODEL.namespace}/{other}")
            assert failed
            assert failed["status"]["message"] == "the controller could not go on: a fault of ours"
            await one.end()

    virtual_time.run(play())


def test_models_of_one_namespace_share_the_parameter() -> None:
    store = Store(NAMESPACE)
    woken: list[Model] = []
    store.wake = woken.append
    for name in ("scorer", "ranker"):
        item = {"metadata": {"namespace": "tenant-fraud", "name": name, "uid": "u", "resourceVersion": "1"}, "spec": {}}
        store.put(write.RELEASES, item)
    woken.clear()
    data = {"scorer.stable": "scorer-1", "scorer.revisions": "scorer-1", "scorer-1.share": "100"}
    metadata = {"namespace": "tenant-fraud", "name": GUARD_CONFIG_MAP, "uid": "u", "resourceVersion": "1"}
    store.put(write.PARAMETERS, {"metadata": metadata, "data": data})
    assert woken == [Model("tenant-fraud", "scorer")], "the other one need not look"
    assert Parameter({**data, "scorer-1.share": "much"}).guard("scorer") is None, "what cannot be read is written anew"


def test_deleted_release_and_service_wait_for_nobody() -> None:
    async def play() -> None:
        async with region(GOOD) as there:
            one = Process(there, Told(there), "one")
            one.start()
            await until(lambda: at_share(there, 10), 300, there)
            for collection in (RELEASES, SERVICES):
                item = there.server.get(collection, KEY)
                assert item
                assert "finalizers" not in item["metadata"]
            there.server.delete(SERVICES, *KEY.split("/"))
            before = len(one.writes)
            await asyncio.sleep(60)
            assert len(one.writes) == before, "a model that is being removed is left alone"
            await one.end()

    virtual_time.run(play())


def test_unhealthy_on_both_sides_is_held_with_a_warning() -> None:
    async def play() -> None:
        async with region(GOOD) as there:
            told = Told(there)
            one = Process(there, told, "one")
            one.start()
            await until(lambda: at_share(there, 10), 300, there)
            candidate = there.status.candidate
            assert candidate
            both = Judgement(Outcome.BOTH_UNHEALTHY, "both answer with errors", candidate.uid, is_candidate_healthier=True)
            with mock.patch.object(Told, "judgement", return_value=both):
                await asyncio.sleep(60)
            assert there.status.allowed_percent == 10
            assert 'tidegate_release_both_unhealthy{namespace="tenant-fraud",model="scorer"} 1' in one.replica.report.metrics()
            await one.end()

    virtual_time.run(play())
