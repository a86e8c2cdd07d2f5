"""What is proved passes, what is refuted fails, what is neither blocks; and no group is given up for the whole."""

from __future__ import annotations

import pytest

from tests.tidegate.gates.golden_set.measurements import answers, facts, measured, said, scores
from tidegate.gates.golden_set import figures
from tidegate.gates.golden_set.judge import judge
from tidegate.gates.golden_set.samples import GoldenSamples
from tidegate.gates.verdict import Outcome

GOOD = scores(0.95, 100, 400, "good")
REGION = tuple("near" if row % 2 else "far" for row in range(500))


def upside_down_where(group: str) -> list[float]:
    return [1 - value if REGION[row] == group else value for row, value in enumerate(GOOD)]


def test_good_version_passes_with_its_figures() -> None:
    verdict = judge(measured(golden_set=facts(slices=("region",), regress_at_most=0.2)))
    assert verdict.outcome is Outcome.PASS
    threshold, whole, far, near = said(verdict, Outcome.PASS)
    assert threshold.startswith("fraud/scorer: auc is 0.9")
    assert threshold.endswith("where at least 0.8 is wanted, in 500 rows: proved")
    assert whole.startswith("all rows: auc 0.9")
    assert (far.partition(":")[0], near.partition(":")[0]) == ("region far", "region near")


def test_wrong_version_fails_by_its_metric_and_in_every_group() -> None:
    verdict = judge(measured(candidate=answers([1 - one for one in GOOD]), golden_set=facts(slices=("region",))))
    assert verdict.outcome is Outcome.FAIL
    assert [one.partition(":")[0] for one in said(verdict, Outcome.FAIL)] == ["fraud/scorer", "all rows", "region far", "region near"]
    assert "refuted; train a better version" in said(verdict, Outcome.FAIL)[0]


def test_one_lost_group_fails_though_the_whole_is_good_enough() -> None:
    """Which is what slices are for."""
    samples = measured(
        golden_set=facts(slices=("region",), threshold=0.3, regress_at_most=0.5), candidate=answers(upside_down_where("far"))
    )
    verdict = judge(samples)
    assert [one.partition(":")[0] for one in said(verdict, Outcome.FAIL)] == ["region far"]
    assert "worse by 0.9" in said(verdict, Outcome.FAIL)[0]
    assert "0.5 allowed, in 250 rows: refuted; train a version that keeps this group" in said(verdict, Outcome.FAIL)[0]
    without = judge(samples.model_copy(update={"golden_set": facts(threshold=0.3, regress_at_most=0.5)}))
    assert not [one for one in said(without, Outcome.FAIL) if "region" in one]


def test_what_is_too_near_to_the_threshold_is_inconclusive() -> None:
    verdict = judge(measured(golden_set=facts(threshold=0.91)))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert said(verdict, Outcome.INCONCLUSIVE)[0].endswith("not decided; add rows to the golden set, or train a better version")


def test_group_too_small_to_say_is_a_note_unless_the_facts_demand_more() -> None:
    small = {"region": tuple("tiny" if row < 8 else "large" for row in range(500))}
    noted = judge(measured(golden_set=facts(slices=("region",)), slices=small))
    assert noted.outcome is Outcome.PASS
    assert [one for one in noted.notes if one.startswith("region tiny: 8 rows, too few of them or of a class to say anything")]
    blocked = judge(measured(golden_set=facts(slices=("region",), undecided_slices="block"), slices=small))
    assert blocked.outcome is Outcome.INCONCLUSIVE
    (text,) = said(blocked, Outcome.INCONCLUSIVE)
    assert text.startswith("region tiny: 8 rows, too few")


def test_same_answers_pass_in_every_group_of_any_size() -> None:
    small = {"region": tuple("tiny" if row < 8 else "large" for row in range(500))}
    samples = measured(golden_set=facts(slices=("region",), undecided_slices="block"), slices=small, serving=answers(GOOD))
    verdict = judge(samples)
    assert verdict.outcome is Outcome.PASS
    assert "region tiny: the same answers as the version that serves in all 8 rows" in said(verdict, Outcome.PASS)
    assert [one for one in verdict.notes if one.startswith("decisions at 0.5: 0 of 500 flip")]


def test_without_the_version_that_serves_it_is_inconclusive_but_for_the_first() -> None:
    verdict = judge(measured(serving=None))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "the version that serves was not asked, so nothing is compared; give --baseline-url" in said(verdict, Outcome.INCONCLUSIVE)[0]
    first = judge(measured(serving=None, is_first=True, golden_set=facts(slices=("region",))))
    assert first.outcome is Outcome.PASS
    assert "nothing serves yet, so no slice is compared" in first.notes
    assert [one for one in first.notes if one.startswith("region far: auc 0.9")]


def test_calibration_is_shown_by_tenths_and_decides_nothing() -> None:
    table = figures.calibration(measured())
    assert [row.rows for row in table] == [50] * 10
    assert [row.highest for row in table] == sorted(row.highest for row in table)
    assert sum(row.observed * row.rows for row in table) == pytest.approx(100)
    assert len([one for one in judge(measured()).notes if one.startswith("calibration: 50 rows")]) == 10
    margins = measured(candidate=answers([one * 40 - 20 for one in GOOD]))
    assert figures.calibration(margins) == [], "scores that are no probabilities promise nothing"


def test_flips_are_counted_by_direction_and_by_whether_they_are_right() -> None:
    wanted, old, new = (1.0, 1.0, 0.0, 0.0, 1.0), (0.1, 0.9, 0.1, 0.9, 0.9), (0.9, 0.1, 0.9, 0.1, 0.95)
    samples = measured(labels=wanted, candidate=answers(new), serving=answers(old), slices={})
    assert figures.flips(samples) == figures.Flips(rows=5, to_yes_right=1, to_yes_wrong=1, to_no_right=1, to_no_wrong=1)
    assert figures.flips(samples.model_copy(update={"golden_set": facts(decision_at=0.92)})) == figures.Flips(5, 1, 0, 0, 0)
    assert figures.flips(samples.model_copy(update={"serving": None})) is None


def test_texts_are_compared_whole() -> None:
    wanted = tuple(f"answer {number}" for number in range(40))
    exact = facts(metric="exact-match", threshold=0.7)
    good = measured(golden_set=exact, labels=wanted, slices={}, candidate=answers(wanted), serving=answers(wanted))
    assert judge(good).outcome is Outcome.PASS
    poor = good.model_copy(update={"candidate": answers([*wanted[:10], *("else",) * 30])})
    verdict = judge(poor)
    assert verdict.outcome is Outcome.FAIL
    assert "exact-match is 0.2500 (between 0.1103 and 0.4412)" in said(verdict, Outcome.FAIL)[0]
    assert "all rows: exact-match 0.2500, 1.0000 in the version that serves; worse by 0.7500" in said(verdict, Outcome.FAIL)[1]


def test_errors_have_a_ceiling() -> None:
    wanted = tuple(float(number) for number in range(200))
    mean = facts(metric="mean-absolute-error", threshold=2.0)
    near, far = answers([one + 1 + one % 3 / 10 for one in wanted]), answers([one - 5 - one % 3 for one in wanted])
    good = measured(golden_set=mean, labels=wanted, slices={}, candidate=near, serving=near)
    verdict = judge(good)
    assert verdict.outcome is Outcome.PASS
    assert "where at most 2 is wanted, in 200 rows: proved" in said(verdict, Outcome.PASS)[0]
    failed = judge(good.model_copy(update={"candidate": far}))
    assert failed.outcome is Outcome.FAIL
    assert "0.1 allowed" in said(failed, Outcome.FAIL)[1], "5 % of the threshold"


def test_verdict_comes_from_the_file_alone_and_an_altered_sample_shows() -> None:
    samples = measured(golden_set=facts(slices=("region",)))
    kept = samples.model_dump_json()
    again = judge(GoldenSamples.model_validate_json(kept))
    assert again == judge(samples)
    for change in (
        {"labels": (0.0, *samples.labels[1:])},
        {"candidate": answers([GOOD[0] + 1e-9, *GOOD[1:]])},
        {"slices": {"region": ("near", *REGION[1:])}},
        {"golden_set": facts(slices=("region",), threshold=0.79)},
    ):
        altered = judge(samples.model_copy(update=change))
        assert altered != again, change
        assert altered.notes[-1] != again.notes[-1], "the note names the digest of the samples"
    assert again.notes[-1] == f"judged from samples {samples.digest()}"


def test_rows_may_come_in_any_order() -> None:
    samples = measured()
    turned = samples.candidate.model_copy(update={"answers": samples.candidate.answers[::-1]})
    assert judge(samples.model_copy(update={"candidate": turned})).reasons == judge(samples).reasons
