"""Each way in which a history can be wrong is no pass, with a sentence that says which."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.tidegate.gates.history.series import FIRST, NAME, lines, night, noise, samples
from tidegate.gates.history.judge import LONG_GAP_DAYS, NIGHTS_NEEDED, judge
from tidegate.gates.history.nights import Accepted, Better, HistorySamples, Unit
from tidegate.gates.verdict import Outcome, Verdict

QUIET = noise(1, 40)
SHIFTED = [*QUIET, *noise(2, 12, centre=14.0)]


def only(verdict: Verdict) -> tuple[Outcome, str, str]:
    (reason,) = verdict.reasons
    return reason.outcome, reason.subject, reason.text


def test_quiet_nights_pass() -> None:
    outcome, subject, text = only(judge(samples(lines(QUIET))))
    assert (outcome, subject) == (Outcome.PASS, NAME)
    assert text.endswith(" ms, as in the 39 nights before")


def test_shift_to_the_worse_fails_and_names_its_night() -> None:
    outcome, _, text = only(judge(samples(lines(SHIFTED))))
    assert outcome is Outcome.FAIL
    assert text.startswith(f"worse: since {FIRST + timedelta(days=40)} 1")
    assert "(medians of 12 and 40 nights); look at what was merged before that night" in text


@pytest.mark.parametrize(("better", "outcome"), [(Better.LOWER, Outcome.FAIL), (Better.HIGHER, Outcome.PASS)])
def test_which_way_is_worse_is_said_by_the_series(better: Better, outcome: Outcome) -> None:
    verdict = judge(samples(lines(SHIFTED, better=better, unit=Unit.SCORE)))
    assert verdict.outcome is outcome
    assert ("better: since" in only(verdict)[2]) is (outcome is Outcome.PASS)


def test_shift_that_went_away_passes() -> None:
    assert judge(samples(lines([*SHIFTED, *noise(5, 20)]))).outcome is Outcome.PASS


@pytest.mark.parametrize(("days", "outcome"), [(0, Outcome.PASS), (3, Outcome.PASS), (9, Outcome.FAIL)])
def test_accepted_shift_passes_and_another_does_not(days: int, outcome: Outcome) -> None:
    accepted = Accepted(
        accepted=NAME, night=FIRST + timedelta(days=40 + days), by="on-call@example.com", reason="a larger model, decided in 1234"
    )
    verdict = judge(samples([*lines(SHIFTED), accepted]))
    assert verdict.outcome is outcome
    assert ("accepted by on-call@example.com: a larger model" in only(verdict)[2]) is (outcome is Outcome.PASS)
    assert judge(samples([*lines(SHIFTED), accepted.model_copy(update={"accepted": "credit/decision p99"})])).outcome is Outcome.FAIL


def test_too_few_nights_judge_nothing() -> None:
    verdict = judge(samples(lines(QUIET[: NIGHTS_NEEDED - 1])))
    assert (verdict.outcome, verdict.reasons) == (Outcome.INCONCLUSIVE, ())
    assert verdict.notes == (f"{NAME}: {NIGHTS_NEEDED - 1} of the {NIGHTS_NEEDED} nights that are needed; not judged yet",)
    assert judge(samples(lines(QUIET[:NIGHTS_NEEDED]))).outcome is Outcome.PASS


def test_gap_is_told_and_the_nights_around_it_are_judged() -> None:
    later = [night(number + 30, value) for number, value in enumerate(SHIFTED) if number >= 40]
    verdict = judge(samples([*lines(QUIET), *later]))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.notes == (f"no night between {FIRST + timedelta(days=39)} and {FIRST + timedelta(days=70)} (31 days)",)


def test_one_bad_night_passes() -> None:
    assert judge(samples(lines([*QUIET, 900.0]))).outcome is Outcome.PASS


def without_figures(number: int, **unmeasured: str) -> str:
    return night(number, 1.0).model_copy(update={"figures": (), "unmeasured": unmeasured}).model_dump_json()


def test_model_that_was_not_measured_tonight_is_inconclusive() -> None:
    verdict = judge(samples([*lines(QUIET), without_figures(40, fraud="the generator was late")]))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert [str(reason) for reason in verdict.reasons] == [
        "inconclusive: fraud: not measured tonight: the generator was late",
        f"inconclusive: {NAME}: not measured tonight; the last time on {FIRST + timedelta(days=39)}",
    ]


def test_series_that_ended_long_ago_is_gone() -> None:
    other = [night(number, value, name="fraud/other p99") for number, value in enumerate(noise(6, 20))]
    merged = [
        one.model_copy(update={"figures": (*one.figures, *more.figures)})
        for one, more in zip(map(night, range(20), QUIET), other, strict=False)
    ]
    rest = [night(number, value) for number, value in enumerate(QUIET) if number >= 20]
    assert [reason.subject for reason in judge(samples([*merged, *rest])).reasons] == [NAME]
    assert LONG_GAP_DAYS < 20
    early = judge(samples([*merged, *rest[:3]]))
    assert "fraud/other p99" in {reason.subject for reason in early.reasons}


GOOD = lines(QUIET)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        pytest.param('{"night": "2026-07-1', "Invalid JSON", id="cut short"),
        pytest.param(GOOD[-1], f"is {FIRST + timedelta(days=39)} again, which line 40 is; keep the one that holds", id="same night again"),
        pytest.param(GOOD[-1].replace(str(QUIET[-1]), "NaN"), "finite number", id="NaN"),
        pytest.param(GOOD[-1].replace(str(QUIET[-1]), "-3.0"), "is no duration", id="negative"),
        pytest.param(GOOD[-1].replace(str(QUIET[-1]), "Infinity"), "finite number", id="infinite"),
        pytest.param(GOOD[-1].replace('"night"', '"nihgt"'), "night: Field required", id="unknown key"),
        pytest.param(
            json.dumps({**json.loads(GOOD[-1]), "figures": 2 * json.loads(GOOD[-1])["figures"]}),
            "two figures in one night",
            id="series twice",
        ),
        pytest.param("\x00\x01", "Invalid JSON", id="other bytes"),
    ],
)
def test_line_that_is_none_is_invalid(line: str, told: str) -> None:
    verdict = judge(HistorySamples(tonight=FIRST + timedelta(days=39), lines=(*GOOD, line)))
    assert (only(verdict)[0], only(verdict)[1]) == (Outcome.INVALID, "line 41")
    assert told in only(verdict)[2]


def test_night_that_is_still_to_come_is_invalid() -> None:
    outcome, subject, text = only(judge(samples(GOOD, FIRST + timedelta(days=38))))
    assert (outcome, subject) == (Outcome.INVALID, "clock")
    assert "which is still to come; correct the clock" in text


def test_nothing_measured_tonight_is_invalid() -> None:
    assert only(judge(samples(GOOD, FIRST + timedelta(days=45))))[2] == "the history has no such night; nothing was measured"
    assert judge(HistorySamples(tonight=FIRST, lines=())).outcome is Outcome.INVALID


def test_verdict_is_made_of_the_samples_alone() -> None:
    kept = samples(lines(SHIFTED))
    again = HistorySamples.model_validate_json(kept.model_dump_json())
    assert judge(again) == judge(kept)
    shuffled = kept.model_copy(update={"lines": kept.lines[::-1]})
    assert judge(shuffled) == judge(kept)
