"""One look: counts of both revisions, what was known before, and the limits make an analysis. The same for every strategy and every step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidegate.release.analysis.counts import Counts, Hold
from tidegate.release.analysis.decisions import judge_decisions
from tidegate.release.analysis.limits import Limits
from tidegate.release.analysis.outcome import Analysis, MetricAnalysis, Outcome, Side
from tidegate.release.analysis.progress import Progress
from tidegate.release.analysis.shares import ERRORS, SLOW, judge_share


def analyse(progress: Progress, stable: Counts | None, candidate: Counts | None, limits: Limits, holds: Sequence[Hold] = ()) -> Analysis:
    """What this look says. `holds` are the reasons for which counts, or parts of them, are missing.

    Evidence against the candidate needs the candidate's numbers only. Nothing else follows from a look with a hold.
    """
    found = [*holds, *_doubts(progress, stable, candidate)]
    if any(hold.rule in _CHANGED for hold in found):
        stable = candidate = None
    found += _missing(stable, candidate, limits) if not found else ()
    ours, theirs = candidate or _NOTHING, stable or _NOTHING
    progress = progress.model_copy(
        update={
            "candidate_uid": progress.candidate_uid or ours.revision_uid,
            "stable_uid": progress.stable_uid or theirs.revision_uid,
        }
    )
    slow, decisions = progress.slow, progress.decisions
    errors, of_errors = judge_share(ERRORS, progress.errors, theirs.errors, ours.errors, allowed=limits.errors_allowed, limits=limits)
    metrics = [of_errors]
    if limits.slow_allowed:
        slow, of_slow = judge_share(SLOW, slow, theirs.slow, ours.slow, allowed=limits.slow_allowed, limits=limits)
        metrics.append(of_slow)
    if limits.shift_tolerated:
        decisions, of_decisions = judge_decisions(decisions, theirs.decisions, ours.decisions, limits.shift_tolerated, limits)
        metrics.append(of_decisions)
    after = progress.model_copy(update={"errors": errors, "slow": slow, "decisions": decisions})
    outcome = _outcome(metrics, found)
    return Analysis(outcome, tuple(metrics), tuple(found), after, _healthier(metrics) if outcome is Outcome.BOTH_UNHEALTHY else None)


_NOTHING = Counts("", "")
"""Of a side that could not be read."""

_CHANGED = ("another-revision", "went-back")
"""Doubts about what the numbers are of: then none of them is used."""


def _doubts(progress: Progress, stable: Counts | None, candidate: Counts | None) -> Iterator[Hold]:
    for side, counts, uid in ((Side.STABLE, stable, progress.stable_uid), (Side.CANDIDATE, candidate, progress.candidate_uid)):
        if counts and uid and counts.revision_uid != uid:
            text = f"its uid is {counts.revision_uid}, the release began with {uid}; begin the release again"
            yield Hold("another-revision", f"{side} {counts.revision}", text)
    if stable and candidate and stable.revision_uid == candidate.revision_uid:
        yield Hold("another-revision", f"candidate {candidate.revision}", "it is the same as stable; read the numbers of both")
    for counts, ours, theirs in ((candidate, "alone", "candidate"), (stable, "stable", "stable")):
        if not counts:
            continue
        pairs = [(counts.errors, getattr(progress.errors, ours)), (counts.slow, getattr(progress.slow, ours))]
        fell = any(now is not None and not before.is_before(now) for now, before in pairs)
        kept = progress.decisions.candidate if counts is candidate else progress.decisions.stable
        if fell or (counts.decisions is not None and any(counts.decisions.get(key, 0) < count for key, count in kept.items())):
            yield Hold(
                "went-back",
                f"{theirs} {counts.revision}",
                "its counts are below those of the look before; count both revisions from one beginning",
            )


def _missing(stable: Counts | None, candidate: Counts | None, limits: Limits) -> Iterator[Hold]:
    for side, counts in ((Side.STABLE, stable), (Side.CANDIDATE, candidate)):
        wanted = {"errors": True, "slow": limits.slow_allowed is not None, "decisions": limits.shift_tolerated is not None}
        lacking = [name for name, is_wanted in wanted.items() if is_wanted and (counts is None or getattr(counts, name) is None)]
        if lacking:
            yield Hold("no-data", str(side), f"there is no count of {', '.join(lacking)}; see whether its pods export it and are read")


def _outcome(metrics: Sequence[MetricAnalysis], holds: Sequence[Hold]) -> Outcome:
    is_bad = any(one.outcome is Outcome.BAD for one in metrics)
    if any(one.is_stable_over for one in metrics) and (is_bad or any(one.is_over for one in metrics)):
        return Outcome.BOTH_UNHEALTHY
    if is_bad:
        return Outcome.BAD
    if holds:
        return Outcome.HOLD
    return Outcome.GOOD if all(one.outcome is Outcome.GOOD for one in metrics) else Outcome.UNDECIDED


def _healthier(metrics: Sequence[MetricAnalysis]) -> Side:
    """Who has the smaller share of bad ones in this window, by the first kind in which somebody is unhealthy; errors are the first."""
    first = next(one for one in metrics if one.is_over or one.is_stable_over or one.outcome is Outcome.BAD)
    return Side.CANDIDATE if first.estimate < first.stable_estimate else Side.STABLE
