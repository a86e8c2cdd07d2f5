"""What a look says: bad stays bad, both unhealthy moves nobody up, and a hold is never a pass."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tidegate.release.analysis.counts import Counts, Hold, Share
from tidegate.release.analysis.judge import analyse
from tidegate.release.analysis.limits import Limits
from tidegate.release.analysis.outcome import Analysis, Outcome, Side
from tidegate.release.analysis.progress import Progress

LIMITS = Limits(errors_allowed=0.01, minimum_requests=300)


def counts(name: str, total: int, *, errors: int = 0, slow: int = 0, decisions: Mapping[str, int] | None = None) -> Counts:
    mix = decisions or {"accept": total * 7 // 10, "refuse": total - total * 7 // 10}
    return Counts(name, f"uid of {name}", Share(total=total, bad=errors), Share(total=total, bad=slow), mix)


def run(*looks: tuple[Counts | None, Counts | None], limits: Limits = LIMITS, progress: Progress | None = None) -> Analysis:
    analysis = None
    for stable, candidate in looks:
        analysis = analyse(analysis.progress if analysis else progress or Progress(), stable, candidate, limits)
    assert analysis
    return analysis


def healthy(seconds: int) -> tuple[Counts, Counts]:
    return counts("one", 54 * seconds), counts("two", 6 * seconds)


def test_healthy_candidate_is_undecided_until_there_are_enough_and_good_then() -> None:
    few, enough = run(healthy(49)), run(healthy(50))
    assert few.outcome is Outcome.UNDECIDED
    assert "300 answers of it are needed" in few.lines()[1]
    assert enough.outcome is Outcome.GOOD
    outcome, errors, slow, decisions = enough.lines()
    assert outcome == "good so far"
    assert errors == (
        "  errors: good so far: 0 of 300 answers of the candidate failed (0.00%, between 0.00% and 1.84%), 0 of 2,700 of stable (0.00%); "
        "1.00% is allowed. More than 4.31% is excluded."
    )
    assert slow == errors.replace("errors", "slow answers").replace("failed", "were slower than promised")
    assert decisions == (
        "  decisions: good so far: 0.0% of 300 decisions of the candidate are different from stable's (between 0.00% and 16.00%); "
        "10% may change. A change of more than 30% is excluded."
    )


def test_candidate_near_the_limit_is_undecided_however_many_are_needed() -> None:
    analysis = run((counts("one", 2700), counts("two", 300, slow=5)))
    assert analysis.outcome is Outcome.UNDECIDED
    assert "More than 4.31% is not excluded yet" in str(analysis.metrics[1])


def test_no_answers_at_all_are_undecided() -> None:
    assert run((counts("one", 0), counts("two", 0))).outcome is Outcome.UNDECIDED


def test_crashing_candidate_is_bad_within_eight_answers() -> None:
    analysis = run(healthy(1), (counts("one", 70), counts("two", 6 + 4, errors=4)))
    assert analysis.outcome is Outcome.BAD
    assert (
        "4 of 10 since the release began are too many beside stable: 671 to 1 against a healthy version, 500 to 1 are needed."
        in analysis.lines()[1]
    )
    assert analysis.is_candidate_bad


def test_three_bad_answers_abort_nothing() -> None:
    three, four = (run((None, counts("two", number, errors=number))) for number in (3, 4))
    assert three.metrics[0].evidence > 6.3
    assert (three.outcome, three.is_candidate_bad) == (Outcome.HOLD, False)
    assert (four.outcome, four.is_candidate_bad) == (Outcome.BAD, True)
    assert "4 of 4 since the release began are too many for the limit: " in str(four.metrics[0])


def test_second_of_slow_answers_aborts_nothing_and_three_do() -> None:
    one = run(healthy(10), (counts("one", 594), counts("two", 66, slow=6)))
    assert one.outcome is Outcome.UNDECIDED
    three = run(healthy(10), *((counts("one", 540 + 54 * n), counts("two", 60 + 6 * n, slow=6 * n)) for n in (1, 2, 3)))
    assert three.outcome is Outcome.BAD
    assert three.metrics[1].outcome is Outcome.BAD


def test_candidate_that_decides_the_other_way_is_bad() -> None:
    looks = [(counts("one", 54 * n), counts("two", 6 * n, decisions={"accept": n, "refuse": 5 * n})) for n in range(1, 16)]
    analysis = run(*looks)
    assert analysis.outcome is Outcome.BAD
    assert [one.outcome for one in analysis.metrics] == [Outcome.UNDECIDED, Outcome.UNDECIDED, Outcome.BAD]
    assert "A change of more than 10% was proved" in str(analysis.metrics[2])


def test_bad_stays_bad_however_well_it_answers_afterwards() -> None:
    bad = run((counts("one", 90), counts("two", 10, errors=8)))
    assert bad.outcome is Outcome.BAD
    for seconds in range(1, 200):
        bad = analyse(bad.progress, counts("one", 90 + 54 * seconds), counts("two", 10 + 6 * seconds, errors=8), LIMITS)
        assert bad.outcome is Outcome.BAD
    again = analyse(bad.progress.next_window(), counts("one", 90_000), counts("two", 10_000, errors=8), LIMITS)
    assert again.outcome is Outcome.BAD
    assert "It was proved bad earlier in this release" in str(again.metrics[0])


def test_what_hits_both_in_the_same_second_is_not_the_candidates_fault() -> None:
    looks = [healthy(n) for n in range(1, 60)]
    after = [(counts("one", 59 * 54 + 54 * n, slow=54 * n), counts("two", 59 * 6 + 6 * n, slow=6 * n)) for n in (1, 2, 3)]
    analysis = run(*looks, *after)
    assert not analysis.is_candidate_bad


def test_what_hits_the_candidate_a_second_later_is_not_its_fault_either() -> None:
    def look(second: int) -> tuple[Counts, Counts]:
        theirs, ours = (sum(one % 6 == when for one in range(1, second + 1)) for when in (2, 3))
        return counts("one", 54 * second, slow=54 * theirs), counts("two", 6 * second, slow=6 * ours)

    assert not run(*map(look, range(1, 100))).is_candidate_bad
    alone = ((counts("one", 54 * second), look(second)[1]) for second in range(1, 100))
    assert run(*alone).is_candidate_bad


@pytest.mark.parametrize(("ours", "theirs", "healthier"), [(50, 450, Side.STABLE), (30, 450, Side.CANDIDATE)])
def test_both_unhealthy_is_neither_good_nor_bad_and_says_who_is_healthier(ours: int, theirs: int, healthier: Side) -> None:
    analysis = run(*((counts("one", 54 * n, errors=theirs * n // 50), counts("two", 6 * n, errors=ours * n // 50)) for n in range(1, 51)))
    assert analysis.outcome is Outcome.BOTH_UNHEALTHY
    assert analysis.healthier is healthier
    assert not analysis.is_candidate_bad
    assert f"  the healthier one is {healthier}" in analysis.lines()


def test_crash_beside_an_unhealthy_stable_is_proved_all_the_same() -> None:
    analysis = run(*((counts("one", 54 * n, errors=3 * n), counts("two", 6 * n, errors=6 * n)) for n in range(1, 51)))
    assert (analysis.outcome, analysis.is_candidate_bad, analysis.healthier) == (Outcome.BOTH_UNHEALTHY, True, Side.STABLE)


def test_healthy_candidate_beside_an_unhealthy_stable_is_good() -> None:
    assert run((counts("one", 2700, errors=270), counts("two", 300))).outcome is Outcome.GOOD


def test_look_with_a_hold_is_a_hold_and_brings_nothing() -> None:
    good = run(healthy(50))
    hold = Hold("missing-pod", "pod a", "it is ready and could not be read")
    held = analyse(good.progress, None, None, LIMITS, [hold])
    assert (held.outcome, held.holds, held.progress) == (Outcome.HOLD, (hold,), good.progress)
    assert analyse(held.progress, *healthy(51), LIMITS).outcome is Outcome.GOOD


def test_missing_numbers_without_a_reason_are_a_hold_too() -> None:
    analysis = run((Counts("one", "u1", Share(total=900), Share(total=900)), None))
    assert analysis.outcome is Outcome.HOLD
    assert [str(hold) for hold in analysis.holds] == [
        "no-data: stable: there is no count of decisions; see whether its pods export it and are read",
        "no-data: candidate: there is no count of errors, slow, decisions; see whether its pods export it and are read",
    ]


def test_crash_is_proved_without_stables_numbers() -> None:
    analysis = run(healthy(5), (None, counts("two", 36, errors=6)))
    assert analysis.outcome is Outcome.BAD
    assert analysis.holds


def test_incident_that_was_under_way_when_stables_numbers_ceased_proves_nothing() -> None:
    before = (counts("one", 54, errors=54), counts("two", 6, errors=6))
    assert not run(before, (None, counts("two", 12, errors=12))).is_candidate_bad
    assert run(healthy(1), (None, counts("two", 12, errors=6))).is_candidate_bad


def test_crash_where_all_requests_go_to_the_candidate_is_proved() -> None:
    looks = [(counts("one", 540), counts("two", 60 + 60 * n)) for n in range(1, 5)]
    assert run(*looks, (counts("one", 540), counts("two", 320, errors=12))).outcome is Outcome.BAD


def test_decisions_are_compared_with_those_before_where_all_requests_go_to_the_candidate() -> None:
    looks = [healthy(50), (counts("one", 2700), counts("two", 3000))]
    before = run(looks[0]).progress.next_window()
    assert analyse(before, *looks[1], LIMITS).outcome is Outcome.GOOD
    alone = run((counts("one", 0), counts("two", 3000)))
    assert alone.outcome is Outcome.UNDECIDED
    assert "A change of more than 30% is not excluded yet" in str(alone.metrics[2])


@pytest.mark.parametrize(
    ("stable", "candidate", "said"),
    [
        (
            None,
            Counts("two", "other", Share(total=9)),
            "another-revision: candidate two: its uid is other, the release began with uid of two; begin the release again",
        ),
        (
            Counts("one", "other", Share(total=90)),
            None,
            "another-revision: stable one: its uid is other, the release began with uid of one; begin the release again",
        ),
        (counts("one", 999), counts("one", 999), "another-revision: candidate one: it is the same as stable; read the numbers of both"),
        (
            counts("one", 999),
            counts("two", 5),
            "went-back: candidate two: its counts are below those of the look before; count both revisions from one beginning",
        ),
        (
            counts("one", 5),
            counts("two", 999),
            "went-back: stable one: its counts are below those of the look before; count both revisions from one beginning",
        ),
        (
            counts("one", 999),
            counts("two", 999, decisions={"refuse": 999}),
            "went-back: candidate two: its counts are below those of the look before; count both revisions from one beginning",
        ),
    ],
)
def test_numbers_of_something_else_are_a_hold_and_prove_nothing(stable: Counts | None, candidate: Counts | None, said: str) -> None:
    good = run(healthy(50))
    analysis = analyse(good.progress, stable, candidate, LIMITS)
    assert analysis.outcome is Outcome.HOLD
    assert said in [str(hold) for hold in analysis.holds]
    assert analysis.progress == good.progress


def test_what_is_not_limited_is_not_judged() -> None:
    limits = Limits(errors_allowed=0.01, slow_allowed=None, shift_tolerated=None, minimum_requests=300)
    analysis = run((Counts("one", "u1", Share(total=2700)), Counts("two", "u2", Share(total=300))), limits=limits)
    assert (analysis.outcome, [one.metric for one in analysis.metrics]) == (Outcome.GOOD, ["errors"])


def test_next_window_forgets_samples_and_keeps_evidence() -> None:
    first = run((counts("one", 54), counts("two", 6, errors=2)))
    second = analyse(first.progress.next_window(), *healthy_after(first), LIMITS)
    assert (first.outcome, second.outcome) == (Outcome.UNDECIDED, Outcome.UNDECIDED)
    assert [one.samples for one in second.metrics] == [0, 0, 0]
    kept, before = second.progress.errors.comparison.evidence, first.progress.errors.comparison.evidence
    assert before > 2
    assert kept == pytest.approx(before, abs=0.02)


def healthy_after(analysis: Analysis) -> tuple[Counts, Counts]:
    progress = analysis.progress
    return (
        Counts("one", "uid of one", progress.errors.stable, progress.slow.stable, progress.decisions.stable),
        Counts("two", "uid of two", progress.errors.candidate, progress.slow.candidate, progress.decisions.candidate),
    )


def test_progress_survives_being_written_down() -> None:
    progress = run(healthy(3), healthy(5)).progress
    assert Progress.model_validate_json(progress.model_dump_json()) == progress
