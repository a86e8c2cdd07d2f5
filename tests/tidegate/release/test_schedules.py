"""Generated schedules of faults against the pure core and a simulated region: at no write may users get what was not approved."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from tests.root import WHOLE
from tests.tidegate.release.people import meddle
from tests.tidegate.release.world import ConflictError, Kind, World, begin, files, is_settled
from tidegate.contracts.release import Phase, ReleaseStatus
from tidegate.release.decide import decide
from tidegate.release.observation import Observation

SCHEDULES = 10_000 if WHOLE else 400
BATCH = 100 if not WHOLE else 1000
View = tuple[ReleaseStatus, int, Observation]
FAULTY_SECONDS, QUIET_SECONDS = 900, 6000


class Controller:
    """One replica. It may see old things, be paused, and die around any write; it remembers nothing."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.random = world, random.Random(seed)
        self.view: View | None = None
        self.paused_until = 0.0

    def look(self) -> View:
        """Now and then the Release comes from a cache that is behind, or everything does."""
        age = self.random.random() if self.world.faults else 1.0
        if self.view is None or age > 0.25:
            return self.world.status, self.world.status_version, self.world.observe()
        return self.view if age < 0.1 else (self.view[0], self.view[1], self.world.observe())

    def step(self) -> None:
        world = self.world
        if world.now < self.paused_until:
            return
        self.view = status, version, seen = self.look()
        decision = decide(world.spec, status, seen)
        fate = self.random.random() if world.faults else 1.0
        if fate < 0.02:
            self.paused_until = world.now + 60  # wakes with the same view
            return
        if fate < 0.06:
            return  # the write is lost
        try:
            world.carry_out(decision, version)
        except ConflictError:
            self.view = None
        if fate < 0.10:
            self.view = None  # it was killed after the write


def run(seed: int, kinds: dict[int, Kind]) -> World:
    world = begin(seed, kinds)
    chance = random.Random(seed)
    controllers = [Controller(world, seed * 2), Controller(world, seed * 2 + 1)]
    try:
        while world.now < FAULTY_SECONDS:
            world.tick(chance.uniform(0.2, 3))
            for one in controllers:
                if one is controllers[0] or chance.random() < 0.3:  # the other one lost its lease, and did not notice
                    one.step()
            if chance.random() < 0.01:
                meddle(world)
            world.collect()
        world.faults, world.clock_error, world.frozen = False, 0.0, ""
        until = world.now + QUIET_SECONDS
        while world.now < until and not (is_settled(world) and not world.commits):
            world.tick(2)
            controllers[0].step()
            world.collect()
    except AssertionError as error:
        raise AssertionError(f"seed {seed}, {kinds}: {error}\n" + "\n".join(world.account.log[-25:])) from error
    return world


def kinds_of(seed: int) -> dict[int, Kind]:
    chance = random.Random(seed)
    return {1: Kind.GOOD, 2: chance.choice(list(Kind)), 3: chance.choice(list(Kind))}


def run_all(seeds: Iterable[int]) -> None:
    """Each must be safe, and end."""
    for seed in seeds:
        world = run(seed, kinds_of(seed))
        assert is_settled(world), f"seed {seed}: {world.status}\n{world.route}\n{world.spec}\n" + "\n".join(world.account.log[-25:])


@pytest.mark.parametrize("first", range(0, SCHEDULES, BATCH))
def test_nobody_gets_what_was_not_approved_and_every_release_ends(first: int) -> None:
    run_all(range(first, first + BATCH))


@pytest.mark.parametrize("kind", list(Kind))
def test_without_faults_a_good_version_is_promoted_and_no_other(kind: Kind) -> None:
    world = begin(1, {1: Kind.GOOD, 2: kind}, faults=False)
    controller = Controller(world, 1)
    while world.now < 3000:
        world.tick(1)
        controller.step()
        world.collect()
    promoted = 2 if kind is Kind.GOOD else 1
    assert world.spec.promoted == files(promoted), "\n".join(world.account.log)
    assert world.status.phase is Phase.STEADY
    assert world.status.stable
    assert world.status.stable.files == files(promoted)
    assert world.spec.wanted == files(promoted), "the revert was proposed and merged"
