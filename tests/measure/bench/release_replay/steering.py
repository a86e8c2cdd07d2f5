"""How each of them steers and judges a series. Nothing is tuned; what a page leaves open is said here.

- Flagger 1.44.0, docs/gitbook/usage/how-it-works.md, the example at the top: interval 1m, threshold 10, maxWeight 50, stepWeight 5, request-success-rate at
  least 99, request-duration (p99) at most 500 ms, both over 1m. The 500 ms become the model's promised p99, which favours it. As in
  pkg/controller/scheduler.go a failed check holds the weight, and the rollback comes one interval after the threshold is reached.
- Argo Rollouts 1.9.1, docs/features/analysis.md, "Background Analysis": weights 20, 40, 60, 80 with pauses of 10m, the analysis from the second on, interval 5m,
  success-rate at least 0.95, failureLimit 3, which analysis/analysis.go reads as "more than 3". The page has no check of durations. Its query is an
  irate, the last two samples: of 15 s, which is how often Prometheus is assumed to ask.
- Each once more with what is in force where the field is left out: Flagger's threshold 1, Argo Rollouts' failureLimit 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.measure.bench.release_replay.series import SECONDS, Series
from tidegate.release.analysis.counts import Counts, Share
from tidegate.release.analysis.judge import analyse
from tidegate.release.analysis.limits import Limits
from tidegate.release.analysis.outcome import Outcome
from tidegate.release.analysis.progress import Progress

LIMITS = Limits(errors_allowed=0.01)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a release ended: `aborted`, `promoted`, at the `deadline` of a step, or `held` until the series ended; after how many seconds; what the candidate had answered until then."""

    how: str
    seconds: int
    answers: int
    bad: int
    """Failed or slow ones, whichever were more. Wrong decisions are not among them: no counter says which they are."""


class _Served:
    """What the candidate answered so far."""

    def __init__(self, series: Series) -> None:
        self.series, self.answers, self.bad = series, 0, 0

    def add(self, first: int, last: int, share: float) -> None:
        _, (total, errors, slow, _) = self.series.between(first, last, share)
        self.answers += total
        self.bad += max(errors, slow)

    def ended(self, how: str, seconds: int) -> Ended:
        return Ended(how, seconds, self.answers, self.bad)


def ours(series: Series, steps: tuple[int, ...] = (10, 25, 50, 100), step_seconds: int = 300) -> Ended:
    """A look every second; up when a step's time is over and all is good so far; twice its time without that is an abort at the deadline."""
    progress, served = Progress(), _Served(series)
    sums = [[0, 0, 0, 0], [0, 0, 0, 0]]
    second = 0
    for step in steps:
        began, share = second, step / 100
        while True:
            if second >= SECONDS:
                return served.ended("held", second)
            for side, counts in enumerate(series.between(second, second + 1, share)):
                sums[side] = [one + more for one, more in zip(sums[side], counts, strict=True)]
            served.add(second, second + 1, share)
            second += 1
            stable, candidate = (_counts(name, one) for name, one in zip(("stable", "candidate"), sums, strict=True))
            analysis = analyse(progress, stable, candidate, LIMITS)
            progress = analysis.progress
            if analysis.is_candidate_bad:
                return served.ended("aborted", second)
            if second - began >= step_seconds and analysis.outcome is Outcome.GOOD:
                break
            if second - began >= 2 * step_seconds:
                return served.ended("deadline", second)
        progress = progress.next_window()
    return served.ended("promoted", second)


def _counts(name: str, sums: list[int]) -> Counts:
    total, errors, slow, refused = sums
    decisions = {"accept": total - refused, "refuse": refused}
    return Counts(name, name, Share(total=total, bad=errors), Share(total=total, bad=slow), decisions)


def flagger(series: Series, threshold: int = 10) -> Ended:
    """Flagger 1.44.0; the first interval sets the first weight."""
    served, weight, failed, second = _Served(series), 0, 0, 60
    while second + 60 <= SECONDS:
        if failed >= threshold:
            return served.ended("aborted", second)
        if weight:
            _, (total, errors, slow, _) = series.between(second - 60, second, weight / 100)
            is_well = total and errors / total <= 0.01 and slow / total <= 0.01
            failed += not is_well
            if is_well and weight >= 50:
                return served.ended("promoted", second)
            weight += 5 if is_well else 0
        else:
            weight = 5
        served.add(second, second + 60, weight / 100)
        second += 60
    return served.ended("held", second)


def argo_rollouts(series: Series, failure_limit: int = 3) -> Ended:
    """Argo Rollouts 1.9.1; after the last pause it promotes."""
    served, failed, second = _Served(series), 0, 0
    for step, weight in enumerate((20, 40, 60, 80)):
        for minute in range(10):
            served.add(second, second + 60, weight / 100)
            second += 60
            is_measured = step >= 1 and (minute + 1) % 5 == 0 and second < 2400
            if is_measured:
                _, (total, errors, _, _) = series.between(second - 15, second, weight / 100)
                failed += not total or 1 - errors / total < 0.95
                if failed > failure_limit:
                    return served.ended("aborted", second)
    return served.ended("promoted", second)


STEERING: dict[str, Callable[[Series], Ended]] = {
    "ours": ours,
    "Flagger, example": flagger,
    "Flagger, threshold left out": lambda series: flagger(series, 1),
    "Argo Rollouts, example": argo_rollouts,
    "Argo Rollouts, failureLimit left out": lambda series: argo_rollouts(series, 0),
}
