"""Each decision is one write, bound to what was seen: nothing is written over what came after, and nothing comes back that was deleted."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from clusters.workloads.release_controller.api import ConflictError
from clusters.workloads.release_controller.known import Known
from clusters.workloads.release_controller.reader import Reader
from clusters.workloads.release_controller.sources import Sources
from clusters.workloads.release_controller.write import Writer, takes_back
from tests.clusters.workloads.release_controller import virtual_time
from tests.clusters.workloads.release_controller.processes import NAMESPACE
from tests.clusters.workloads.release_controller.simulated_api import Connection, SimulatedServer
from tests.clusters.workloads.release_controller.simulated_region import (
    KEY,
    MODEL,
    PARAMETERS,
    RELEASES,
    ROUTE_KEY,
    ROUTES,
    SERVICES,
    release_object,
    service_object,
)
from tests.tidegate.release.test_decide import AT_10, BACK, SPEC, STABLE, STEPPING
from tests.tidegate.release.world import files
from tidegate.contracts.release_names import GUARD_CONFIG_MAP
from tidegate.release.look import Decision, Remember
from tidegate.release.observation import Guard, SetFiles, SetGuard, SetRoute, Target

Change = Callable[[SimulatedServer], object]
OTHER = {"ranker.stable": "ranker-1", "ranker.revisions": "ranker-1", "ranker-1.share": "100", "ranker-1.sha256": "a" * 64}
PARAMETER_KEY = f"{MODEL.namespace}/{GUARD_CONFIG_MAP}"
GUARD = Guard("scorer-1", {"scorer-1": 100}, {"scorer-1": "b" * 64})


def touch(collection: str, key: str) -> Change:
    """Somebody writes something else into it."""

    def change(server: SimulatedServer) -> None:
        item = server.get(collection, key)
        assert item
        labels = item["metadata"].get("labels", {}) | {"somebody": "wrote"}
        server.put(collection, {**item, "metadata": {**item["metadata"], "labels": labels}})

    return change


def replace(collection: str, key: str) -> Change:
    """It is deleted, and another one is made under its name."""

    def change(server: SimulatedServer) -> None:
        item = server.get(collection, key)
        assert item
        server.delete(collection, *key.split("/"))
        server.put(collection, {**item, "metadata": {"namespace": MODEL.namespace, "name": key.partition("/")[2]}})

    return change


def remove(collection: str, key: str) -> Change:
    return lambda server: server.delete(collection, *key.split("/"))


def made(collection: str, name: str) -> Change:
    return lambda server: server.put(collection, {"metadata": {"namespace": MODEL.namespace, "name": name}, "data": OTHER, "spec": {}})


def place(server: SimulatedServer, *, whole: bool) -> None:
    server.put(SERVICES, service_object(files(1)))
    server.put(RELEASES, release_object(SPEC) | {"status": STEPPING.model_dump(mode="json", by_alias=True, exclude_none=True)})
    if whole:
        server.put(PARAMETERS, {"metadata": {"namespace": MODEL.namespace, "name": GUARD_CONFIG_MAP}, "data": OTHER})
        traffic = [{"revisionName": one.revision, "percent": one.percent} for one in AT_10]
        server.put(ROUTES, {"metadata": {"namespace": MODEL.namespace, "name": "scorer-live"}, "spec": {"traffic": traffic}})


def carry_out(decision: Callable[[Known], Decision], between: Change, *, whole: bool = True) -> SimulatedServer:
    """Reads, lets something happen, and writes."""

    async def play() -> SimulatedServer:
        server = SimulatedServer(random.Random(1))
        place(server, whole=whole)
        connection = Connection(server, "controller", lambda _date, _asked, _had: None)
        known = await Reader(connection, NAMESPACE).read(MODEL)
        between(server)
        release = known.release
        assert release
        assert release.spec
        await Writer(connection, mock.Mock(), Sources()).carry_out(decision(known), known, release, release.spec)
        return server

    return virtual_time.run(play())


def status(_known: Known) -> Decision:
    return Remember(STEPPING.model_copy(update={"message": "after"}))


def named(known: Known) -> Decision:
    assert known.owner
    return SetFiles(files(2), known.owner.service.resource_version)


def allowed(_known: Known) -> Decision:
    return SetGuard(GUARD)


def moved(known: Known) -> Decision:
    return SetRoute(BACK, known.route.route.resource_version if known.route else "", STABLE.uid, "it failed")


def nothing(_server: SimulatedServer) -> None:
    pass


@pytest.mark.parametrize("whole", [True, False], ids=["changed", "made"])
def test_each_is_written_where_nothing_came_between(whole: bool) -> None:
    data = carry_out(allowed, nothing, whole=whole).get(PARAMETERS, PARAMETER_KEY)
    assert data
    assert data["data"]["scorer.stable"] == "scorer-1"
    assert (data["data"].get("ranker-1.share") == "100") is whole, "the part of another model stays"
    route = carry_out(moved, nothing, whole=whole).get(ROUTES, ROUTE_KEY)
    assert route
    assert route["spec"]["traffic"] == [{"revisionName": "scorer-00001", "latestRevision": False, "percent": 100}]
    release = carry_out(status, nothing, whole=whole).get(RELEASES, KEY)
    assert release
    assert release["status"]["message"] == "after"
    service = carry_out(named, nothing, whole=whole).get(SERVICES, KEY)
    assert service
    assert service["spec"]["predictor"]["model"]["storageUri"] == files(2).uri


CHANGES: dict[str, tuple[Callable[[Known], Decision], Change, bool]] = {
    "status": (status, touch(RELEASES, KEY), True),
    "files": (named, touch(SERVICES, KEY), True),
    "files of another one": (named, replace(SERVICES, KEY), True),
    "files of one that is gone": (named, remove(SERVICES, KEY), True),
    "parameter": (allowed, touch(PARAMETERS, PARAMETER_KEY), True),
    "parameter that another model made": (allowed, made(PARAMETERS, GUARD_CONFIG_MAP), False),
    "Route": (moved, touch(ROUTES, ROUTE_KEY), True),
    "Route that was made again": (moved, replace(ROUTES, ROUTE_KEY), True),
    "Route that is gone": (moved, remove(ROUTES, ROUTE_KEY), True),
    "Route that is there by now": (moved, made(ROUTES, "scorer-live"), False),
}


@pytest.mark.parametrize("name", CHANGES)
def test_nothing_is_written_over_what_came_after(name: str) -> None:
    decision, between, whole = CHANGES[name]
    there: list[Any] = []

    def change(server: SimulatedServer) -> None:
        between(server)
        there.extend([server, server.version])

    with pytest.raises(ConflictError):
        carry_out(decision, change, whole=whole)
    server, version = there
    assert server.version == version


def test_only_what_gives_nobody_more_is_made_at_once() -> None:
    def judged(known: Known) -> Decision:
        seen.append(known)
        return status(known)

    seen: list[Known] = []
    carry_out(judged, nothing)
    (known,) = seen
    assert takes_back(SetRoute(BACK, "1"), known)
    assert not takes_back(SetRoute((Target("scorer-00001", 75), Target("scorer-00002", 25)), "1"), known)
    assert not takes_back(SetRoute((Target("scorer-00003", 100),), "1"), known)
    assert not takes_back(allowed(known), known)
