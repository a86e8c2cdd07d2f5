"""A release of many models lets them in by waves; the same storm with and without shows why."""

from __future__ import annotations

import math

from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.facts.storm import START_AT_ONCE, Storm, simulate, start_waves
from tidegate.facts.tenant import Tenant


def tenant(floors: int, zeros: int) -> Tenant:
    """A tenant with that many models that have a floor, and that many that go to zero."""
    whole = inventory.load(ROOT).tenants["assistant"]
    chat = whole.models["chat"]
    held = chat.model_copy(update={"scaling": chat.scaling.model_copy(update={"min_replicas": 1})})
    models = {f"a-{index:03}": chat for index in range(zeros)} | {f"z-{index:03}": held for index in range(floors)}
    return whole.model_copy(update={"models": models})


def test_small_tenant_starts_all_at_once() -> None:
    assert set(start_waves(tenant(2, START_AT_ONCE - 2)).values()) == {0}


def test_large_tenant_starts_wave_by_wave_and_floors_come_first() -> None:
    waves = start_waves(tenant(30, 170))
    assert [sum(1 for wave in waves.values() if wave == number) for number in range(8)] == [START_AT_ONCE] * 8
    assert {wave for name, wave in waves.items() if name.startswith("z")} == {0, 1}
    assert max(waves[f"z-{index:03}"] for index in range(30)) <= min(waves[f"a-{index:03}"] for index in range(170))


def test_storm_of_large_models_never_ends_without_waves() -> None:
    """200 models of 24 GiB on 25 nodes: eight share a volume, each is slower than its deadline, and is begun anew."""
    storm = Storm(weights_gib=24)
    without, with_waves = simulate(storm), simulate(storm, START_AT_ONCE)
    assert (without.given_up, without.share_up_by(0.05)) == (600, math.inf)
    assert (with_waves.given_up, with_waves.wasted_gib) == (0, 0)
    assert with_waves.share_up_by(1) < 3 * storm.deadline_seconds
    assert without.fetched_gib > 2 * with_waves.fetched_gib


def test_waves_bring_the_first_early_and_the_last_late() -> None:
    """Smaller models are given up once each without waves; with them the last ones come a little later, which is their price."""
    storm = Storm(weights_gib=12)
    without, with_waves = simulate(storm), simulate(storm, START_AT_ONCE)
    assert (without.given_up, with_waves.given_up) == (200, 0)
    assert with_waves.share_up_by(0.1) < without.share_up_by(0.1) / 3
    assert with_waves.share_up_by(0.5) <= without.share_up_by(0.5)
    assert without.share_up_by(1) < with_waves.share_up_by(1) < 1.1 * without.share_up_by(1)


def test_deadline_of_a_storms_models_follows_their_budget() -> None:
    assert (Storm(weights_gib=12).deadline_seconds, Storm(weights_gib=24).deadline_seconds) == (1260, 1500)


def test_nothing_is_fetched_twice_unless_it_was_given_up() -> None:
    storm = Storm(models=10, nodes=5, weights_gib=6)
    result = simulate(storm, 5)
    least = storm.nodes * storm.image_gib + storm.models * storm.weights_gib
    assert least <= result.fetched_gib <= least * 1.05
    assert result == simulate(storm, 5)
    assert len(result.up_after) == storm.models
