"""Which unit a worker gets next, and what clashes."""

from __future__ import annotations

import pytest

from tests.suite.plan import Load, Needs, Plan, Test, Unit, choose, needs_of

REGIONS = {"live-1": ["credit", "fraud"], "live-2": ["fraud"]}


def unit(name: str, *, stage: int = 0, alone: str = "", shared: str = "") -> Unit:
    return Unit(name=name, stage=stage, needs=Needs(alone=frozenset(alone.split()), shared=frozenset(shared.split())))


def test_steady_test_shares_its_region_and_every_tenant_there() -> None:
    assert needs_of(REGIONS, within=["live-1"]) == Needs(shared=frozenset({"live-1", "live-1/credit", "live-1/fraud"}))


def test_tenant_is_kept_alone_and_the_rest_shared() -> None:
    found = needs_of(REGIONS, within=["live-1", "live-2"], tenant="fraud")
    assert found.alone == {"live-1/fraud", "live-2/fraud"}
    assert found.shared == {"live-1", "live-1/credit", "live-2"}


def test_only_the_tenants_that_are_asked_are_shared() -> None:
    assert needs_of(REGIONS, within=["live-1"], asks=[]) == Needs(shared=frozenset({"live-1"}))
    assert needs_of(REGIONS, within=["live-1"], asks=["credit"]) == Needs(shared=frozenset({"live-1", "live-1/credit"}))
    keeps = needs_of(REGIONS, within=["live-1"], asks=[], tenant="fraud")
    assert not keeps.clashes(needs_of(REGIONS, within=["live-1"], asks=["credit"]))


def test_whole_region_is_kept_alone() -> None:
    assert needs_of(REGIONS, within=["live-2"], alone=True) == Needs(alone=frozenset({"live-2"}))


def test_needs_of_unknown_things_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no region live-3; there are live-1, live-2"):
        needs_of(REGIONS, within=["live-3"])
    with pytest.raises(ValueError, match=r"no tenant live-2/credit$"):
        needs_of(REGIONS, within=["live-1", "live-2"], tenant="credit")
    with pytest.raises(ValueError, match="no tenant live-1/nobody"):
        needs_of(REGIONS, within=["live-1"], asks=["nobody"])


def test_what_is_shared_clashes_only_with_who_keeps_it_alone() -> None:
    shares, keeps = needs_of(REGIONS, within=["live-1"]), needs_of(REGIONS, within=["live-1"], tenant="fraud")
    assert not shares.clashes(shares)
    assert shares.clashes(keeps) == keeps.clashes(shares) == {"live-1/fraud"}
    assert keeps.clashes(keeps) == {"live-1/fraud"}
    assert needs_of(REGIONS, within=["live-1"], alone=True).clashes(shares) == {"live-1"}
    assert not needs_of(REGIONS, within=["live-2"], alone=True).clashes(shares)


def test_unit_keeps_what_one_of_its_tests_keeps() -> None:
    both = Needs(shared=frozenset({"a", "b"})) | Needs(alone=frozenset({"b"}))
    assert (both.alone, both.shared) == ({"b"}, {"a"})


def test_earlier_tests_are_those_of_all_earlier_stages() -> None:
    plan = Plan(
        units=(unit("first"), unit("second", stage=1), unit("third", stage=2)),
        tests=tuple(Test(node=f"{name}::test", unit=name, seconds=1) for name in ("first", "second", "third")),
    )
    assert [plan.before(stage) for stage in range(3)] == [set(), {"first::test"}, {"first::test", "second::test"}]


def test_longest_of_the_earliest_stage_comes_first() -> None:
    queue = [(unit("short"), 2.0), (unit("late", stage=1), 99.0), (unit("long"), 9.0)]
    assert choose(queue, Load(), []) == unit("long")


def test_worker_that_is_busy_gets_the_shortest() -> None:
    queue = [(unit("short"), 2.0), (unit("long"), 9.0)]
    assert choose(queue, Load(units=(unit("now"),), seconds=60), []) == unit("short")


def test_worker_that_waits_for_a_stage_gets_nothing_of_an_earlier_one() -> None:
    """Else that would stand behind a test which waits for it to end, for ever."""
    waits = Load(units=(unit("late", stage=1),), seconds=1)
    assert choose([(unit("left over"), 5.0)], waits, []) is None
    assert choose([(unit("left over"), 5.0), (unit("later", stage=1), 1.0)], waits, []) == unit("later", stage=1)


def test_units_that_clash_with_nobody_come_first() -> None:
    queue = [(unit("same region", alone="live-1"), 90.0), (unit("other region", alone="live-2"), 5.0)]
    other = Load(units=(unit("running", alone="live-1"),), seconds=30)
    assert choose(queue, Load(), [other]) == unit("other region", alone="live-2")


def test_where_all_clash_the_region_that_is_free_soonest_is_chosen() -> None:
    queue = [(unit("one", alone="live-1"), 5.0), (unit("two", alone="live-2"), 5.0)]
    others = [Load(units=(unit("x", alone="live-1"),), seconds=9), Load(units=(unit("y", alone="live-2"),), seconds=3)]
    assert choose(queue, Load(), others) == unit("two", alone="live-2")


def test_what_an_earlier_stage_still_runs_clashes_with_nobody() -> None:
    queue = [(unit("long", stage=1, alone="live-1"), 9.0), (unit("short", stage=1, alone="live-2"), 2.0)]
    other = Load(units=(unit("steady", shared="live-1"),), seconds=30)
    assert choose(queue, Load(), [other]) == unit("long", stage=1, alone="live-1")


def test_who_keeps_everything_to_itself_comes_last() -> None:
    queue = [(unit("both", alone="live-1 live-2"), 99.0), (unit("one", alone="live-1"), 9.0), (unit("tenant", alone="live-1/a"), 1.0)]
    assert choose(queue, Load(), []) == unit("tenant", alone="live-1/a")
    assert choose(queue[:2], Load(), []) == unit("one", alone="live-1")


def test_nothing_is_chosen_of_nothing() -> None:
    assert choose([], Load(), []) is None
