"""Requests go to a pod that has the model, hot models are on several, and few models move when a pod comes or goes."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters.workloads.dense_pool import placement

MODELS = {f"merchant-{number:03d}": 70_000 + number for number in range(420)}
PODS = [f"10.0.0.{number}:8080" for number in range(1, 5)]


def placed(resident: dict[str, list[str]] | None = None, **limits: Any) -> Any:
    """A placement that has seen four pods."""
    made = placement.PoolPlacement(MODELS, placement.Limits(**limits))
    made.observe({key: [] for key in PODS} | (resident or {}))
    return made


@given(
    sizes=st.dictionaries(st.text("abcdef0123-", min_size=1, max_size=8), st.integers(1, 10**9), min_size=1, max_size=60),
    pods=st.sets(st.integers(1, 200).map(lambda number: f"10.0.0.{number}:8080"), min_size=1, max_size=20),
)
def test_every_model_has_a_home_under_the_bound(sizes: dict[str, int], pods: set[str]) -> None:
    homes = placement.homes(sizes, pods, 1.25)
    assert homes.keys() == sizes.keys()
    assert set(homes.values()) <= pods
    filled = {pod: sum(sizes[model] for model, home in homes.items() if home == pod) for pod in pods}
    average = sum(sizes.values()) / len(pods)
    assert max(filled.values()) <= max(1.25 * average + 1, average + max(sizes.values()))


def test_order_in_which_things_are_told_decides_nothing() -> None:
    alike, shuffled = dict.fromkeys(MODELS, 70_000), list(MODELS)
    random.Random(1).shuffle(shuffled)
    assert placement.homes(dict.fromkeys(shuffled, 70_000), PODS[::-1], 1.0) == placement.homes(alike, PODS, 1.0)


@pytest.mark.parametrize("imbalance", [1.15, 1.25])
def test_a_pod_that_goes_moves_its_own_models_and_few_others(imbalance: float) -> None:
    before, after = placement.homes(MODELS, PODS, imbalance), placement.homes(MODELS, PODS[1:], imbalance)
    moved = [model for model in MODELS if before[model] != PODS[0] and before[model] != after[model]]
    assert len(moved) <= len(MODELS) * 0.1


def test_request_goes_to_the_pod_that_has_the_model_though_its_home_is_another() -> None:
    model = "merchant-007"
    home = placed().choose(model, 0.0).pods[0]
    other = next(pod for pod in PODS if pod != home)
    choice = placed({other: [model]}).choose(model, 0.0)
    assert choice.pods[0] == other
    assert choice.to_load == (home,), "it should come home"


def test_model_that_nobody_has_is_loaded_by_the_request_at_its_home() -> None:
    for model in MODELS:
        choice = placed().choose(model, 0.0)
        assert (choice.pods[0], choice.to_load) == (placement.homes(MODELS, PODS, 1.15)[model], ())
        assert sorted(choice.pods) == PODS, "any pod may answer when one fails"


def test_hot_model_gets_copies_which_take_requests_once_they_are_loaded() -> None:
    model, made = "merchant-007", placed(requests_per_second_per_copy=20, most_copies=3)
    home = made.choose(model, 0.0).pods[0]
    made.observe({key: [] for key in PODS} | {home: [model]})
    choices = [made.choose(model, number / 50) for number in range(50 * 60)]  # a minute of 50 a second
    assert {choice.pods[0] for choice in choices} == {home}, "a copy that is not there takes no request"
    wanted = choices[-1].to_load
    assert len(wanted) == 2
    made.observe({pod: [model] if pod in {home, *wanted} else [] for pod in PODS})
    chosen = [made.choose(model, 60 + number / 50).pods[0] for number in range(50 * 60)]
    assert set(chosen) == {home, *wanted}
    assert min(chosen.count(pod) for pod in {home, *wanted}) > len(chosen) * 0.2


def test_model_that_was_hot_is_wanted_once_again() -> None:
    model, made = "merchant-007", placed(half_life_seconds=15)
    for number in range(50 * 60):
        made.choose(model, number / 50)
    home = placement.homes(MODELS, PODS, 1.15)[model]
    made.observe({key: [model] for key in PODS})
    assert {made.choose(model, 600.0 + number).pods[0] for number in range(20)} == {home}


def test_vanished_pod_is_asked_no_more() -> None:
    made = placed({key: ["merchant-007"] for key in PODS})
    gone = made.choose("merchant-007", 0.0).pods[0]
    made.observe({key: [] for key in [pod for pod in PODS if pod != gone]})
    choice = made.choose("merchant-007", 1.0)
    assert gone not in (*choice.pods, *choice.to_load)


def test_nothing_is_chosen_without_pods_or_for_a_model_that_nobody_lists() -> None:
    made = placed()
    assert made.choose("stranger", 0.0) == placement.Choice(())
    made.observe({})
    assert made.choose("merchant-007", 0.0) == placement.Choice(())


def test_placer_that_sees_one_pods_share_takes_the_others_for_as_many() -> None:
    """Four pods with a placer each: six requests a second at one of them are twenty-four in all, which want two copies."""
    for shared, copies in ((False, 1), (True, 2)):
        made = placed(one_placer_per_pod=shared, requests_per_second_per_copy=20)
        wanted: set[str] = set()
        for number in range(6 * 120):
            choice = made.choose("merchant-000", number / 6)
            wanted = {choice.pods[0], *choice.to_load}
        assert len(wanted) == copies
