"""What is decided in each situation, and the sentence that people read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.tidegate.release.world import START, files
from tidegate.contracts.release import Phase, ReleaseSpec, ReleaseStatus, Revision
from tidegate.release.analysis.outcome import Outcome
from tidegate.release.decide import START_SECONDS, decide
from tidegate.release.look import Decision, Remember, Wait
from tidegate.release.observation import (
    Command,
    Guard,
    Health,
    Judgement,
    News,
    Observation,
    Proposal,
    ProposeCommit,
    Route,
    RunSmoke,
    Seen,
    Service,
    SetFiles,
    SetGuard,
    SetRoute,
    Smoke,
    Target,
    Verb,
)

SPEC = ReleaseSpec(
    strategy="canary", wanted=files(2), promoted=files(1), steps_percent=(10, 100), step_seconds=60, minimum_requests=300, p99_ms=50,
    availability=0.99, rollback_hours=1,
)  # fmt: skip
STABLE = Revision(name="scorer-00001", uid="u1", files=files(1), template="t1")
CANDIDATE = Revision(name="scorer-00002", uid="u2", files=files(2), template="t1")
BACK = (Target("scorer-00001", 100),)
AT_10 = (Target("scorer-00001", 90), Target("scorer-00002", 10, "candidate"))
STEPPING = ReleaseStatus(phase=Phase.STEPPING, stable=STABLE, candidate=CANDIDATE, allowed_percent=10, is_reached=True, since=START)


def guard(**shares: int) -> Guard:
    names = {f"scorer-0000{key[1:]}": value for key, value in shares.items()}
    known = {one.name: one.sha256 for one in (STABLE, CANDIDATE)}
    return Guard("scorer-00001", names, {name: known[name] for name in names}, "7")


def seen(seconds: float = 30, **others: Any) -> Observation:
    """Ten per cent on the candidate, and figures that say nothing yet."""
    base = Observation(
        now=START + timedelta(seconds=seconds), service=Service(files(2).uri, files(2).sha256, "5"),
        revisions={one.name: Seen(one, Health.READY) for one in (STABLE, CANDIDATE)}, latest=CANDIDATE.name, route=Route(AT_10, "3"),
        guard=guard(_1=100, _2=10), judgement=Judgement(Outcome.UNDECIDED, "120 requests, 300 are needed", "u2"),
    )  # fmt: skip
    return replace(base, **others)


def judged(outcome: Outcome, **others: Any) -> Judgement:
    return Judgement(outcome, "3 of 40 answers were errors", "u2", **others)


def failed(*which: Revision) -> dict[str, Seen]:
    return {one.name: Seen(one, Health.FAILED if one in which else Health.READY, "exit code 1") for one in (STABLE, CANDIDATE)}


def after(decision: Decision) -> ReleaseStatus:
    assert isinstance(decision, Remember), decision
    return decision.status


WAITS: dict[str, tuple[Observation, str]] = {
    "too few": (seen(), "120 requests, 300 are needed; 30 of 240 s"),
    "no figures": (seen(judgement=None), "there are no figures of the candidate; 30 of 240 s"),
    "figures of another revision": (seen(judgement=Judgement(Outcome.BAD, "", "u9")), "there are no figures of the candidate; 30 of 240 s"),
    "good too early": (seen(judgement=judged(Outcome.GOOD)), "10 % for 30 of 60 s"),
    "frozen": (seen(100, judgement=judged(Outcome.GOOD), frozen="year end"), "the next step waits: frozen: year end"),
    "clock": (seen(100, judgement=judged(Outcome.GOOD), is_clock_trusted=False), "the next step waits: the clock jumped"),
    "old news": (
        seen(100, judgement=judged(Outcome.GOOD), news=News(is_fresh=False, sentence="live-2 was heard 90 s ago")),
        "the next step waits: the news of the other region is old: live-2 was heard 90 s ago",
    ),
    "both bad, the stable one more": (
        seen(900, judgement=judged(Outcome.BOTH_UNHEALTHY, is_candidate_healthier=True)),
        "both versions are unhealthy, the stable one more, so nobody is moved: 3 of 40 answers were errors",
    ),
    "stable failed": (
        seen(100, judgement=judged(Outcome.GOOD), revisions=failed(STABLE)),
        "revision scorer-00001, which the other users are on, failed: exit code 1; nobody is moved",
    ),
    "no InferenceService": (seen(service=None), "the InferenceService is gone: Argo CD applies it again, or the model is being removed"),
}


@pytest.mark.parametrize("case", WAITS)
def test_nobody_is_moved_and_it_says_why(case: str) -> None:
    observation, reason = WAITS[case]
    assert decide(SPEC, STEPPING, observation) == Wait(reason)


ABORTS: dict[str, tuple[Observation, str]] = {
    "bad": (seen(5, judgement=judged(Outcome.BAD)), "3 of 40 answers were errors"),
    "bad while frozen, with old news and a jumped clock": (
        seen(5, judgement=judged(Outcome.BAD), frozen="year end", is_clock_trusted=False, news=News(is_fresh=False)),
        "3 of 40 answers were errors",
    ),
    "both bad, the candidate more": (
        seen(5, judgement=judged(Outcome.BOTH_UNHEALTHY, is_candidate_bad=True)),
        "3 of 40 answers were errors",
    ),
    "failed": (seen(revisions=failed(CANDIDATE)), "revision scorer-00002 failed: exit code 1"),
    "undecided at the deadline": (seen(241), "120 requests, 300 are needed, for 241 s"),
    "silent at the deadline": (seen(241, judgement=None), "there are no figures of the candidate, for 241 s"),
    "both bad at the deadline": (seen(241, judgement=judged(Outcome.BOTH_UNHEALTHY)), "3 of 40 answers were errors, for 241 s"),
    "aborted elsewhere": (
        seen(news=News(aborted=frozenset({files(2).sha256}), sentence="live-2 aborted it")),
        "aborted elsewhere: live-2 aborted it",
    ),
    "ordered": (seen(command=Command("c1", Verb.ABORT, "maria", "looks odd")), "aborted by maria: looks odd"),
}


@pytest.mark.parametrize("case", ABORTS)
def test_users_go_back_in_one_write_that_says_why(case: str) -> None:
    observation, reason = ABORTS[case]
    assert decide(SPEC, STEPPING, observation) == SetRoute(BACK, "3", "u2", reason)
    left = replace(observation, route=Route(BACK, "4", "u2", reason))
    status = after(decide(SPEC, STEPPING, left))
    assert (status.phase, status.candidate, status.allowed_percent) == (Phase.ABORTING, None, 0)
    assert [(one.sha256, one.reason) for one in status.aborted] == [(files(2).sha256, reason)]


def test_a_controller_that_comes_later_reads_the_reason_from_the_route() -> None:
    status = after(decide(SPEC, STEPPING, seen(route=Route(BACK, "4", "u2", "half of it was errors"))))
    assert status.message == "half of it was errors"


@pytest.mark.parametrize(("is_reached", "given"), [(True, ""), (False, "u2 10"), (True, "u2 10")])
def test_share_that_a_person_lowered_ends_the_release(is_reached: bool, given: str) -> None:
    lowered = Route((Target("scorer-00001", 95), Target("scorer-00002", 5, "candidate")), "4", given=given)
    status = STEPPING.model_copy(update={"is_reached": is_reached})
    assert decide(SPEC, status, seen(route=lowered)) == SetRoute(BACK, "4", "u2", "the share was lowered by hand from 10 % to 5 %")


@pytest.mark.parametrize(
    "targets",
    [
        (Target("scorer-00001", 50), Target("scorer-00002", 50, "candidate")),
        (Target("scorer-00001", 90), Target("", 10)),
        (Target("scorer-00001", 90), Target("scorer-00009", 10)),
    ],
    ids=["more than approved", "no name", "a strange revision"],
)
def test_share_that_nobody_approved_is_taken_back_first(targets: tuple[Target, ...]) -> None:
    assert decide(SPEC, STEPPING, seen(route=Route(targets, "4"), judgement=None)) == SetRoute(AT_10, "4", given="u2 10")


def test_good_step_that_lasted_leads_to_the_next_and_the_order_is_status_admission_route() -> None:
    good = seen(60, judgement=judged(Outcome.GOOD))
    status = after(decide(SPEC, STEPPING, good))
    assert (status.step, status.allowed_percent, status.is_reached) == (1, 100, False)
    allowed = decide(SPEC, status, good)
    assert isinstance(allowed, SetGuard)
    assert dict(allowed.guard.shares) == {"scorer-00001": 100, "scorer-00002": 100}
    moved = decide(SPEC, status, replace(good, guard=allowed.guard))
    assert moved == SetRoute((Target("scorer-00001", 0, "previous"), Target("scorer-00002", 100, "candidate")), "3", given="u2 100")


def test_last_step_is_a_promotion_that_git_has_to_say_and_keeps_the_version_before() -> None:
    at_100 = STEPPING.model_copy(update={"step": 1, "allowed_percent": 100})
    route = Route((Target("scorer-00001", 0, "previous"), Target("scorer-00002", 100, "candidate")), "3")
    good = seen(60, judgement=judged(Outcome.GOOD), route=route, guard=guard(_1=100, _2=100))
    status = after(decide(SPEC, at_100, good))
    assert (status.phase, status.stable, status.previous) == (Phase.PROMOTING, CANDIDATE, STABLE)
    assert status.previous_until == START + timedelta(seconds=60 + 3600)
    settled = replace(
        good, route=Route((Target("scorer-00002", 100), Target("scorer-00001", 0, "previous")), "4"),
        guard=Guard("scorer-00002", {"scorer-00002": 100, "scorer-00001": 0}, guard(_1=1, _2=1).digests, "8"),
    )  # fmt: skip
    proposal = ProposeCommit(Proposal.PROMOTE, files(2).sha256)
    assert decide(SPEC, status, settled) == proposal
    assert decide(SPEC, status, replace(settled, proposed=frozenset({proposal}))) == Wait("users are on version 2; Git does not say so yet")
    said = SPEC.model_copy(update={"promoted": files(2)})
    assert after(decide(said, status, settled)).phase is Phase.STEADY
    back = decide(said, after(decide(said, status, settled)), replace(settled, command=Command("c2", Verb.ROLLBACK, "maria", "complaints")))
    assert after(back).stable == STABLE
    assert after(back).aborted[0].reason == "rolled back by maria: complaints"


def test_candidate_is_asked_before_its_first_user() -> None:
    smoking = ReleaseStatus(phase=Phase.SMOKING, stable=STABLE, candidate=CANDIDATE, since=START)
    at_0 = seen(route=Route((Target("scorer-00001", 100), Target("scorer-00002", 0, "candidate")), "3"), guard=guard(_1=100, _2=0))
    assert decide(SPEC, smoking, at_0) == RunSmoke(CANDIDATE)
    assert decide(SPEC, smoking, replace(at_0, smoke=Smoke("u9", passed=True, sentence="of another"))) == RunSmoke(CANDIDATE)
    assert after(decide(SPEC, smoking, replace(at_0, smoke=Smoke("u2", passed=True, sentence="")))).allowed_percent == 10
    refused = after(decide(SPEC, smoking, replace(at_0, smoke=Smoke("u2", passed=False, sentence="AUC 0.61 where 0.88 is wanted"))))
    assert refused.message == "did not pass before its first user: AUC 0.61 where 0.88 is wanted"


STEADY = ReleaseStatus(phase=Phase.STEADY, stable=STABLE, since=START)
ALONE = seen(
    service=Service(files(1).uri, files(1).sha256, "5"), revisions={STABLE.name: Seen(STABLE, Health.READY)}, latest=STABLE.name,
    route=Route(BACK, "3"), guard=guard(_1=100), judgement=None,
)  # fmt: skip


def test_wanted_version_begins_and_its_files_are_named() -> None:
    status = after(decide(SPEC, STEADY, ALONE))
    assert status.phase is Phase.STARTING
    assert decide(SPEC, status, ALONE) == SetFiles(files(2), "5")


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({"lacks_room": "4 pods more do not fit the quota of 40"}, "4 pods more do not fit the quota of 40"),
        ({"frozen": "year end"}, "frozen: year end"),
        ({"news": News(may_begin=False, sentence="live-1 has not held it yet")}, "live-1 has not held it yet"),
    ],
)
def test_release_that_may_not_begin_says_why(others: dict[str, Any], why: str) -> None:
    assert decide(SPEC, STEADY, replace(ALONE, **others)) == Wait(f"version 2 is wanted; it does not begin: {why}")


def test_version_that_was_aborted_is_not_tried_again_until_a_person_says_so() -> None:
    status = after(decide(SPEC, STEPPING, seen(route=Route(BACK, "4", "u2", "errors"))))
    steady = status.model_copy(update={"phase": Phase.STEADY})
    proposal = ProposeCommit(Proposal.REVERT, files(2).sha256)
    assert decide(SPEC, steady, ALONE) == proposal
    proposed = replace(ALONE, proposed=frozenset({proposal}))
    assert decide(SPEC, steady, proposed) == Wait("version 2 was aborted (errors); Git still wants it")
    again = after(decide(SPEC, steady, replace(proposed, command=Command("c3", Verb.RETRY, "maria", "the network was at fault"))))
    assert after(decide(SPEC, again, ALONE)).phase is Phase.STARTING


def test_other_template_of_the_same_version_is_a_release() -> None:
    other = Revision(name="scorer-00002", uid="u2", files=files(1), template="t2")
    pinned_down = SPEC.model_copy(update={"wanted": files(1)})
    there = replace(ALONE, revisions={**ALONE.revisions, other.name: Seen(other, Health.READY)}, latest=other.name)
    status = after(decide(pinned_down, STEADY, there))
    assert (status.phase, status.message) == (Phase.STARTING, "revision scorer-00002 serves version 1 in another way")
    assert after(decide(pinned_down, status, there)).candidate == other


def test_same_revision_made_again_takes_the_users_at_once() -> None:
    twin = Revision(name="scorer-00003", uid="u3", files=files(1), template="t1")
    there = replace(ALONE, revisions={**ALONE.revisions, twin.name: Seen(twin, Health.READY)}, latest=twin.name)
    assert after(decide(SPEC, STEADY, there)).stable == twin


def test_candidate_that_never_gets_ready_is_given_up() -> None:
    starting = ReleaseStatus(phase=Phase.STARTING, stable=STABLE, since=START)
    there = seen(START_SECONDS + 1, route=Route(BACK, "3"), guard=guard(_1=100))
    there = replace(there, revisions={**there.revisions, CANDIDATE.name: Seen(CANDIDATE, Health.STARTING, "no node has a free card")})
    status = after(decide(SPEC, starting, there))
    assert status.message == "revision scorer-00002 is not ready: no node has a free card, for 1801 s"


def test_only_the_promoted_version_serves_where_nothing_is_remembered() -> None:
    forgotten = seen(30)
    assert after(decide(SPEC, ReleaseStatus(), forgotten)).stable == STABLE
    without = replace(forgotten, revisions={CANDIDATE.name: Seen(CANDIDATE, Health.READY)}, route=None)
    assert decide(SPEC, ReleaseStatus(), without) == SetFiles(files(1), "5")


def test_pinned_version_takes_all_users_without_figures_and_not_without_being_ready() -> None:
    pinned = SPEC.model_copy(update={"strategy": "pinned", "steps_percent": (100,)})
    smoking = ReleaseStatus(phase=Phase.SMOKING, stable=STABLE, candidate=CANDIDATE, since=START)
    at_0 = seen(route=Route((Target("scorer-00001", 100), Target("scorer-00002", 0, "candidate")), "3"), guard=guard(_1=100, _2=0))
    assert after(decide(pinned, smoking, at_0)).allowed_percent == 100
    assert after(decide(pinned, smoking, replace(at_0, revisions=failed(CANDIDATE)))).phase is Phase.ABORTING
