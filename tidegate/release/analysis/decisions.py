"""Whether the candidate decides differently from stable, for the same stream of requests.

Which classes it favours is guessed from what came before a tick, and the bet is that in the tick they are more frequent than at stable, by more than is
tolerated. A difference of distributions is the largest difference of any group of classes, so each guess is a fair test of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from tidegate.release.analysis.counts import Share
from tidegate.release.analysis.evidence import comparison_bets
from tidegate.release.analysis.limits import Limits
from tidegate.release.analysis.outcome import MetricAnalysis, Outcome
from tidegate.release.analysis.progress import DecisionProgress
from tidegate.release.analysis.sequence import apart, apart_interval

METRIC = "decisions"

_CAUTION = (0.5, 1.0)
"""How much of the difference seen so far is bet on: half of it, for the first ticks, and all of it."""


def judge_decisions(
    before: DecisionProgress, stable: Mapping[str, int] | None, candidate: Mapping[str, int] | None, tolerated: float, limits: Limits
) -> tuple[DecisionProgress, MetricAnalysis]:
    """What a look adds, and what follows; a side that could not be read is None, and then nothing is added."""
    after = before
    if stable is not None and candidate is not None:
        bets = _bets(before, _since(stable, before.stable), _since(candidate, before.candidate), tolerated)
        after = before.model_copy(update={"wealth": before.wealth.after(bets), "candidate": dict(candidate), "stable": dict(stable)})
    evidence, enough = after.wealth.evidence, math.log(1 / limits.alpha)
    is_bad = before.is_bad or evidence >= enough
    after = after.model_copy(update={"is_bad": is_bad})
    ours, theirs = _since(after.candidate, after.candidate_window), _since(after.stable, after.stable_window)
    theirs = theirs if any(theirs.values()) else after.stable  # where all go to the candidate, with what stable decided before
    samples, interval = sum(ours.values()), apart_interval(ours, theirs)
    outcome, why = Outcome.GOOD, f"A change of more than {limits.shift_harm:.0%} is excluded"
    if is_bad:
        outcome, why = Outcome.BAD, f"A change of more than {tolerated:.0%} was proved"
    elif samples < limits.minimum_requests:
        outcome, why = Outcome.UNDECIDED, f"{limits.minimum_requests:,} decisions of it are needed"
    elif interval.high > limits.shift_harm:
        outcome, why = Outcome.UNDECIDED, f"A change of more than {limits.shift_harm:.0%} is not excluded yet"
    value = apart(ours, theirs)
    text = f"{value:.1%} of {samples:,} decisions of the candidate are different from stable's ({interval}); {tolerated:.0%} may change. {why}."
    return after, MetricAnalysis(METRIC, outcome, samples, value, interval, evidence, text)


def _bets(before: DecisionProgress, stable: Mapping[str, int], candidate: Mapping[str, int], tolerated: float) -> tuple[float, ...]:
    classes = {*before.candidate, *before.stable}
    ours, theirs = sum(before.candidate.values()), sum(before.stable.values())
    if not ours or not theirs:
        return (0.0,) * len(_CAUTION)
    favoured = {one for one in classes if before.candidate.get(one, 0) / ours > before.stable.get(one, 0) / theirs}
    new, old = _share_of(favoured, before.candidate), _share_of(favoured, before.stable)
    guessed, expected = ((one.bad + 1) / (one.total + 2) for one in (new, old))
    excess = guessed - expected - tolerated
    if excess <= 0:
        return (0.0,) * len(_CAUTION)
    extras = [(tolerated + caution * excess) / (1 - expected) for caution in _CAUTION]
    return comparison_bets(_share_of(favoured, candidate), _share_of(favoured, stable), expected, tolerated, extras=extras)


def _share_of(classes: set[str], counts: Mapping[str, int]) -> Share:
    return Share(total=sum(counts.values()), bad=sum(count for one, count in counts.items() if one in classes))


def _since(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {one: count - before.get(one, 0) for one, count in now.items()}
