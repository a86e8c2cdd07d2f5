"""Pods' counters become a revision's counts, and what cannot be believed is a hold that says why."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tidegate.release.analysis.counts import Counts, Share
from tidegate.release.analysis.readings import Counter, Identity, PodReading, Sample, Wanted
from tidegate.release.analysis.tally import Taken, Tally, joined, take

WHO = Identity("fraud", "scorer", "scorer-predictor-00002", "uid-2")
ALL = frozenset(Counter)
NOW = 1_000.0


def reading(
    pod: str = "a", requests: float | str = 0, *, errors: float | str = 0, fast: int | None = None, at: float = NOW, **more: object
) -> PodReading:
    total = int(requests) if isinstance(requests, int) else 0
    samples = (
        Sample(Counter.REQUESTS, requests),
        Sample(Counter.ERRORS, errors),
        Sample(Counter.WITHIN, total if fast is None else fast, "0.0075"),
        Sample(Counter.WITHIN, total, "+Inf"),
        Sample(Counter.DECISIONS, total, "refuse"),
    )
    return replace(PodReading(pod, WHO, at, samples), **more)  # pyright: ignore[reportArgumentType] - fields of the reading


def wanted(*pods: str) -> Wanted:
    return Wanted(WHO, frozenset(pods or ("a",)), ALL, edge_seconds=0.0075)


def begun(*readings: PodReading) -> Tally:
    return look(Tally(NOW - 100), *(readings or (reading(),))).tally


def look(tally: Tally, *readings: PodReading) -> Taken:
    return take(tally, wanted(*(one.pod for one in readings)), readings, NOW)


def counted(taken: Taken) -> Counts:
    assert taken.counts, [str(hold) for hold in taken.holds]
    assert not taken.holds
    return taken.counts


def test_first_look_is_where_counting_begins() -> None:
    first = look(Tally(NOW - 100), reading("a", 500, errors=9), reading("b", 70))
    assert counted(first).errors == Share()
    second = counted(look(first.tally, reading("a", 510, errors=10, fast=506), reading("b", 90)))
    assert second.errors == Share(total=30, bad=1)
    assert second.slow == Share(total=30, bad=4)
    assert second.decisions == {"refuse": 30}
    assert (second.revision, second.revision_uid) == ("scorer-predictor-00002", "uid-2")


def test_pod_that_started_since_counts_from_its_start() -> None:
    tally = begun()
    assert counted(look(tally, reading(), reading("b", 7, started_seconds=NOW - 50))).errors == Share(total=7)
    assert counted(look(tally, reading(), reading("b", 7, started_seconds=NOW - 500))).errors == Share()


def test_pod_that_is_gone_keeps_what_it_counted() -> None:
    tally = look(begun(reading("a", 5), reading("b", 5)), reading("a", 15, errors=2), reading("b", 6)).tally
    assert counted(look(tally, reading("b", 9))).errors == Share(total=14, bad=2)


def test_restart_is_a_hold_and_nothing_counted_before_is_lost() -> None:
    tally = look(begun(reading("a", 5)), reading("a", 25, errors=3)).tally
    taken = look(tally, reading("a", 2))
    assert taken.counts is None
    assert [str(hold) for hold in taken.holds] == [
        "restarted: pod a: its counters began again; what it counted last before is lost, the next look counts"
    ]
    assert counted(look(taken.tally, reading("a", 4, errors=1))).errors == Share(total=24, bad=4)


def test_restart_that_the_process_tells_is_one_also_where_no_counter_fell() -> None:
    tally = begun(reading("a", 5, started_seconds=1.0))
    taken = look(tally, reading("a", 50, started_seconds=NOW))
    assert [hold.rule for hold in taken.holds] == ["restarted"]
    assert counted(look(taken.tally, reading("a", 51, started_seconds=NOW))).errors == Share(total=51)


def test_counter_that_goes_back_without_a_restart_is_refused() -> None:
    tally = begun(reading("a", 50, started_seconds=1.0))
    taken = look(tally, reading("a", 49, started_seconds=1.0))
    assert taken.tally == tally
    assert [hold.rule for hold in taken.holds] == ["went-back"]
    assert "requests, within +Inf, within 0.0075 went back though its process did not restart" in taken.holds[0].text


def test_look_that_is_not_believed_is_made_good_by_the_next() -> None:
    tally = begun(reading("a", 5), reading("b", 5))
    missed = take(tally, wanted("a", "b"), [reading("a", 9)], NOW)
    assert (missed.tally, missed.counts) == (tally, None)
    assert counted(look(missed.tally, reading("a", 10), reading("b", 12))).errors == Share(total=12)


@pytest.mark.parametrize(
    "value", ["NaN", "+Inf", "-Inf", "1e999", "-1", "many", "", "1.5", math.nan, math.inf, -3.0, 2.0**60, True], ids=str
)
def test_what_no_counter_can_be_is_refused(value: str | float) -> None:
    taken = look(begun(), reading("a", 10, errors=value))
    assert taken.counts is None
    assert [str(hold) for hold in taken.holds] == [
        f"no-count: pod a: errors is {str(value)!r}, which no counter can be; see what its program exports"
    ]


@pytest.mark.parametrize("value", ["10", "1e1", "10.0", 10, 10.0], ids=repr)
def test_ways_to_write_a_count(value: str | float) -> None:
    assert counted(look(begun(), reading("a", 20, errors=value))).errors == Share(total=20, bad=10)


ONLY_REQUESTS = (Sample(Counter.REQUESTS, 1),)
BUCKETS = (Sample(Counter.WITHIN, 4, "0.0075"), Sample(Counter.WITHIN, 4, "+Inf"))


@pytest.mark.parametrize(
    ("odd", "rule", "text"),
    [
        (reading(at=NOW - 6), "stale", "its numbers are 6 s old, 5 s at most are believed"),
        (reading(at=NOW + 60), "stale", "its numbers are dated 60 s ahead, 5 s at most"),
        (reading(at=math.nan), "stale", "5 s at most are believed"),
        (
            reading(labels=replace(WHO, revision="scorer-predictor-00001")),
            "wrong-labels",
            "of revision scorer-predictor-00001, not scorer-predictor-00002",
        ),
        (reading(labels=replace(WHO, revision_uid="")), "wrong-labels", "of revision_uid nobody, not uid-2"),
        (reading(labels=replace(WHO, tenant="credit")), "wrong-labels", "of tenant credit, not fraud"),
        (reading(labels=replace(WHO, model="decision")), "wrong-labels", "of model decision, not scorer"),
        (reading(samples=(*reading().samples, Sample(Counter.ERRORS, 0))), "several-series", "errors is there more than once"),
        (
            reading(samples=(*reading().samples, Sample(Counter.WITHIN, 0, "0.00750"))),
            "several-series",
            "within 0.00750 is there more than once",
        ),
        (reading(samples=()), "no-data", "it has no number of requests"),
        (reading(samples=BUCKETS), "no-data", "it has no number of requests"),
        (reading(samples=ONLY_REQUESTS), "no-data", "it has no number of within"),
        (reading(samples=(*ONLY_REQUESTS, Sample(Counter.WITHIN, 4))), "histogram-without-edge", "a bucket does not say where it ends"),
        (reading(samples=(*ONLY_REQUESTS, BUCKETS[0])), "histogram-without-edge", "no bucket ends at inf s, only at 0.0075"),
        (
            reading(samples=(*ONLY_REQUESTS, Sample(Counter.WITHIN, 4, "0.01"), BUCKETS[1])),
            "histogram-without-edge",
            "no bucket ends at 0.0075 s, only at 0.01, inf; give the histogram an edge at the promised p99",
        ),
        (
            reading(samples=(*ONLY_REQUESTS, BUCKETS[0], Sample(Counter.WITHIN, 3, "+Inf"))),
            "no-count",
            "a wider bucket holds less than a narrower one",
        ),
    ],
    ids=lambda one: "" if isinstance(one, PodReading) else str(one)[:40],
)
def test_reading_that_is_not_believed_is_a_hold(odd: PodReading, rule: str, text: str) -> None:
    taken = take(begun(), wanted(), [odd], NOW)
    assert taken.counts is None
    assert rule in {hold.rule for hold in taken.holds}
    assert any(text in hold.text for hold in taken.holds if hold.rule == rule), taken.holds


@pytest.mark.parametrize(
    ("pods", "readings", "said"),
    [
        (["a", "b"], [reading()], "missing-pod: pod b: it is ready and could not be read; see whether it answers on its metrics port"),
        (
            ["a"],
            [reading(), reading("b")],
            "foreign-pod: pod b: it is not among the ready pods of revision scorer-predictor-00002; read those only",
        ),
        (["a"], [reading(), reading()], "several-series: pod a: it was read twice; read each once"),
        (["a"], [], "missing-pod: pod a: it is ready and could not be read; see whether it answers on its metrics port"),
    ],
)
def test_pods_that_are_not_those_wanted_are_a_hold(pods: list[str], readings: list[PodReading], said: str) -> None:
    taken = take(begun(), wanted(*pods), readings, NOW)
    assert taken.counts is None
    assert [str(hold) for hold in taken.holds] == [said]


def test_revision_without_a_pod_is_a_hold() -> None:
    taken = take(begun(), replace(wanted(), pods=frozenset()), [], NOW)
    assert [str(hold) for hold in taken.holds] == [
        "no-pods: revision scorer-predictor-00002: it has no pod that is ready; see why it does not start"
    ]


def test_more_bad_answers_than_answers_are_a_hold() -> None:
    taken = look(begun(), reading("a", 3, errors=4))
    assert taken.counts is None
    assert [hold.rule for hold in taken.holds] == ["no-count"]
    assert "more bad answers than answers" in taken.holds[0].text


def test_program_without_an_error_yet_need_not_count_them() -> None:
    samples = tuple(one for one in reading("a", 9).samples if one.counter is not Counter.ERRORS)
    assert counted(look(begun(), reading("a", samples=samples))).errors == Share(total=9)


def test_two_sources_each_know_a_part() -> None:
    errors, slow = Counts("r", "u", errors=Share(total=3)), Counts("r", "u", slow=Share(total=2), decisions={"a": 1})
    assert joined(errors, slow) == Counts("r", "u", Share(total=3), Share(total=2), {"a": 1})
    with pytest.raises(ValueError, match="r and s are not one revision"):
        joined(errors, Counts("s", "u"))
