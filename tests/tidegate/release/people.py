"""What people do to a release, one thing at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from tests.tidegate.release.world import ConflictError, World, files
from tidegate.contracts.release import ReleaseStatus
from tidegate.release.observation import Command, SetRoute, Target, Verb


def meddle(world: World) -> None:
    """One thing that somebody does."""
    deeds: list[Callable[[World], None]] = [
        _lower,
        _raise_by_hand,
        _order,
        _empty_status,
        _change_template,
        _jump,
        _freeze,
    ]
    deeds += [_delete_service, _change_mind]
    world.random.choice(deeds)(world)


def _lower(world: World) -> None:
    if world.route and world.status.candidate and world.guard and world.status.stable and world.route.share(world.status.stable) < 100:
        with contextlib.suppress(ConflictError):
            world.set_route(SetRoute((Target(world.status.stable.name, 100),), world.route.resource_version), by_controller=False)


def _raise_by_hand(world: World) -> None:
    if world.route and world.latest:
        with contextlib.suppress(ConflictError):
            world.set_route(SetRoute((Target(world.latest, 100),), world.route.resource_version), by_controller=False)


def _order(world: World) -> None:
    world.command = Command(f"order-{world.now}", world.random.choice(list(Verb)), "maria", "because")


def _empty_status(world: World) -> None:
    world.status, world.status_version = ReleaseStatus(), world.status_version + 1


def _change_template(world: World) -> None:
    world.template = f"t{world.random.randint(1, 3)}"
    world.expect_revision()


def _jump(world: World) -> None:
    world.clock_error = world.random.choice([3600.0, -3600.0, 86400.0, 0.0, 0.0])


def _freeze(world: World) -> None:
    world.frozen = "" if world.frozen else "a holiday"


def _change_mind(world: World) -> None:
    world.want(files(world.random.choice(list(world.kinds))))


def _delete_service(world: World) -> None:
    world.delete_service()
