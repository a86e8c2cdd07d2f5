"""What leaves a pod's memory is what was used longest ago, never what answers, and the budget holds at every step."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from clusters.workloads.dense_pool import residency

STEPS = 10_000
MODELS = [f"merchant-{number:03d}" for number in range(60)]


@dataclass
class Oracle:
    """LRU by its definition: a time of last use per model, and everything computed anew at every step."""

    budget: int
    sizes: dict[str, int] = field(default_factory=dict[str, int])
    used_at: dict[str, int] = field(default_factory=dict[str, int])
    pins: dict[str, int] = field(default_factory=dict[str, int])

    def use(self, name: str, at: int) -> bool:
        if name not in self.sizes:
            return False
        self.used_at[name] = at
        return True

    def admit(self, name: str, size: int, at: int) -> list[str] | None:
        """Who leaves, None when there is no room however many leave."""
        free = sorted((model for model in self.sizes if not self.pins.get(model)), key=lambda model: self.used_at[model])
        for count in range(len(free) + 1):
            left = {model: held for model, held in self.sizes.items() if model not in free[:count]}
            if sum(left.values()) + size <= self.budget:
                self.sizes = {**left, name: size}
                self.used_at[name] = at
                return free[:count]
        return None

    def oldest_first(self) -> list[str]:
        return sorted(self.sizes, key=lambda model: self.used_at[model])


def step(real: Any, oracle: Oracle, draw: random.Random, at: int) -> str:
    """One random thing done to both, with the same outcome; what it was."""
    name = draw.choice(MODELS)
    what = draw.choices(["touch", "pin", "unpin", "admit", "remove"], [5, 6, 2, 6, 2])[0]
    if what == "touch":
        assert real.touch(name) == oracle.use(name, at)
    elif what == "pin":
        there = oracle.use(name, at)
        assert real.pin(name) == there
        if there:
            oracle.pins[name] = oracle.pins.get(name, 0) + 1
    elif what == "unpin":
        if pinned := sorted(model for model, count in oracle.pins.items() if count):
            name = draw.choice(pinned)
            real.unpin(name)
            oracle.pins[name] -= 1
    elif what == "remove":
        if oracle.pins.get(name):
            with pytest.raises(ValueError, match="is pinned"):
                real.remove(name)
            return "remove pinned"
        assert real.remove(name) == (oracle.sizes.pop(name, None) is not None)
    elif name not in oracle.sizes:
        size = draw.choice([1, 7, 40, 90, draw.randint(1, 1_200)])
        leaving = oracle.admit(name, size, at)
        if leaving is None:
            before = real.names
            with pytest.raises(residency.NoRoomError):
                real.admit(name, size)
            assert real.names == before
            return "no room"
        assert list(real.admit(name, size)) == leaving
        return "evicted" if leaving else "admitted"
    return what


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_eviction_of_ten_thousand_random_steps_is_the_oracles(seed: int) -> None:
    draw, budget = random.Random(seed), 1_000
    real, oracle = residency.Residency(budget), Oracle(budget)
    seen: dict[str, int] = {}
    for at in range(STEPS):
        what = step(real, oracle, draw, at)
        seen[what] = seen.get(what, 0) + 1
        assert list(real.names) == oracle.oldest_first()
        assert real.used_bytes == sum(oracle.sizes.values()) <= budget
        assert all(model in real.names for model, count in oracle.pins.items() if count)
    assert seen["evicted"] > 300, seen
    assert min(seen[what] for what in ("no room", "remove pinned", "admitted", "unpin")) > 20, seen


def test_model_larger_than_the_budget_is_refused_and_nobody_leaves() -> None:
    real = residency.Residency(100)
    real.admit("small", 60)
    with pytest.raises(residency.NoRoomError, match="large of 101 bytes does not fit: 1 of 100 bytes are missing"):
        real.admit("large", 101)
    assert real.names == ("small",)


def test_nobody_leaves_for_a_model_that_does_not_fit_beside_what_answers() -> None:
    real = residency.Residency(100)
    real.admit("answers", 60)
    real.admit("idle", 30)
    assert real.pin("answers")
    with pytest.raises(residency.NoRoomError):
        real.admit("large", 50)
    assert real.names == ("idle", "answers")
    real.unpin("answers")
    assert real.admit("large", 50) == ("idle", "answers")


@pytest.mark.parametrize(("name", "size"), [("there", 10), ("empty", 0), ("less", -1)])
def test_nonsense_is_not_admitted(name: str, size: int) -> None:
    real = residency.Residency(100)
    real.admit("there", 10)
    with pytest.raises(ValueError, match=f"cannot admit {name}"):
        real.admit(name, size)


def test_pin_is_taken_back_once() -> None:
    real = residency.Residency(100)
    real.admit("there", 10)
    assert real.pin("there")
    real.unpin("there")
    with pytest.raises(ValueError, match="there is not pinned"):
        real.unpin("there")
