"""The order of tests on running regions: in stages, in units that one worker runs without a break, each with what it uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from pydantic import BaseModel, ConfigDict

STAGES = ("steady", "disturbing", "ending")
"""In this order. The first leaves the platform as it is, the second breaks and mends parts of it, the third ends it."""

LONG_SECONDS = 10
"""A worker that is busy for longer gets the shortest unit as its next one: nothing else may wait behind it."""


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Needs(_Fact):
    """What is used: `alone` by nobody else meanwhile, `shared` by others that share it too."""

    alone: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()

    def __or__(self, other: Self) -> Needs:
        alone = self.alone | other.alone
        return Needs(alone=alone, shared=(self.shared | other.shared) - alone)

    def clashes(self, other: Self) -> frozenset[str]:
        """What both cannot use at once."""
        return (self.alone & (other.alone | other.shared)) | (self.shared & other.alone)


def needs_of(
    regions: Mapping[str, Sequence[str]], *, within: Iterable[str], asks: Iterable[str] | None = None, tenant: str | None = None,
    alone: bool = False,
) -> Needs:  # fmt: skip
    """What a test needs that uses the regions `within`, `regions` being all regions with their tenants.

    It shares the regions and the tenants whose models it `asks`, by default all. `tenant` keeps that one of each region to
    itself, `alone` whole regions.
    """
    chosen = frozenset(within)
    if unknown := chosen - regions.keys():
        raise ValueError(f"no region {', '.join(sorted(unknown))}; there are {', '.join(regions)}")
    if alone:
        return Needs(alone=chosen)
    kept = {f"{region}/{tenant}" for region in chosen if tenant is not None}
    asked = {f"{region}/{each}" for region in chosen for each in (regions[region] if asks is None else asks)}
    known = {f"{region}/{each}" for region in chosen for each in regions[region]}
    if strange := sorted((kept | asked) - known):
        raise ValueError(f"no tenant {', '.join(strange)}")
    return Needs(alone=frozenset(kept), shared=frozenset(chosen | asked - kept))


class Test(_Fact):
    """A test: which unit it is of, and how many seconds it is expected to take."""

    __test__ = False  # it is no test class

    node: str
    unit: str
    seconds: float


class Unit(_Fact):
    """Tests that stay together because they share fixtures, and are kept apart from others as a whole."""

    name: str
    stage: int
    needs: Needs


class Plan(_Fact):
    """All tests that were chosen, in the order in which one worker alone would run them."""

    units: tuple[Unit, ...]
    tests: tuple[Test, ...]

    def unit(self, name: str) -> Unit:
        """A unit by its name."""
        return next(one for one in self.units if one.name == name)

    def before(self, stage: int) -> frozenset[str]:
        """The tests that must have ended before one of `stage` begins."""
        earlier = {one.name for one in self.units if one.stage < stage}
        return frozenset(one.node for one in self.tests if one.unit in earlier)


class Load(_Fact):
    """What a worker has before it: units, and the seconds until it is free."""

    units: tuple[Unit, ...] = ()
    seconds: float = 0


def choose(queue: Sequence[tuple[Unit, float]], own: Load, others: Sequence[Load]) -> Unit | None:
    """The unit that a worker gets next, of those that wait with their expected seconds; None when it must not get any.

    A worker that has something of a later stage gets nothing of an earlier one: it will wait for that stage to end, and a
    test behind it never would. In the earliest stage it gets what clashes least with what others have, then what keeps
    the fewest whole regions to itself, and then the longest; the shortest when it is busy for long.
    """
    latest = max((unit.stage for unit in own.units), default=0)
    allowed = [(unit, seconds) for unit, seconds in queue if unit.stage >= latest]
    if not allowed:
        return None
    stage = min(unit.stage for unit, _ in allowed)
    is_busy = own.seconds > LONG_SECONDS

    def rank(candidate: tuple[Unit, float]) -> tuple[object, ...]:
        unit, seconds = candidate
        if STAGES[unit.stage] == "ending":
            return (unit.name,)
        beside = [[theirs.needs for theirs in other.units if theirs.stage == stage] for other in others]  # stages never overlap
        clashing = sum(other.seconds for other, needs in zip(others, beside, strict=True) if any(map(unit.needs.clashes, needs)))
        whole = sum(1 for name in unit.needs.alone if "/" not in name)
        return clashing, whole, seconds if is_busy else -seconds, unit.name

    return min((one for one in allowed if one[0].stage == stage), key=rank)[0]
