"""Capacity that follows in time passes; what is late, short, slow or not measured is no pass, and says why."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.tidegate.gates.scale.runs import END, LAST, STEP, looks, profile, requests, run
from tidegate.gates.scale.figures import phases_of, short_seconds
from tidegate.gates.scale.judge import judge
from tidegate.gates.scale.samples import Look, ScaleSamples
from tidegate.gates.verdict import Outcome, Verdict


def said(verdict: Verdict, outcome: Outcome) -> list[str]:
    return [f"{one.subject}: {one.text}" for one in verdict.reasons if one.outcome is outcome]


def test_capacity_that_follows_in_time_passes_and_says_how_fast() -> None:
    samples = run()
    verdict = judge(samples)
    assert [str(one) for one in verdict.reasons] == [
        "pass: fraud/scorer at 8/s: 2 replicas are enough, one carries 7/s; ready 5 s after the step, 20 s are allowed",
        "pass: fraud/scorer at 32/s: 5 replicas are enough, one carries 7/s; ready 10 s after the step, 20 s are allowed",
        "pass: fraud/scorer: 0 of 1640 answers (0.0%) were above 100 ms or did not come, 10% are allowed",
    ]
    assert verdict.outcome is Outcome.PASS
    assert judge(ScaleSamples.model_validate_json(samples.model_dump_json())) == verdict


def test_notes_say_what_an_hpa_would_have_done_and_that_it_is_computed() -> None:
    quarter, whole, fourfold, beside = judge(run()).notes
    assert quarter == "a quarter of the rate, 2/s for 20 s: 0.0% above 100 ms; 1 replica enough"
    assert whole.startswith(
        "the whole rate, 8/s for 40 s: 0.0% above 100 ms; 2 replicas enough, asked for after 2 s, ready after 5 s; an HPA on CPU would have "
    )
    assert fourfold.endswith(
        "5 replicas enough, asked for after 2 s, ready after 10 s; an HPA on CPU would have asked for them after 13 to 27 s (computed, not run)"
    )
    assert beside == "said beside it"


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        pytest.param(
            lambda: run(max_replicas=1, seen=looks(two_at=1000, five_at=1000)),
            "fraud/scorer at 8/s: 2 replicas are enough, one carries 7/s, and max_replicas is 1; raise it, or requests_per_second_target",
            id="ceiling",
        ),
        pytest.param(
            lambda: run(seen=looks(five_at=1000)),
            "fraud/scorer at 32/s: 5 replicas are enough, one carries 7/s; 2 were ready in the end, 40 s after the step, 20 s are allowed; "
            "the autoscaler asked for them after 2 s, so it is their start that is slow: see what pods wait for (`tidegate model explain`), "
            "quota, memory, the size of the version",
            id="never",
        ),
        pytest.param(
            lambda: run(seen=looks(five_at=LAST + 25)),
            "fraud/scorer at 32/s: 5 replicas are enough, one carries 7/s; for 25 s there were fewer, 20 s are allowed; "
            "the autoscaler asked for them after 2 s",
            id="late",
        ),
        pytest.param(
            lambda: run(seen=[one if one.seconds < 75 else one.model_copy(update={"ready": 4}) for one in looks()]),
            "fraud/scorer at 32/s: 5 replicas are enough, one carries 7/s; for 35 s there were fewer",
            id="lost-again",
        ),
        pytest.param(
            lambda: run(seen=looks(two_at=1000, five_at=1000, asked_after=1000)),
            "20 s are allowed; the autoscaler asked for 1 at most in the end: look whether it sees the requests",
            id="not-asked-for",
        ),
        pytest.param(
            lambda: run(seen=[one.model_copy(update={"wanted": None, "ready": 1}) for one in looks()]),
            "the autoscaler has not said what it wants: look whether it sees the requests",
            id="silent-autoscaler",
        ),
        pytest.param(
            lambda: run(requests(lambda due: 400.0 if LAST <= due < LAST + 10 else 20.0)),
            "fraud/scorer: 320 of 1640 answers (19.5%) were above 100 ms or did not come, 10% are allowed; make replicas start sooner",
            id="slow",
        ),
        pytest.param(
            lambda: run(requests(failed=range(600, 900))),
            "fraud/scorer: 300 of 1640 answers (18.3%) were above 100 ms or did not come, 10% are allowed; 300 x status 503; make ",
            id="unanswered",
        ),
    ],
)  # fmt: skip
def test_what_does_not_follow_fails_and_says_why(samples: Callable[[], ScaleSamples], reason: str) -> None:
    verdict = judge(samples())
    assert verdict.outcome is Outcome.FAIL, verdict.lines()
    assert any(reason in one for one in said(verdict, Outcome.FAIL)), verdict.lines()


def test_requests_that_were_never_begun_count_as_without_an_answer() -> None:
    verdict = judge(run(requests()[:1620]))
    assert verdict.outcome is Outcome.PASS
    assert "fraud/scorer: 20 of 1640 answers (1.2%) were above 100 ms or did not come, 10% are allowed" in said(verdict, Outcome.PASS)


def test_share_that_is_too_near_to_the_limit_is_inconclusive() -> None:
    verdict = judge(run(requests(failed=range(600, 764))))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    (one,) = said(verdict, Outcome.INCONCLUSIVE)
    assert one.startswith(
        "fraud/scorer: 164 of 1640 answers (10.0%) were above 100 ms or did not come, 10% are allowed; 164 x status 503; that is too near"
    )


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        pytest.param(lambda: run(()), "generator: no request was sent", id="no-requests"),
        pytest.param(lambda: run((), due=0), "generator: no request was sent", id="nothing-due"),
        pytest.param(lambda: run(requests()[:1600]), "generator: the generator began 1600 of 1640 requests, at least 98% are needed", id="overloaded"),
        pytest.param(lambda: run(due=1700), "generator: 1700 requests were due, which is not what the phases of the profile are", id="other-phases"),
        pytest.param(lambda: run(due=1639), "generator: requests began before they were due, ended before they began, or are more", id="too-many"),
        pytest.param(lambda: run(requests(late_ms=-50)), "generator: requests began before they were due", id="early"),
        pytest.param(lambda: run(requests(lambda _due: -1.0)), "generator: requests began before they were due", id="negative"),
        pytest.param(lambda: run(requests(late_ms=6)), "generator: the generator began requests 6.00 ms late (p99), at most 5.00 ms are allowed", id="late"),
        pytest.param(lambda: run(wall_seconds=104.0), "generator: its clock was set by 3.00 s, or the machine stood still", id="clock"),
        pytest.param(
            lambda: run([requests()[0].model_copy(update={"failure": "status 401"}), *requests()[1:]]),
            "generator: 1 x status 401: these were refused before a model was asked", id="refused",
        ),
        pytest.param(lambda: run(seen=()), "replicas: nobody looked at them", id="nobody-looked"),
        pytest.param(lambda: run(seen=looks()[::-1]), "replicas: looks at them are not in their order", id="out-of-order"),
        pytest.param(
            lambda: run(seen=[one for one in looks() if not 62 < one.seconds < 74]),
            "replicas: nobody looked at them for 12.0 s, at most 10 s are allowed", id="gap",
        ),
        pytest.param(
            lambda: run(seen=[one for one in looks() if one.seconds < 90]), "replicas: nobody looked at them for 11.0 s", id="ended-early",
        ),
        pytest.param(
            lambda: run(requests(lambda due: 20.0 if due >= STEP else 150.0)),
            "fraud/scorer: at a quarter of the rate already 40 of 40 answers were above 100 ms or did not come; the version is too slow",
            id="slow-before",
        ),
        pytest.param(
            lambda: run(seen=[one.model_copy(update={"ready": 0}) if one.seconds < STEP else one for one in looks()]),
            "fraud/scorer: before the first step 0 of 1 replicas were ready", id="not-there-before",
        ),
    ],
)  # fmt: skip
def test_measurement_that_cannot_be_trusted_is_invalid(samples: Callable[[], ScaleSamples], reason: str) -> None:
    verdict = judge(samples())
    assert verdict.outcome is Outcome.INVALID, verdict.lines()
    assert any(reason in one for one in said(verdict, Outcome.INVALID)), verdict.lines()


@pytest.mark.parametrize("broken", ["not a number", '"ready": -1'])
def test_samples_that_are_none_are_refused(broken: str) -> None:
    text = run().model_dump_json().replace('"ready":5', broken if broken.startswith('"') else f'"ready":"{broken}"')
    with pytest.raises(ValueError, match="ready"):
        ScaleSamples.model_validate_json(text)


def test_what_a_look_saw_holds_until_the_next() -> None:
    seen = [Look(seconds=at, ready=ready) for at, ready in ((-1.0, 1), (3.0, 2), (4.0, 1), (6.0, 2))]
    assert short_seconds(seen, 0.0, 10.0, 2) == 3.0 + 2.0
    assert short_seconds(seen, 0.0, 10.0, 3) == 10.0
    assert short_seconds(seen, 0.0, 10.0, 1) == 0.0


def test_enough_is_counted_from_what_came() -> None:
    """Half of the fourfold rate needs three replicas only, whatever the schedule said."""
    phases = phases_of(run([one for number, one in enumerate(requests()) if one.due < LAST or number % 2]))
    assert [phase.enough for phase in phases] == [1, 2, 3]
    assert [(phase.begin, phase.end) for phase in phases] == [(0, STEP), (STEP, LAST), (LAST, END)]
    assert profile().enough(32) == 5
