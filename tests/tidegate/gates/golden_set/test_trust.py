"""A set or a measurement that cannot be trusted is no pass, and the sentence says what to do. Each case differs from one that passes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.tidegate.gates.golden_set.measurements import answers, facts, labels, measured, said, scores
from tidegate.gates.golden_set.judge import judge
from tidegate.gates.golden_set.samples import Answer, Answers, GoldenSamples, TrainingRows
from tidegate.gates.verdict import Outcome

GOOD = scores(0.95, 100, 400, "good")


def of(*rows: Answer) -> Answers:
    return Answers(version="fraud/scorer/2", url="http://h", answers=rows)


def failing(count: int, kind: str) -> Answers:
    return of(*(Answer(row=row, value=value) if row >= count else Answer(row=row, failure=kind) for row, value in enumerate(GOOD)))


def changed(row: int, value: float | str | None) -> Answers:
    return answers([*GOOD[:row], value, *GOOD[row + 1 :]])  # type: ignore[list-item]


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "tampered": ({"sha256_found": "b" * 64}, "golden set: these files are not the set that the facts name: their digest is bbbb"),
    "leaked": (
        {"training": TrainingRows(listed=1000, found=(3, 9))},
        "golden set: 2 of 500 rows leaked, the candidate learnt from them: rows 3, 9; take them out of its training data",
    ),
    "empty-list": ({"training": TrainingRows(listed=0, found=())}, "golden set: the list of the candidate's training rows is empty"),
    "one-row": (
        {"labels": (1.0,), "candidate": answers([0.9]), "serving": answers([0.9]), "slices": {}},
        "golden set: 1 positives and 0 negatives are too few: not even a perfect version would be proved to reach 0.8; add rows",
    ),
    "one-class": ({"labels": labels(500, 0)}, "golden set: 500 positives and 0 negatives are too few"),
    "few-of-a-class": ({"labels": labels(25, 475)}, "golden set: 25 positives and 475 negatives are too few"),
    "few-texts": (
        {
            "golden_set": facts(metric="exact-match", threshold=0.7), "labels": ("a",) * 12, "candidate": answers(["a"] * 12),
            "serving": answers(["a"] * 12),
        },
        "golden set: 12 rows are too few: 13 are needed, all of them right, to prove 0.7; add rows",
    ),
    "few-errors": (
        {
            "golden_set": facts(metric="mean-absolute-error", threshold=3), "labels": (1.0,) * 99, "candidate": answers([1.0] * 99),
            "serving": answers([1.0] * 99),
        },
        "golden set: 99 rows are too few for a mean of errors, at least 100 are needed; add rows",
    ),
    "label-no-class": ({"labels": (2.0, *labels(99, 400))}, "golden set: what is expected in row 0 is not 0 or 1, as auc needs"),
    "label-text": ({"labels": ("1", *labels(99, 400))}, "golden set: what is expected in row 0 is not 0 or 1, as auc needs"),
    "slice-unknown": (
        {"golden_set": facts(slices=("country",))},
        "golden set: slices.json has no slice country, it has region; add it, or take it out of golden_set.slices",
    ),
    "slice-short": (
        {"golden_set": facts(slices=("region",)), "slices": {"region": ("near",) * 499}},
        "golden set: slice region has 499 groups for 500 rows; give each row one",
    ),
    "not-a-number": ({"candidate": changed(7, "NaN")}, "candidate: row 7 answered with what is no finite number, such as 'NaN'"),
    "text-for-number": ({"candidate": changed(7, "high")}, "candidate: row 7 answered with what is no finite number, such as 'high'"),
    "number-for-text": (
        {
            "golden_set": facts(metric="exact-match", threshold=0.7), "labels": ("a",) * 20, "candidate": answers([1.0] * 20),
            "serving": answers(["a"] * 20),
        },
        "candidate: rows 0, 1, 2, 3, 4, ... answered with what is no text, such as '1.0'",
    ),
    "missing": ({"candidate": answers(GOOD[:498])}, "candidate: nothing is recorded of rows 498, 499, so the measurement ended too early"),
    "duplicate": (
        {"candidate": of(*answers(GOOD).answers, Answer(row=4, value=0.5))}, "candidate: row 4 answered twice; measure again",
    ),
    "too-many": ({"candidate": answers([*GOOD, 0.5])}, "candidate: row 500 answered and not in the set, which has 500 rows"),
    "nothing-recorded": ({"candidate": answers([])}, "candidate: nothing is recorded of rows 0, 1, 2, 3, 4, ..."),
    "no-answer-at-all": (
        {"candidate": failing(500, "status 500")},
        "candidate: 500 of 500 rows have no answer (500 x status 500), so nothing is measured; correct the address",
    ),
    "refused": ({"candidate": failing(32, "status 403")}, "candidate: 32 of 500 rows have no answer (32 x status 403); find out why"),
    "counts-differ": ({"candidate": failing(32, "31 values for 32 rows")}, "32 of 500 rows have no answer (32 x 31 values for 32 rows)"),
    "serving-failed": ({"serving": failing(1, "status 500")}, "version that serves: 1 of 500 rows have no answer (1 x status 500)"),
    "serving-missing": ({"serving": answers(GOOD[1:])}, "version that serves: nothing is recorded of row 499"),
}  # fmt: skip


@pytest.mark.parametrize("case", INVALID)
def test_is_invalid_and_says_why(case: str) -> None:
    changes, words = INVALID[case]
    verdict = judge(measured(**changes))
    assert verdict.outcome is Outcome.INVALID
    assert [text for text in said(verdict, Outcome.INVALID) if words in text], said(verdict, Outcome.INVALID)
    assert not said(verdict, Outcome.PASS), "nothing is judged of what cannot be trusted"
    assert judge(measured()).outcome is Outcome.PASS


@pytest.mark.parametrize("kind", ["status 500", "status 503", "no answer in time", "broken off"])
def test_candidate_that_leaves_rows_without_an_answer_fails(kind: str) -> None:
    verdict = judge(measured(candidate=failing(64, kind)))
    assert verdict.outcome is Outcome.FAIL
    assert said(verdict, Outcome.FAIL) == [f"candidate: 64 of 500 rows have no answer (64 x {kind}); look into the log of its server"]


def test_without_the_list_of_training_rows_it_is_inconclusive() -> None:
    verdict = judge(measured(training=None))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "nobody gave the list of the candidate's training rows" in said(verdict, Outcome.INCONCLUSIVE)[0]


def test_training_rows_may_be_in_the_set_where_the_facts_say_why() -> None:
    why = facts(holds_training_rows="It repeats its own answers.")
    verdict = judge(measured(golden_set=why, training=TrainingRows(listed=1000, found=(3, 9))))
    assert verdict.outcome is Outcome.PASS
    assert "2 of 500 rows are training data, which is allowed: It repeats its own answers." in verdict.notes
    assert "an unknown number of 500 rows" in " ".join(judge(measured(golden_set=why, training=None)).notes)


_ROWS = st.integers(0, 40)
_VALUES = st.none() | st.floats(0, 1) | st.text(max_size=5)
_ANSWERS = st.lists(
    st.builds(Answer, row=_ROWS, value=_VALUES, failure=st.sampled_from(["", "status 500", "status 403"])), max_size=45
).map(lambda rows: of(*rows))
_LABELS = st.lists(st.sampled_from([0.0, 1.0]) | st.floats(-5, 5) | st.text(max_size=3), max_size=45).map(tuple)
_SLICES = st.dictionaries(st.sampled_from(["region", "other"]), st.lists(st.sampled_from(["a", "b"]), max_size=45).map(tuple), max_size=2)
_METRICS = st.sampled_from(["auc", "accuracy", "exact-match", "mean-absolute-error"])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.fixed_dictionaries(
        {
            "metric": _METRICS, "labels": _LABELS, "candidate": _ANSWERS, "serving": st.none() | _ANSWERS, "is_first": st.booleans(),
            "slices": _SLICES, "found": st.none() | st.lists(_ROWS, max_size=3),
        }
    )
)  # fmt: skip
def test_no_document_is_a_fault_and_none_of_bad_parts_passes(drawn: dict[str, Any]) -> None:
    metric, found = drawn.pop("metric"), drawn.pop("found")
    training = None if found is None else TrainingRows(listed=9, found=tuple(found))
    samples = measured(golden_set=facts(metric=metric, slices=("region",), threshold=0.5), training=training, **drawn)
    verdict = judge(samples)
    assert verdict.reasons
    assert judge(GoldenSamples.model_validate_json(samples.model_dump_json())) == verdict
    rows = sorted(one.row for one in samples.candidate.answers if one.value is not None)
    if rows != list(range(len(samples.labels))) or not rows or found or found is None:
        assert verdict.outcome is not Outcome.PASS


@pytest.mark.parametrize(
    "change",
    [
        {"candidate": {"version": "2", "url": "u", "answers": [{"row": 0, "value": float("nan")}]}}, {"labels": [float("inf")]},
        {"labels": [True]}, {"candidate": {"version": "2", "url": "u", "answers": [{"row": -1, "value": 1.0}]}}, {"odd": 1}, {"model": None},
    ],
)  # fmt: skip
def test_document_of_another_form_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        GoldenSamples.model_validate({**measured().model_dump(), **change})
