"""A measurement that cannot be trusted is never a pass, and the verdict says what was wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadtests.gates import judge
from loadtests.plan import Plan
from loadtests.recording import EndpointPart, Recording
from loadtests.run import read
from tests.loadtests.recordings import buckets, endpoint, part, process, recording
from tidegate.gates.verdict import Outcome

GOOD = [50.0] * 1000


def test_the_same_without_a_fault_passes(tmp_path: Path) -> None:
    """Of this file's cases each is this one with one fault."""
    kept = tmp_path / "recording.json"
    kept.write_text(recording(part("fraud/scorer", GOOD)).model_dump_json())
    assert read(kept).verdict.outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"lag": buckets([0.1] * 980 + [5.1] * 20)},
            "began requests 5.10 ms late (p99), at most 5.00 ms are allowed, 5% of the limit of 100 ms",
        ),
        (
            {"begun": 970, "lag": buckets([0.1] * 970), "latency": buckets(GOOD[:970]), "service": buckets(GOOD[:970]), "good": 970},
            "reached 97.0% of the offered rate",
        ),
        ({"last_begun_seconds": 10.4}, "reached 96.2% of the offered rate"),
        ({"out_of_range": 1}, "1 durations are below zero or above an hour; the clock cannot be trusted"),
        ({"due": 900}, "900 due, 1000 begun, 1000 answered and 0 failed do not add up"),
        ({"latency": buckets(GOOD[:-1])}, "1000 begun, 999 answered and 0 failed do not add up"),
        ({"lag": buckets([0.1] * 999)}, "do not add up"),
        ({"service": buckets(GOOD * 2)}, "do not add up"),
        ({"good": 1001}, "do not add up"),
    ],
    ids=[
        "late",
        "too few begun",
        "too long",
        "clock back",
        "more begun than due",
        "answer lost",
        "lag lost",
        "service twice",
        "good twice",
    ],
)
def test_fault_of_the_generator_is_invalid(changes: dict[str, Any], words: str) -> None:
    verdict = judge(recording(part("fraud/scorer", GOOD, **changes)))
    assert verdict.outcome is Outcome.INVALID
    assert [reason.text for reason in verdict.reasons if words in reason.text], verdict.lines()


@pytest.mark.parametrize("changes", [{"lag": buckets([0.1] * 980 + [5.0] * 20)}, {"last_begun_seconds": 10.2}], ids=["late", "long"])
def test_generator_at_its_limit_is_valid(changes: dict[str, Any]) -> None:
    assert judge(recording(part("fraud/scorer", GOOD, **changes))).outcome is Outcome.PASS


@pytest.mark.parametrize("status", ["status 401", "status 403", "status 429"])
def test_requests_that_the_edge_refused_say_nothing_of_the_model(status: str) -> None:
    verdict = judge(recording(part("fraud/scorer", GOOD, {status: 3})))
    assert verdict.outcome is Outcome.INVALID
    assert f"3 x {status}: these were refused before a model was asked" in verdict.lines()[1]


def of(*processes: Any, wanted: int = 2) -> Recording:
    return Recording(plan=Plan(endpoints=(endpoint(),), processes=wanted), processes=processes)


ONE = part("fraud/scorer", GOOD)


@pytest.mark.parametrize(
    ("recorded", "words"),
    [
        (of(process(ONE)), "nothing came from process 1 of 2: it ended before the run did"),
        (of(), "nothing came from process 0, 1 of 2"),
        (of(process(ONE), process(ONE, number=1), process(ONE, number=1)), "process 1 reported twice, or is none of this run"),
        (of(process(ONE), process(ONE, number=1), process(ONE, number=2)), "process 2 reported twice, or is none of this run"),
        (of(process(ONE), process(number=1)), "process 1 reported fraud/scorer not at all, twice, or unasked"),
        (of(process(ONE), process(ONE, ONE, number=1)), "process 1 reported fraud/scorer not at all, twice, or unasked"),
        (of(process(ONE), process(ONE, part("other", GOOD), number=1)), "process 1 reported other not at all, twice, or unasked"),
        (
            of(process(ONE), process(ONE, number=1, wall_seconds=14.0)),
            "its clock was set by 3.00 s, or the machine stood still, while process 1",
        ),
        (of(process(ONE), process(ONE, number=1, wall_seconds=-90.0)), "its clock was set by 101.00 s"),
    ],
    ids=["killed", "all killed", "twice", "unknown", "no endpoint", "endpoint twice", "endpoint unasked", "clock forward", "clock back"],
)
def test_fault_of_a_process_is_invalid(recorded: Recording, words: str) -> None:
    verdict = judge(recorded)
    assert verdict.outcome is Outcome.INVALID
    assert [reason.text for reason in verdict.reasons if words in reason.text], verdict.lines()


def broken(change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(recording(part("fraud/scorer", GOOD)).model_dump_json())
    change(document)
    return json.dumps(document).encode()


def first(document: dict[str, Any]) -> dict[str, Any]:
    return document["processes"][0]["endpoints"][0]


WHOLE = recording(part("fraud/scorer", GOOD)).model_dump_json().encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "whole: Invalid JSON"),
        (WHOLE[:-40], "whole: Invalid JSON"),
        (WHOLE.replace(b'"last_begun_seconds":9.9', b'"last_begun_seconds":NaN'), "last_begun_seconds: Input should be a finite number"),
        (broken(lambda one: first(one).update(good=-1)), "good: Input should be greater than or equal to 0"),
        (broken(lambda one: first(one).update(latency=[[50000, -3]])), "latency.0.1: Input should be greater than or equal to 1"),
        (broken(lambda one: first(one).update(latency=[[-1, 3]])), "latency.0.0: Input should be greater than or equal to 0"),
        (broken(lambda one: first(one).pop("lag")), "lag: Field required"),
        (broken(lambda one: first(one).update(p99_ms=1)), "p99_ms: Extra inputs are not permitted"),
        (broken(lambda one: one.pop("plan")), "plan: Field required"),
        (broken(lambda one: one["plan"]["endpoints"][0].pop("limits")), "no endpoint has limits, so nothing would be judged"),
    ],
    ids=["empty", "cut", "NaN", "negative", "negative count", "negative time", "missing", "unknown", "no plan", "no limits"],
)
def test_damaged_recording_is_invalid(tmp_path: Path, content: bytes, words: str) -> None:
    kept = tmp_path / "recording.json"
    kept.write_bytes(content)
    verdict = read(kept).verdict
    assert verdict.outcome is Outcome.INVALID
    assert words in verdict.reasons[0].text
    assert "it is no whole recording of a run, so record it again" in verdict.reasons[0].text


def test_absent_recording_is_invalid_and_tells_what_locust_said(tmp_path: Path) -> None:
    verdict = read(
        tmp_path / "none.json", ["starting", "vm/ERROR/tidegate.loadtests: the recording is not kept: x: No space left on device"]
    ).verdict
    assert verdict.outcome is Outcome.INVALID
    assert "there is no recording: vm/ERROR/tidegate.loadtests: the recording is not kept: x: No space left" in verdict.reasons[0].text


def test_counts_of_processes_are_added_and_nothing_is_averaged() -> None:
    """One process saw only slow answers. The average of both p99 would be 75 ms."""
    slow: EndpointPart = part("fraud/scorer", [140.0] * 30)
    verdict = judge(of(process(ONE), process(slow, number=1)))
    assert verdict.outcome is Outcome.FAIL
    assert "30 of 1030 requests were above 100 ms or had no answer, p99 140 ms" in verdict.lines()[1]
