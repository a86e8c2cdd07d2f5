"""Errors, and answers slower than promised: each against the limit and against stable."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tidegate.release.analysis.counts import Share
from tidegate.release.analysis.evidence import comparison_bets, limit_bets
from tidegate.release.analysis.limits import Limits
from tidegate.release.analysis.outcome import MetricAnalysis, Outcome
from tidegate.release.analysis.progress import ShareProgress
from tidegate.release.analysis.sequence import is_above, share_interval


@dataclass(frozen=True, slots=True)
class Kind:
    """What is counted, and how a sentence says it."""

    metric: str
    verb: str
    clustered: bool


ERRORS = Kind("errors", "failed", clustered=False)
SLOW = Kind("slow answers", "were slower than promised", clustered=True)
"""A pause of the machine makes all answers of a second slow, so a tick of them counts once."""


def judge_share(
    kind: Kind, before: ShareProgress, stable: Share | None, candidate: Share | None, *, allowed: float, limits: Limits
) -> tuple[ShareProgress, MetricAnalysis]:
    """What a look adds, and what follows; a side that could not be read is None."""
    after = _with_bets(kind, before, stable, candidate, allowed)
    evidence = max(after.limit.evidence, after.comparison.evidence)
    enough = math.log(1 / limits.alpha)
    is_bad = before.is_bad or (evidence >= enough and after.alone.bad >= limits.minimum_bad)
    after = after.model_copy(update={"is_bad": is_bad})
    ours, theirs = after.candidate.since(after.candidate_window), after.stable.since(after.stable_window)
    interval = share_interval(ours)
    harmless = limits.harmless(allowed)
    outcome, why = Outcome.GOOD, f"More than {harmless:.2%} is excluded"
    if is_bad:
        outcome, why = Outcome.BAD, _proof(after, enough)
    elif ours.total < limits.minimum_requests:
        outcome, why = Outcome.UNDECIDED, f"{limits.minimum_requests:,} answers of it are needed"
    elif interval.high > harmless:
        outcome, why = Outcome.UNDECIDED, f"More than {harmless:.2%} is not excluded yet"
    text = (
        f"{ours} answers of the candidate {kind.verb} ({ours.value:.2%}, {interval}), {theirs} of stable ({theirs.value:.2%}); "
        f"{allowed:.2%} is allowed. {why}."
    )
    return after, MetricAnalysis(
        kind.metric, outcome, ours.total, ours.value, interval, evidence, text, theirs.value,
        is_over=is_above(ours, allowed), is_stable_over=is_above(theirs, allowed),
    )  # fmt: skip


def _proof(after: ShareProgress, enough: float) -> str:
    of_limit, of_stable = after.limit.evidence, after.comparison.evidence
    if max(of_limit, of_stable) < enough:
        return "It was proved bad earlier in this release"
    beside = "for the limit" if of_limit >= of_stable else "beside stable"
    odds = max(of_limit, of_stable)
    shown = f"{math.exp(odds):,.0f}" if odds < math.log(1e9) else "more than 1,000,000,000"
    return f"{after.alone} since the release began are too many {beside}: {shown} to 1 against a healthy version, {math.exp(enough):,.0f} to 1 are needed"


def _with_bets(kind: Kind, before: ShareProgress, stable: Share | None, candidate: Share | None, allowed: float) -> ShareProgress:
    if candidate is None:
        return before
    update: dict[str, object] = {"alone": candidate}
    excuse, clustered = before.stable_before, kind.clustered
    if stable is not None:
        theirs = stable.since(before.stable)
        expected = (before.stable.bad + 0.5) / (before.stable.total + 50)
        bets = comparison_bets(candidate.since(before.candidate), theirs, expected, allowed, clustered=kind.clustered)
        suffered = (theirs.bad + 1) / (theirs.total + 1) if theirs.bad else 0.0
        excuse = max(suffered, before.stable_before)
        clustered = kind.clustered or theirs.total > 0  # an excuse is a guess from few answers: many must not multiply what it is wrong by
        update |= {
            "comparison": before.comparison.after(bets),
            "candidate": candidate,
            "stable": stable,
            "stable_before": suffered,
        }
    update["limit"] = before.limit.after(limit_bets(candidate.since(before.alone), allowed + excuse, clustered=clustered))
    return before.model_copy(update=update)
