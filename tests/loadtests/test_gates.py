"""What a recording proves: each outcome, each endpoint by itself, beside a baseline, and with a noisy neighbour."""

from __future__ import annotations

import pytest

from loadtests.gates import judge, requests_needed
from loadtests.plan import noisy_pair
from loadtests.recording import Histogram
from loadtests.shapes import Constant
from tests.loadtests.recordings import buckets, compared, endpoint, part, recording
from tidegate.facts.models.scaling import Slo
from tidegate.gates.verdict import Outcome, Verdict

GOOD = [50.0] * 1000
SLOW = [50.0] * 950 + [150.0] * 50
NEAR = [50.0] * 990 + [150.0] * 10


def said(verdict: Verdict, outcome: Outcome) -> list[str]:
    return [f"{one.subject}: {one.text}" for one in verdict.reasons if one.outcome is outcome]


def test_good_requests_pass() -> None:
    verdict = judge(recording(part("fraud/scorer", GOOD), note="embedded profile, no evidence for production"))
    assert verdict.outcome is Outcome.PASS
    assert said(verdict, Outcome.PASS) == [
        "fraud/scorer: p99_ms holds: 0 of 1000 requests were above 100 ms or had no answer, p99 50 ms (between 50 ms and 50 ms)",
        "fraud/scorer: availability is not refuted: 0 of 1000 requests had no answer, 1 % may",
    ]
    assert verdict.notes[-1] == "embedded profile, no evidence for production"
    assert verdict.notes[0].startswith("fraud/scorer: 100.0/s offered, 100.0/s begun; goodput 100.0/s; p50 50 ms; p99 50 ms; ")


def test_slow_requests_fail() -> None:
    verdict = judge(recording(part("fraud/scorer", SLOW)))
    assert verdict.outcome is Outcome.FAIL
    assert "fraud/scorer: p99_ms does not hold: 50 of 1000 requests were above 100 ms" in said(verdict, Outcome.FAIL)[0]


def test_what_is_too_near_to_the_limit_is_inconclusive() -> None:
    verdict = judge(recording(part("fraud/scorer", NEAR)))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "2010 requests with no more of them above would prove it" in said(verdict, Outcome.INCONCLUSIVE)[0]
    near = judge(recording(part("fraud/scorer", [50.0] * 987 + [150.0] * 13)))
    assert "the true p99 is too near to the limit" in said(near, Outcome.INCONCLUSIVE)[0]


def test_one_request_fewer_than_needed_is_inconclusive() -> None:
    assert judge(recording(part("fraud/scorer", GOOD[: requests_needed()]))).outcome is Outcome.PASS
    verdict = judge(recording(part("fraud/scorer", GOOD[: requests_needed() - 1])))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert (
        "459 requests with no more of them above would prove it; raise load_profile.duration_seconds"
        in said(verdict, Outcome.INCONCLUSIVE)[0]
    )


def test_without_requests_it_is_inconclusive() -> None:
    verdict = judge(recording(part("fraud/scorer", [], due=0)))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "no request was due, at least 459 are needed" in said(verdict, Outcome.INCONCLUSIVE)[0]


def test_failures_count_as_slow() -> None:
    verdict = judge(recording(part("fraud/scorer", GOOD, {"status 500": 30, "connection reset": 5})))
    assert verdict.outcome is Outcome.FAIL
    first, second = said(verdict, Outcome.FAIL)
    assert "35 of 1035 requests were above 100 ms or had no answer, p99 unknown" in first
    assert "availability does not hold: 35 of 1035 requests had no answer, 1 % may; 30 x status 500, 5 x connection reset" in second


def test_more_failures_than_may_be_are_inconclusive_before_they_are_proved() -> None:
    strict = endpoint(limits=Slo(p99_ms=100, availability=0.9999))
    verdict = judge(recording(part("fraud/scorer", GOOD, {"status 500": 1}), endpoints=[strict]))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "availability is not decided: 1 of 1001 requests had no answer, 0.01 % may" in said(verdict, Outcome.INCONCLUSIVE)[0]


def test_a_slow_endpoint_is_not_hidden_by_the_others() -> None:
    verdict = judge(recording(part("a/one", GOOD * 20), part("b/two", SLOW)))
    assert verdict.outcome is Outcome.FAIL
    assert [line.partition(":")[0] for line in said(verdict, Outcome.FAIL)] == ["b/two"]
    assert [line.partition(":")[0] for line in said(verdict, Outcome.PASS)] == ["a/one", "a/one", "b/two"]


def test_limit_itself_is_within_the_limit() -> None:
    assert Histogram(buckets([100.0, 100.001])).above(100) == 1


def test_tokens_are_judged_by_their_own_limit() -> None:
    limits = Slo(p99_ms=100, availability=0.99, time_to_first_token_ms=20)
    chat = endpoint("a/chat", protocol="openai", limits=limits)
    good = part("a/chat", GOOD, first_token=buckets([10.0] * 1000), between_tokens=buckets([5.0] * 9000))
    late = part("a/chat", GOOD, first_token=buckets([10.0] * 900 + [30.0] * 100))
    none = part("a/chat", GOOD)
    passed = judge(recording(good, endpoints=[chat]))
    assert passed.outcome is Outcome.PASS
    assert "first token p50 10 ms, p99 10 ms; between tokens p50 5 ms, p99 5 ms" in passed.notes[0]
    failed = judge(recording(late, endpoints=[chat]))
    assert "time_to_first_token_ms does not hold: 100 of 1000 requests were above 20 ms" in said(failed, Outcome.FAIL)[0]
    assert judge(recording(none, endpoints=[chat])).outcome is Outcome.FAIL, "no first token is no quick one"
    tabular = judge(recording(good, endpoints=[endpoint("a/chat", limits=limits)]))
    assert "protocol v2 has no tokens; remove it from slo" in said(tabular, Outcome.INCONCLUSIVE)[0]


@pytest.mark.parametrize(
    ("baseline", "candidate", "outcome", "words"),
    [
        (GOOD, GOOD, Outcome.PASS, "p99 is 1 to 1 times that of baseline, at most 1.2 times are allowed"),
        (GOOD, [70.0] * 1000, Outcome.FAIL, "p99 is 1.4 to 1.4 times that of baseline, at most 1.2 times are allowed"),
        ([40.0] * 991 + [60.0] * 9, [50.0] * 1000, Outcome.INCONCLUSIVE, "p99 is 0.833 to 1.25 times"),
        (SLOW, GOOD, Outcome.INVALID, "baseline misses its own limits in the same run, so this machine cannot tell"),
        (NEAR, GOOD, Outcome.INCONCLUSIVE, "baseline is inconclusive in the same run, so nothing is compared with"),
        (GOOD, SLOW, Outcome.FAIL, "p99_ms does not hold"),
    ],
    ids=["alike", "slower", "too few", "baseline slow", "baseline near", "candidate slow"],
)
def test_candidate_beside_its_baseline(baseline: list[float], candidate: list[float], outcome: Outcome, words: str) -> None:
    asked = [endpoint("baseline"), compared("candidate", "baseline", 1.2)]
    verdict = judge(recording(part("baseline", baseline), part("candidate", candidate), endpoints=asked))
    assert verdict.outcome is outcome, verdict.lines()
    assert [line for line in said(verdict, outcome) if words in line], verdict.lines()


def test_without_a_largest_ratio_only_the_limits_decide() -> None:
    asked = [endpoint("baseline"), compared("candidate", "baseline")]
    verdict = judge(recording(part("baseline", [10.0] * 1000), part("candidate", [90.0] * 1000), endpoints=asked))
    assert verdict.outcome is Outcome.PASS


def test_noisy_neighbour_is_seen_by_the_ratio_to_the_quiet_half() -> None:
    quiet = endpoint("victim")
    neighbour = endpoint("neighbour", arrivals=Constant(requests_per_second=1000), limits=Slo(p99_ms=1, availability=0.99))
    pair = noisy_pair(quiet, neighbour, p99_ratio_max=1.5)
    assert [(one.name, one.begin_seconds, one.limits is None) for one in pair] == [
        ("victim", 0, False), ("victim with neighbour", 10, False), ("neighbour", 10, True),
    ]  # fmt: skip
    loud = part("neighbour", [500.0] * 10_000)
    bad = judge(recording(part("victim", GOOD), part("victim with neighbour", [90.0] * 1000), loud, endpoints=pair))
    assert bad.outcome is Outcome.FAIL, "within its limit, and yet 1.8 times slower"
    assert "p99 is 1.8 to 1.8 times that of victim" in said(bad, Outcome.FAIL)[0]
    good = judge(recording(part("victim", GOOD), part("victim with neighbour", [60.0] * 1000), loud, endpoints=pair))
    assert good.outcome is Outcome.PASS
