"""What is decided on news that may be old, and which names are held when nothing is left."""

from __future__ import annotations

from dataclasses import replace

from tests.tidegate.release.test_decide import BACK, SPEC, STABLE, STEPPING, after, guard, judged, seen
from tests.tidegate.release.world import files
from tidegate.contracts.release import Phase, ReleaseStatus
from tidegate.release.analysis.outcome import Outcome
from tidegate.release.decide import decide
from tidegate.release.look import Wait
from tidegate.release.observation import Guard, Route, Service, SetGuard, SetRoute, Target

BLIND = "the watch of revisions is broken: no answer in time"


def test_old_news_holds_a_step_and_says_why() -> None:
    good = seen(61, judgement=judged(Outcome.GOOD))
    assert after(decide(SPEC, STEPPING, good)).allowed_percent == 100
    assert decide(SPEC, STEPPING, replace(good, blind=BLIND)) == Wait(f"the next step waits: {BLIND}")


def test_old_news_holds_a_beginning() -> None:
    rest = ReleaseStatus(phase=Phase.STEADY, stable=STABLE)
    there = seen(route=Route(BACK, "3"), guard=guard(_1=100), service=Service(files(1).uri, files(1).sha256, "5"))
    assert after(decide(SPEC, rest, there)).phase is Phase.STARTING
    assert decide(SPEC, rest, replace(there, blind=BLIND)) == Wait(f"version 2 is wanted; it does not begin: {BLIND}")


def test_old_news_holds_no_abort() -> None:
    bad = decide(SPEC, STEPPING, seen(judgement=judged(Outcome.BAD), blind=BLIND))
    assert isinstance(bad, SetRoute)
    assert bad.targets == BACK


def test_names_are_held_for_nothing_when_no_revision_is_left() -> None:
    """Knative would give a name again that admission holds for other bytes, and never get further."""
    nothing = seen(revisions={}, latest="", route=None, service=Service(files(1).uri, files(1).sha256, "5"), guard=guard(_1=0, _2=100))
    assert decide(SPEC, ReleaseStatus(), nothing) == SetGuard(Guard("scorer-00001", {}, {}, "7"))
    led = replace(nothing, route=Route((Target("scorer-00002", 100), Target("scorer-00001", 0, "previous")), "3"))
    held = decide(SPEC, ReleaseStatus(), led)
    assert held == SetGuard(Guard("scorer-00001", {"scorer-00002": 100}, {"scorer-00002": files(2).sha256}, "7")), "users are led there"
    assert isinstance(held, SetGuard)
    waits = decide(SPEC, ReleaseStatus(), replace(led, guard=held.guard))
    assert waits == Wait("version 1 is starting; nobody is served before it is ready"), "and that is all"
