"""Stacks run after what they need, two at a time, and a failure stops what would build on it."""

from __future__ import annotations

import threading
import time

import pytest

from tidegate.cloud.schedule import by_urgency, run_in_order
from tidegate.errors import StateError

NEEDS = {"state": [], "network": ["state"], "registry": ["state"], "cluster": ["network", "elsewhere"], "edge": ["cluster", "registry"]}


def test_each_runs_after_what_it_needs() -> None:
    order: list[str] = []
    run_in_order(NEEDS, order.append)
    assert sorted(order) == sorted(NEEDS)
    assert all(order.index(need) < order.index(name) for name, needs in NEEDS.items() for need in needs if need in NEEDS)


def test_two_run_side_by_side_and_never_three() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def work(_name: str) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.05)
        with lock:
            running -= 1

    run_in_order({name: [] for name in "abcdef"}, work)
    assert most == 2


def test_after_a_failure_nothing_new_begins_and_all_errors_are_told() -> None:
    began: list[str] = []
    both = threading.Barrier(2, timeout=10)

    def work(name: str) -> None:
        began.append(name)
        if name == "state":
            return
        both.wait()
        raise StateError(f"{name} failed")

    with pytest.raises(StateError, match=r"(network|registry) failed") as caught:
        run_in_order(NEEDS, work)
    assert sorted(began) == ["network", "registry", "state"]
    told = {str(caught.value), *caught.value.__notes__}
    assert told == {"network failed", "registry failed"}


def test_stacks_that_need_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="these need each other: a, b"):
        run_in_order({"a": ["b"], "b": ["a"]}, lambda _name: None)


def test_longest_chain_begins_first_and_then_the_largest() -> None:
    sizes = {"state": 7, "network": 48, "registry": 21, "cluster": 17, "edge": 9}
    assert list(by_urgency(NEEDS, sizes)) == ["state", "network", "registry", "cluster", "edge"]


def test_what_somebody_waits_for_begins_before_the_longest_chain() -> None:
    sizes = {"state": 7, "network": 48, "registry": 21, "cluster": 17, "edge": 9}
    assert list(by_urgency(NEEDS, sizes, {"registry"})) == ["registry", "state", "network", "cluster", "edge"]
