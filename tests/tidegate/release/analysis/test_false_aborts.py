"""Healthy versions are hardly ever aborted, though somebody looks every second. All of it is simulated, with seeds.

`make test` simulates 600 short releases, `make soak` 5,000 of twenty minutes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.root import WHOLE
from tests.tidegate.release.analysis.simulated import Numbers, Rates, Releases, Second, draw
from tidegate.gates.bounds import share_range
from tidegate.release.analysis.counts import Counts, Share
from tidegate.release.analysis.judge import analyse
from tidegate.release.analysis.limits import Limits
from tidegate.release.analysis.outcome import Analysis, Outcome
from tidegate.release.analysis.progress import Progress

PER_CASE, STEP_SECONDS = (1000, 300) if WHOLE else (120, 40)
STEPS = (0.1, 0.25, 0.5, 1.0)
PER_SECOND = 60
LIMITS = Limits(errors_allowed=0.01)
MIX = (0.6, 0.3, 0.1)

CASES = ("as stable", "at the limit", "tolerably worse", "incidents of both", "pauses of its own")
"""What healthy versions are like; each is `PER_CASE` releases of the same arrays."""


def healthy(generator: np.random.Generator, share: float) -> Rates:
    """One second of each release, ordered by case. An incident of both is one only while both are asked: afterwards nobody can know."""
    case = np.repeat(np.arange(len(CASES)), PER_CASE)
    releases = len(case)
    stable_errors = np.choose(case, (0.003, 0.01, 0.005, 0.002, 0.002)).astype(float)
    errors = np.choose(case, (0.003, 0.01, 0.01, 0.002, 0.002)).astype(float)
    stable_slow = np.choose(case, (0.005, 0.01, 0.001, 0.003, 0.001)).astype(float)
    slow = np.choose(case, (0.005, 0.01, 0.01, 0.003, 0.001)).astype(float)
    incident = (case == 3) & (generator.random(releases) < 0.01) & (share < 1)
    stable_errors, errors = (np.where(incident, 0.2, one) for one in (stable_errors, errors))
    stable_slow, slow = (np.where(incident, 0.9, one) for one in (stable_slow, slow))
    paused, theirs = ((case == 4) & (generator.random(releases) < 0.008) for _ in range(2))
    mix = np.tile(MIX, (releases, 1))
    moved = np.where((case == 2)[:, None], np.array((-0.1, 0.05, 0.05)), 0.0)
    return Rates((stable_errors, errors), (np.where(theirs, 1.0, stable_slow), np.where(paused, 1.0, slow)), (mix, mix + moved))


def released(seed: int) -> Numbers:
    """For each release whether it was aborted, by case and kind of figure."""
    generator = np.random.default_rng(seed)
    releases = Releases(len(CASES) * PER_CASE, LIMITS, len(MIX))
    for share in STEPS:
        for _ in range(STEP_SECONDS):
            releases.look(draw(generator, healthy(generator, share), share, PER_SECOND))
    return releases.bad.reshape(len(CASES), PER_CASE, 3).astype(float)


def test_healthy_versions_are_aborted_in_at_most_one_release_of_a_hundred(record_property: Callable[[str, object], None]) -> None:
    aborted = released(seed=20)
    by_case = {case: int(aborted[number].max(axis=1).sum()) for number, case in enumerate(CASES)}
    total = len(CASES) * PER_CASE
    most = share_range(sum(by_case.values()), total)[1]
    record_property("false_aborts", {"n": total, "aborted": by_case, "by figure": aborted.sum(axis=(0, 1)).tolist(), "at_most": most})
    assert max(share_range(count, PER_CASE)[0] for count in by_case.values()) <= LIMITS.false_abort, by_case
    if WHOLE:
        assert most <= LIMITS.false_abort, by_case


def counts_of(totals: list[Second], side: int, release: int) -> Counts:
    def share(name: str) -> Share:
        return Share(
            total=int(sum(one.total[side][release] for one in totals)), bad=int(sum(getattr(one, name)[side][release] for one in totals))
        )

    decided = sum((one.decisions[side][release] for one in totals), np.zeros(len(MIX)))
    return Counts(f"r{side}", f"u{side}", share("errors"), share("slow"), {f"class {n}": int(count) for n, count in enumerate(decided)})


@pytest.mark.parametrize("worse", [False, True], ids=["healthy", "worse"])
def test_simulated_judging_is_that_of_the_product(worse: bool) -> None:
    generator, seconds = np.random.default_rng(4), list[Second]()
    releases, number = Releases(3, LIMITS, len(MIX)), 3
    progress: list[Progress] = [Progress()] * number
    mix = np.tile(MIX, (number, 1))
    shifted = np.tile((0.4, 0.3, 0.3), (number, 1)) if worse else mix
    for tick in range(60):
        bad = np.full(number, 0.04 if worse else 0.01)
        slow = np.where(generator.random(number) < 0.05, 0.9, bad)
        rates = Rates((np.full(number, 0.01), bad), (slow / 2, slow), (mix, shifted))
        seconds.append(draw(generator, rates, 0.5 if tick < 50 else 1.0, 20))
        flags = releases.look(seconds[-1])
        for one in range(number):
            analysis: Analysis = analyse(progress[one], counts_of(seconds, 0, one), counts_of(seconds, 1, one), LIMITS)
            progress[one] = analysis.progress
            for kind, metric in enumerate(analysis.metrics):
                assert metric.evidence == pytest.approx(releases.evidence[kind][one], abs=1e-6)
                assert (metric.outcome is Outcome.BAD) == bool(flags[one, kind])
    assert releases.bad.any() == worse
