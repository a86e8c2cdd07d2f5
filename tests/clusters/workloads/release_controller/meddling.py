"""What people, nodes and the network do to a release, one thing at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from clusters.workloads.release_controller.api import ApiError
from tests.clusters.workloads.release_controller.processes import Process
from tests.clusters.workloads.release_controller.simulated_region import KEY, RELEASES, ROUTE_KEY, ROUTES, Region
from tests.tidegate.release.world import files
from tidegate.contracts.release_names import ANNOTATION_FROZEN, ANNOTATION_ORDER
from tidegate.release.observation import Command, Verb
from tidegate.release.orders import written

Deed = Callable[[Region, list[Process]], None]


def meddle(region: Region, processes: list[Process]) -> None:
    deeds: list[Deed] = [
        lower, raise_by_hand, order, empty_status, change_template, jump, freeze, delete_service, change_mind, kill, cut, silence, forget, remove_route,
    ]  # fmt: skip
    region.chance.choice(deeds)(region, processes)


def move(region: Region, traffic: list[dict[str, object]]) -> None:
    if item := region.server.get(ROUTES, ROUTE_KEY):
        with contextlib.suppress(ApiError):
            region.server.put(ROUTES, {**item, "spec": {"traffic": traffic}}, "maria")


def lower(region: Region, _processes: list[Process]) -> None:
    stable = region.status.stable
    if stable and region.status.candidate and region.route and region.route.share(stable) < 100:
        move(region, [{"revisionName": stable.name, "percent": 100}])


def raise_by_hand(region: Region, _processes: list[Process]) -> None:
    if running := list(region.running):
        move(region, [{"revisionName": running[-1], "percent": 100}])


def annotate(region: Region, name: str, value: str) -> None:
    item = region.server.get(RELEASES, KEY)
    assert item
    annotations = item["metadata"].get("annotations", {}) | {name: value}
    region.edit(RELEASES, metadata={"annotations": annotations})


def order(region: Region, _processes: list[Process]) -> None:
    annotate(region, ANNOTATION_ORDER, written(Command(f"order-{region.now}", region.chance.choice(list(Verb)), "maria", "because")))


def empty_status(region: Region, _processes: list[Process]) -> None:
    item = region.server.get(RELEASES, KEY)
    assert item
    region.server.put(RELEASES, {key: value for key, value in item.items() if key != "status"}, "maria")


def change_template(region: Region, _processes: list[Process]) -> None:
    region.template = f"t{region.chance.randint(1, 3)}"


def jump(region: Region, processes: list[Process]) -> None:
    region.server.clock_error = region.chance.choice([3600.0, -3600.0, 86400.0, 0.0, 0.0])
    region.chance.choice(processes).ahead = region.chance.choice([0.0, 3600.0, -60.0])


def freeze(region: Region, _processes: list[Process]) -> None:
    annotate(region, ANNOTATION_FROZEN, region.chance.choice(["", "a holiday"]))


def delete_service(region: Region, _processes: list[Process]) -> None:
    region.delete_service()


def change_mind(region: Region, _processes: list[Process]) -> None:
    region.want(files(region.chance.choice(list(region.kinds))))


def kill(region: Region, processes: list[Process]) -> None:
    one = region.chance.choice(processes)
    one.kill()
    asyncio.get_running_loop().call_later(region.chance.uniform(1, 10), one.start)


def cut(region: Region, _processes: list[Process]) -> None:
    region.server.cut(is_cut=not region.server.is_cut)


def silence(region: Region, _processes: list[Process]) -> None:
    region.server.is_silent = not region.server.is_silent


def forget(region: Region, _processes: list[Process]) -> None:
    region.server.history.clear()
    region.server.forgotten = region.server.version


def remove_route(region: Region, _processes: list[Process]) -> None:
    region.server.delete(ROUTES, *ROUTE_KEY.split("/"))


def rest(region: Region) -> None:
    """Nobody does anything any more."""
    region.faults, region.server.is_silent, region.server.clock_error = False, False, 0.0
    region.server.cut(is_cut=False)
    annotate(region, ANNOTATION_FROZEN, "")
