"""Judges a recording: every endpoint by itself, and first of all the generator. Pure: no Locust, clock, file or network.

`pass` means proved at 99 % that at most one request in a hundred was slower than the limit; `fail` that more were; `inconclusive`
neither; `invalid` that the generator, its clock or its processes were not as they should be, or that what is compared with does not keep its
own limits. Requests without a whole answer count as slower than any limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from loadtests.plan import Endpoint
from loadtests.recording import Histogram, Recorded, Recording, merged
from tidegate.gates.bounds import CONFIDENCE, judge_share, quantile_ranks, samples_needed
from tidegate.gates.verdict import Outcome, Reason, Verdict

GATE = "load"
QUANTILE = 0.99
SLOW_SHARE = 0.01
"""How many requests may be slower than the p99 of an objective: that is what a p99 is."""

LAG_SHARE_MAX = 0.05
"""Of the limit: so much later than due may the generator itself begin, by its own p99."""

ACHIEVED_MIN = 0.98
"""Of the offered rate."""

CLOCKS_APART_SECONDS, CLOCKS_APART_SHARE = 0.25, 0.001
"""How far the two clocks of a process may be apart: a clock that is set little by little moves by half a thousandth at most."""

REFUSALS = ("status 401", "status 403", "status 429")
"""What an edge says before any model was asked: such a run measured the edge."""


def judge(recording: Recording) -> Verdict:
    """The verdict on a run."""
    plan = recording.plan
    together = merged(recording.processes)
    reasons = list(_of_processes(recording))
    judged: dict[str, list[Reason]] = {}
    for endpoint in plan.endpoints:
        judged[endpoint.name] = []
        if (recorded := together.get(endpoint.name)) is None:
            continue  # which `_of_processes` says
        reasons += _of_generator(endpoint, recorded)
        if endpoint.limits:
            judged[endpoint.name] = list(_of_limits(endpoint, recorded))
            reasons += judged[endpoint.name]
    for endpoint in plan.endpoints:
        if endpoint.compared and endpoint.limits:
            reference = Verdict(endpoint.compared.reference, tuple(judged[endpoint.compared.reference])).outcome
            reasons += _of_comparison(endpoint, reference, together)
    notes = [_note(endpoint, together[endpoint.name]) for endpoint in plan.endpoints if endpoint.name in together]
    return Verdict(GATE, tuple(reasons), (*notes, *([plan.note] if plan.note else [])))


def requests_needed(allowed: float = SLOW_SHARE) -> int:
    """The fewest requests by which a run may pass, all of them within the limit."""
    return samples_needed(allowed)


def _of_processes(recording: Recording) -> Iterator[Reason]:
    """Whether every process reported once, about every endpoint, and by a clock that can be trusted."""
    seen = Counter(part.process for part in recording.processes)
    expected = range(recording.plan.processes)
    if missing := [number for number in expected if number not in seen]:
        listed = ", ".join(map(str, missing))
        yield _invalid(
            "generator", f"nothing came from process {listed} of {len(expected)}: it ended before the run did; look into Locust's log"
        )
    if odd := sorted(number for number, count in seen.items() if count > 1 or number not in expected):
        yield _invalid("generator", f"process {', '.join(map(str, odd))} reported twice, or is none of this run; record it again")
    names = Counter(one.name for one in recording.plan.endpoints)
    for part in recording.processes:
        reported = Counter(one.name for one in part.endpoints)
        if reported != names:
            wrong = sorted((names - reported) | (reported - names))
            yield _invalid(
                "generator", f"process {part.process} reported {', '.join(wrong)} not at all, twice, or unasked; record it again"
            )
        apart = abs(part.wall_seconds - part.monotonic_seconds)
        if apart > max(CLOCKS_APART_SECONDS, CLOCKS_APART_SHARE * part.monotonic_seconds):
            text = f"its clock was set by {apart:.2f} s, or the machine stood still, while process {part.process} measured; record it again"
            yield _invalid("generator", text)


def _of_generator(endpoint: Endpoint, recorded: Recorded) -> Iterator[Reason]:
    """The self-test: whether what was sent is what was to be sent, when it was to be sent."""
    answered = recorded.histogram("latency").count
    lag = recorded.histogram("lag")
    if recorded.out_of_range:
        yield _invalid(endpoint.name, f"{recorded.out_of_range} durations are below zero or above an hour; the clock cannot be trusted")
    counts = (answered + recorded.failed, lag.count, recorded.histogram("service").count + recorded.failed)
    if recorded.begun > recorded.due or set(counts) != {recorded.begun} or recorded.good > answered:
        text = (
            f"{recorded.due} due, {recorded.begun} begun, {answered} answered and {recorded.failed} failed do not add up; record it again"
        )
        yield _invalid(endpoint.name, text)
    if not recorded.due:
        return  # nothing was to be sent, which `_of_limits` says
    share = _achieved(endpoint, recorded)
    if share < ACHIEVED_MIN:
        text = f"the generator reached {share:.1%} of the offered rate, at least {ACHIEVED_MIN:.0%} are needed; give it more processes or cores"
        yield _invalid(endpoint.name, text)
    late, limit = lag.quantile(QUANTILE), endpoint.limit_ms
    if limit is not None and late is not None and late > LAG_SHARE_MAX * limit:
        text = (
            f"the generator began requests {late:.2f} ms late (p99), at most {LAG_SHARE_MAX * limit:.2f} ms are allowed, "
            f"{LAG_SHARE_MAX:.0%} of the limit of {limit:g} ms; give it more processes or cores"
        )
        yield _invalid(endpoint.name, text)
    if refused := {kind: recorded.failures[kind] for kind in REFUSALS if recorded.failures[kind]}:
        text = f"{_listed(refused)}: these were refused before a model was asked; correct the token, the callers or their rate"
        yield _invalid(endpoint.name, text)


def _achieved(endpoint: Endpoint, recorded: Recorded) -> float:
    """The share of the offered rate: a generator that cannot keep up begins less, or takes longer for it."""
    longer = max(1.0, recorded.last_begun_seconds / endpoint.duration_seconds)
    return recorded.begun / recorded.due / longer


def _of_limits(endpoint: Endpoint, recorded: Recorded) -> Iterator[Reason]:
    limits = endpoint.limits
    assert limits is not None
    if not recorded.due:
        text = f"no request was due, at least {requests_needed()} are needed; raise load_profile.requests_per_second or duration_seconds"
        yield Reason(Outcome.INCONCLUSIVE, endpoint.name, text)
        return
    yield _of_time(endpoint.name, "p99_ms", recorded.histogram("latency"), limits.p99_ms, recorded)
    if limits.time_to_first_token_ms is not None:
        if endpoint.protocol == "openai":
            yield _of_time(
                endpoint.name, "time_to_first_token_ms", recorded.histogram("first_token"), limits.time_to_first_token_ms, recorded
            )
        else:
            text = f"time_to_first_token_ms is a limit, and protocol {endpoint.protocol} has no tokens; remove it from slo"
            yield Reason(Outcome.INCONCLUSIVE, endpoint.name, text)
    yield _of_availability(endpoint.name, recorded, limits.availability)


def _of_time(subject: str, name: str, seen: Histogram, limit_ms: float, recorded: Recorded) -> Reason:
    """Of one limit of time. What was due and has no such time is above it."""
    seen = Histogram(seen.buckets, max(0, recorded.due - seen.count))
    slow = seen.above(limit_ms)
    outcome = judge_share(slow, seen.count, SLOW_SHARE)
    figures = f"{slow} of {seen.count} requests were above {limit_ms:g} ms or had no answer, p99 {_range(seen)}"
    if recorded.failed:
        figures += f"; {_listed(recorded.failures)}"
    match outcome:
        case Outcome.PASS:
            said = f"{name} holds: {figures}"
        case Outcome.FAIL:
            said = f"{name} does not hold: {figures}"
        case _:
            needed = samples_needed(SLOW_SHARE, slow)
            if seen.count < needed and slow <= SLOW_SHARE * seen.count:
                more = f"{needed} requests with no more of them above would prove it; raise load_profile.duration_seconds"
            else:
                more = "the true p99 is too near to the limit; send more requests, or make the model faster"
            said = f"{name} is not decided: {figures}; {more}"
    return Reason(outcome, subject, said)


def _of_availability(subject: str, recorded: Recorded, wanted: float) -> Reason:
    """A promise over 30 days, which a minute cannot prove. It can refute it; and more failures than it allows are no pass."""
    failed, allowed = recorded.due - recorded.histogram("latency").count, 1 - wanted
    figures = f"{failed} of {recorded.due} requests had no answer, {allowed * 100:.4g} % may"
    if judge_share(failed, recorded.due, allowed) is Outcome.FAIL:
        return Reason(Outcome.FAIL, subject, f"availability does not hold: {figures}; {_listed(recorded.failures)}")
    if failed > allowed * recorded.due:
        text = f"availability is not decided: {figures}; {_listed(recorded.failures)}; send more requests, or find out why they failed"
        return Reason(Outcome.INCONCLUSIVE, subject, text)
    return Reason(Outcome.PASS, subject, f"availability is not refuted: {figures}")


def _of_comparison(endpoint: Endpoint, reference: Outcome, together: dict[str, Recorded]) -> Iterator[Reason]:
    compared = endpoint.compared
    assert compared is not None
    if reference is Outcome.FAIL:
        text = f"{compared.reference} misses its own limits in the same run, so this machine cannot tell; find out why, and record it again"
        yield _invalid(endpoint.name, text)
    elif reference is not Outcome.PASS:
        text = f"{compared.reference} is {reference} in the same run, so nothing is compared with; send more requests"
        yield Reason(Outcome.INCONCLUSIVE, endpoint.name, text)
    if compared.p99_ratio_max is None:
        return
    ours, theirs = (_bounds(_all_due(together.get(name, Recorded()))) for name in (endpoint.name, compared.reference))
    least = ours[0] / theirs[1] if ours[0] is not None and theirs[1] else None
    most = ours[1] / theirs[0] if ours[1] is not None and theirs[0] else None
    shown = (
        f"p99 is {_shown(least)} to {_shown(most)} times that of {compared.reference}, at most {compared.p99_ratio_max:g} times are allowed"
    )
    if least is not None and least > compared.p99_ratio_max:
        yield Reason(Outcome.FAIL, endpoint.name, shown)
    elif most is not None and most <= compared.p99_ratio_max:
        yield Reason(Outcome.PASS, endpoint.name, shown)
    else:
        yield Reason(Outcome.INCONCLUSIVE, endpoint.name, f"{shown}; send more requests")


def _bounds(seen: Histogram) -> tuple[float | None, float | None]:
    """Of the p99, each wrong at most once in two hundred, so that two of them together are wrong once in a hundred."""
    below, above = quantile_ranks(seen.count, QUANTILE, 1 - (1 - CONFIDENCE) / 2)
    return (seen.at_rank(below) if below else None, seen.at_rank(above) if above else None)


def _all_due(recorded: Recorded) -> Histogram:
    answered = recorded.histogram("latency")
    return Histogram(answered.buckets, max(0, recorded.due - answered.count))


def _range(seen: Histogram) -> str:
    below, above = _bounds(seen)
    return f"{_milliseconds(seen.quantile(QUANTILE))} (between {_milliseconds(below)} and {_milliseconds(above)})"


def _milliseconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g} ms"


def _shown(ratio: float | None) -> str:
    return "unknown" if ratio is None else f"{ratio:.3g}"


def _listed(failures: dict[str, int] | Counter[str]) -> str:
    return ", ".join(f"{count} x {kind}" for kind, count in sorted(failures.items(), key=lambda one: (-one[1], one[0]))) or "never begun"


def _invalid(subject: str, text: str) -> Reason:
    return Reason(Outcome.INVALID, subject, text)


def _note(endpoint: Endpoint, recorded: Recorded) -> str:
    """The figures of one endpoint in one line."""
    latency, seconds = _all_due(recorded), endpoint.duration_seconds
    shown = [
        f"{recorded.due / seconds:.1f}/s offered, {recorded.begun / max(seconds, recorded.last_begun_seconds):.1f}/s begun",
        f"goodput {recorded.good / seconds:.1f}/s",
        f"p50 {_milliseconds(latency.quantile(0.5))}", f"p99 {_milliseconds(latency.quantile(QUANTILE))}",
        f"p99 from the begin instead of the schedule {_milliseconds(recorded.histogram('service').quantile(QUANTILE))}",
        f"generator late by {_milliseconds(recorded.histogram('lag').quantile(QUANTILE))}",
    ]  # fmt: skip
    for name, what in (("first_token", "first token"), ("between_tokens", "between tokens")):
        if (seen := recorded.histogram(name)).count:
            shown.append(f"{what} p50 {_milliseconds(seen.quantile(0.5))}, p99 {_milliseconds(seen.quantile(QUANTILE))}")
    return f"{endpoint.name}: {'; '.join(shown)}"
