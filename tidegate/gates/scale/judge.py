"""Judges whether capacity followed demand: enough replicas within seconds of each step, and few slow answers meanwhile.

First the measurement itself: a generator that was late, a region that nobody looked at, or a machine that was too slow before anything had to
follow says nothing of the version.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from tidegate.facts.numerals import decimal
from tidegate.gates.bounds import judge_share, samples_needed
from tidegate.gates.names import SCALE
from tidegate.gates.scale.figures import Phase, carried, largest_gap, phases_of, run_seconds
from tidegate.gates.scale.samples import ScaleSamples, Sent
from tidegate.gates.verdict import Outcome, Reason, Verdict

ACHIEVED_MIN = 0.98
"""Of the requests of the schedule."""

LAG_SHARE_MAX = 0.05
"""Of the limit: so much later than due may the generator itself begin, by its own p99. As in the load gate."""

CLOCKS_APART_SECONDS = 0.5
"""A clock that was set, or a machine that stood still, for longer."""

GAP_SECONDS_MAX = 10.0
"""Between two looks, which take seconds on two busy cores; a replica may come and go unseen in a longer one."""

REFUSALS = ("status 401", "status 403", "status 429")
"""What an edge says before any model was asked."""


def judge(samples: ScaleSamples) -> Verdict:
    """The verdict on a run."""
    phases = phases_of(samples)
    quiet, *steps = phases
    reasons = [*_of_generator(samples), *_of_looks(samples), *_of_quiet(samples, quiet)]
    for step in steps:
        reasons += _of_step(samples, step)
    reasons += _of_answers(samples)
    return Verdict(SCALE, tuple(reasons), (*(_note(samples, one) for one in phases), *samples.notes))


def _of_generator(samples: ScaleSamples) -> Iterator[Reason]:
    sent = samples.sent
    begun = len(sent.requests)
    if not sent.due or not begun:
        yield _invalid("generator", "no request was sent; look into what the load program said, and record it again")
        return
    if begun > sent.due or any(one.begun < one.due - 0.01 or one.ended < one.begun for one in sent.requests):
        yield _invalid(
            "generator", "requests began before they were due, ended before they began, or are more than were due; record it again"
        )
    if abs(sent.due - sum(seconds * rate for seconds, rate in samples.profile.phases)) > len(samples.profile.phases):
        yield _invalid("generator", f"{sent.due} requests were due, which is not what the phases of the profile are; record it again")
    if begun < ACHIEVED_MIN * sent.due:
        text = (
            f"the generator began {begun} of {sent.due} requests, at least {ACHIEVED_MIN:.0%} are needed; give the machine less other work"
        )
        yield _invalid("generator", text)
    late = _lag_ms(sent)
    if late > LAG_SHARE_MAX * samples.limit_ms:
        text = (
            f"the generator began requests {late:.2f} ms late (p99), at most {LAG_SHARE_MAX * samples.limit_ms:.2f} ms are allowed; "
            "give the machine less other work"
        )
        yield _invalid("generator", text)
    apart = abs(sent.wall_seconds - sent.monotonic_seconds)
    if apart > CLOCKS_APART_SECONDS:
        yield _invalid("generator", f"its clock was set by {apart:.2f} s, or the machine stood still; record it again")
    refused = Counter(one.failure for one in sent.requests if one.failure in REFUSALS)
    if refused:
        listed = ", ".join(f"{count} x {kind}" for kind, count in sorted(refused.items()))
        yield _invalid("generator", f"{listed}: these were refused before a model was asked; correct the token, the callers or their rate")


def _lag_ms(sent: Sent) -> float:
    lags = sorted(1000 * (one.begun - one.due) for one in sent.requests)
    return lags[min(len(lags) - 1, int(0.99 * len(lags)))]


def _of_looks(samples: ScaleSamples) -> Iterator[Reason]:
    looks = samples.looks
    if not looks:
        yield _invalid("replicas", "nobody looked at them, so nothing is known of them; does the region's API server answer?")
        return
    if any(after.seconds < before.seconds for before, after in pairwise(looks)):
        yield _invalid("replicas", "looks at them are not in their order; record it again")
        return
    gap = largest_gap(looks, 0.0, run_seconds(samples))
    if gap > GAP_SECONDS_MAX:
        text = f"nobody looked at them for {gap:.1f} s, at most {decimal(GAP_SECONDS_MAX)} s are allowed; give the machine less other work"
        yield _invalid("replicas", text)


def _of_quiet(samples: ScaleSamples, quiet: Phase) -> Iterator[Reason]:
    """Before anything has to follow, all must be well: else it is not the following that is measured."""
    if quiet.requests and quiet.slow > samples.profile.slow_share.value * len(quiet.requests):
        text = (
            f"at {quiet.name} already {quiet.slow} of {len(quiet.requests)} answers were above {decimal(samples.limit_ms)} ms or did not come; "
            "the version is too slow by itself, which the load gate says, or the machine has other work"
        )
        yield _invalid(samples.subject, text)
    if quiet.last is not None and quiet.last.ready < quiet.enough:
        text = f"before the first step {quiet.last.ready} of {quiet.enough} replicas were ready; find out why the candidate is not"
        yield _invalid(samples.subject, text)


def _of_step(samples: ScaleSamples, step: Phase) -> Iterator[Reason]:
    subject, allowed = f"{samples.subject} at {decimal(step.offered)}/s", samples.profile.enough_within_seconds.value
    needed = f"{_replicas(step.enough)} {'is' if step.enough == 1 else 'are'} enough, one carries {decimal(round(carried(samples), 2))}/s"
    if step.enough > samples.max_replicas:
        text = f"{needed}, and max_replicas is {samples.max_replicas}; raise it, or requests_per_second_target"
        yield Reason(Outcome.FAIL, subject, text)
    elif step.reached is None:
        seen = step.last.ready if step.last else 0
        text = f"{needed}; {seen} were ready in the end, {decimal(step.seconds)} s after the step, {allowed} s are allowed; {_why(step)}"
        yield Reason(Outcome.FAIL, subject, text)
    elif step.short > allowed:
        text = f"{needed}; for {step.short:.0f} s there were fewer, {allowed} s are allowed; {_why(step)}"
        yield Reason(Outcome.FAIL, subject, text)
    else:
        yield Reason(Outcome.PASS, subject, f"{needed}; ready {step.reached:.0f} s after the step, {allowed} s are allowed")


def _why(step: Phase) -> str:
    """Who was slow: the autoscaler that asks for replicas, or their start."""
    if step.wanted is None:
        asked = step.last.wanted if step.last else None
        seen = f"asked for {asked} at most in the end" if asked is not None else "has not said what it wants"
        return f"the autoscaler {seen}: look whether it sees the requests (its log, the queue-proxies' metrics)"
    text = f"the autoscaler asked for them after {step.wanted:.0f} s, so it is their start that is slow"
    return f"{text}: see what pods wait for (`tidegate model explain`), quota, memory, the size of the version"


def _of_answers(samples: ScaleSamples) -> Iterator[Reason]:
    bad = sum(phase.slow for phase in phases_of(samples)) + max(0, samples.sent.due - len(samples.sent.requests))
    due, allowed = samples.sent.due, samples.profile.slow_share.value
    if not due:
        return  # which the generator says
    outcome = judge_share(min(bad, due), due, allowed)
    said = f"{bad} of {due} answers ({bad / due:.1%}) were above {decimal(samples.limit_ms)} ms or did not come, {allowed:.0%} are allowed"
    failures = Counter(one.failure for one in samples.sent.requests if one.failure)
    if failures:
        said += "; " + ", ".join(f"{count} x {kind}" for kind, count in failures.most_common())
    match outcome:
        case Outcome.PASS:
            pass
        case Outcome.FAIL:
            said += "; make replicas start sooner, keep more of them, or let each carry less"
        case _:
            said += f"; that is too near to decide: {samples_needed(allowed, bad)} requests with no more of them would; raise phase_seconds"
    yield Reason(outcome, samples.subject, said)


def _note(samples: ScaleSamples, phase: Phase) -> str:
    """One phase in one line, with what an HPA would have done."""
    share = f"{phase.slow / len(phase.requests):.1%}" if phase.requests else "none"
    said = f"{phase.name}, {decimal(phase.offered)}/s for {decimal(phase.seconds)} s: {share} above {decimal(samples.limit_ms)} ms; {_replicas(phase.enough)} enough"
    if phase.begin == 0:
        return said
    asked, ready = (_after(one) for one in (phase.wanted, phase.reached))
    return f"{said}, asked for {asked}, ready {ready}; an HPA on CPU would have asked for them {_hpa(phase.hpa)} (computed, not run)"


def _hpa(found: tuple[float, float] | None) -> str:
    if found is None:
        return "not at all"
    return f"after {found[0]:.0f} to {found[1]:.0f} s"


def _after(seconds: float | None) -> str:
    return "not at all" if seconds is None else f"after {seconds:.0f} s"


def _replicas(count: int) -> str:
    return f"{count} replica{'' if count == 1 else 's'}"


def _invalid(subject: str, text: str) -> Reason:
    return Reason(Outcome.INVALID, subject, text)
