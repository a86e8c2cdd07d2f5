"""Decides the next write of a release: pure, from the spec, what was remembered and one look.

Exactly one write follows from a look: a new status, or one change of one object. A share is raised in the order status, admission, Route, and
lowered in the order Route, status, admission: a controller that dies in between leaves at most the share that was approved. Every
rule below yields what it would do; the first one counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from tidegate.contracts.release import Phase, ReleaseSpec, ReleaseStatus
from tidegate.release import memory
from tidegate.release.analysis.outcome import Outcome
from tidegate.release.look import Decision, Look, Remember, Wait
from tidegate.release.observation import Health, Observation, Proposal, ProposeCommit, RunSmoke, Seen, Verb
from tidegate.release.routing import converge, excess, forgetting, given, only

START_SECONDS = 1800
"""How long a candidate may take until it is ready: a new GPU node and 40 GiB of weights take a third of it."""

SMOKE_SECONDS = 900
"""How long the golden set and the short load may take; the load gates of a merge share four minutes."""


def decide(spec: ReleaseSpec, status: ReleaseStatus, seen: Observation) -> Decision:
    """The next write, or why there is none."""
    return next(_decisions(Look(spec, status, seen)))


def _decisions(look: Look) -> Iterator[Decision]:
    if look.seen.service is None:
        yield Wait("the InferenceService is gone: Argo CD applies it again, or the model is being removed")
    if look.status.stable is None:
        yield from _adopt(look)
    if look.seen.seen(look.stable) is None:
        yield from _replace_stable(look)
    if (lowered := excess(look.status, look.seen)) is not None:
        yield lowered
    if look.seen.command and look.seen.command.identifier != look.status.last_command:
        yield from _obey(look)
    if look.status.candidate and look.status.phase in {Phase.SMOKING, Phase.STEPPING}:
        yield from _take_back(look)
    yield from PHASES[look.status.phase](look)


def _adopt(look: Look) -> Iterator[Decision]:
    """Nothing is remembered: a first deployment, a rebuilt region, or a status that somebody emptied. Only the promoted version serves."""
    wanted, route = look.spec.promoted, look.seen.route
    if found := look.ready(wanted.sha256):
        best = max(found, key=lambda one: (route.share(one.revision) if route else 0, one.revision.name == look.seen.latest))
        yield Remember(memory.settled(look.status, look.seen, best.revision, f"users are on version {wanted.version}, as Git says"))
    if (named := look.name(wanted)) is not None:
        yield named
    if (forgot := forgetting(look.seen)) is not None:
        yield forgot
    yield Wait(f"version {wanted.version} is starting; nobody is served before it is ready")


def _replace_stable(look: Look) -> Iterator[Decision]:
    """The revision that users are on was deleted, or another one has its name now."""
    stable = look.stable
    if found := look.ready(stable.sha256):
        best = max(found, key=lambda one: one.revision.is_same_as(stable))
        text = f"revision {stable.name} is gone; users go to {best.revision.name}"
        yield Remember(memory.settled(look.status, look.seen, best.revision, text))
    if look.status.candidate or look.status.previous:
        # Knative counts names from the start for a Service that was deleted: what admission remembers of others would keep this version's from coming back.
        yield Remember(memory.settled(look.status, look.seen, stable, f"revision {stable.name} is gone, and others may be"))
    yield from _converged(look)
    yield look.name(stable.files) or Wait(
        f"revision {stable.name}, which users are on, is gone; another one of version {stable.files.version} is starting"
    )


def _obey(look: Look) -> Iterator[Decision]:
    """What a person ordered, once."""
    command, phase = look.seen.command, look.status.phase
    assert command
    heard = look.status.model_copy(update={"last_command": command.identifier})
    said = f"by {command.by}: {command.reason}"
    if command.verb is Verb.ABORT and (look.status.candidate or phase is Phase.STARTING):
        yield _abort(look, f"aborted {said}", status=heard)
    if command.verb is Verb.ROLLBACK and look.status.candidate is None and phase in {Phase.STEADY, Phase.PROMOTING}:
        back = look.seen.seen(look.status.previous)
        if back and back.health is Health.READY:
            yield Remember(memory.rolled_back(heard, look.seen, back.revision, f"rolled back {said}"))
    if command.verb is Verb.RETRY:
        yield Remember(memory.forgiven(heard, look.spec.wanted.sha256, f"may be tried again {said}"))
    yield Remember(heard.model_copy(update={"message": f"{command.verb} {said}: there is nothing to {command.verb}"}))


def _take_back(look: Look) -> Iterator[Decision]:
    """A candidate that has to stop, whatever the step: it failed, it was aborted elsewhere, or it is no longer what is wanted."""
    candidate, seen, route = look.candidate, look.seen, look.seen.route
    now = seen.seen(candidate)
    if route and route.taken_back == candidate.uid:
        yield _abort(look, route.reason)
    if now is None:
        yield _withdraw(look, f"revision {candidate.name} is gone; begins again")
    elif now.health is Health.FAILED:
        yield _abort(look, f"revision {candidate.name} failed: {now.why}")
    if candidate.sha256 in seen.news.aborted:
        yield _abort(look, f"aborted elsewhere: {seen.news.sentence}")
    if candidate.sha256 not in {look.spec.wanted.sha256, look.stable.sha256}:
        yield _withdraw(look, f"version {look.spec.wanted.version} is wanted now; begins again at 0 %")
    if seen.latest != candidate.name:
        yield _withdraw(look, f"revision {seen.latest} came after {candidate.name}; begins again at 0 %")


def _steady(look: Look) -> Iterator[Decision]:
    status, seen, stable, latest = look.status, look.seen, look.stable, look.latest
    if status.previous and (status.previous_until is None or status.previous_until <= seen.now or seen.seen(status.previous) is None):
        yield Remember(status.model_copy(update={"previous": None, "previous_until": None}))
    is_twin = latest is not None and latest.revision.name != stable.name and latest.revision.is_same_as(stable)
    if is_twin and latest and latest.health is Health.READY:
        # The InferenceService went through other files and back. Knative keeps its newest revision running, so users go there.
        yield Remember(status.model_copy(update={"stable": latest.revision}))
    yield from _converged(look)
    yield from _let_git_say(look)
    if look.goal.sha256 != stable.sha256:
        yield from _begin(look, f"version {look.goal.version} is wanted")
    if (named := look.name(stable.files)) is not None:
        yield named
    if look.spec.wanted.sha256 != stable.sha256:
        yield from _propose_revert(look)
    if latest and not is_twin and latest.revision.name != stable.name and latest.revision.sha256 == stable.sha256:
        if not memory.is_aborted(status, stable.sha256, latest.revision.template):
            yield from _begin(look, f"revision {seen.latest} serves version {stable.files.version} in another way")
        yield Wait(f"revision {seen.latest} was aborted ({memory.reason_of(status, stable.sha256)}); change what it is made from")
    yield Wait("nothing is to be released")


def _propose_revert(look: Look) -> Iterator[Decision]:
    """Git wants what was aborted."""
    wanted = look.spec.wanted
    if (proposal := ProposeCommit(Proposal.REVERT, wanted.sha256)) not in look.seen.proposed:
        yield proposal
    why = memory.reason_of(look.status, wanted.sha256) or look.seen.news.sentence
    yield Wait(f"version {wanted.version} was aborted ({why}); Git still wants it")


def _begin(look: Look, text: str) -> Iterator[Decision]:
    if why := look.held or look.seen.lacks_room or ("" if look.seen.news.may_begin else look.seen.news.sentence):
        yield Wait(f"{text}; it does not begin: {why}")
    yield Remember(memory.begun(look.status, look.seen, text))


def _starting(look: Look) -> Iterator[Decision]:
    goal, latest = look.goal, look.latest
    yield from _converged(look)
    if (named := look.name(goal)) is not None:
        yield named
    if latest is None or latest.revision.sha256 != goal.sha256:
        yield _too_long(look, START_SECONDS, f"no revision of version {goal.version} was made")
        return
    if latest.revision.is_same_as(look.stable):
        yield Remember(memory.settled(look.status, look.seen, look.stable, "nothing is to be released"))
    match latest.health:
        case Health.FAILED:
            yield _abort(look, f"revision {look.seen.latest} failed: {latest.why}", latest)
        case Health.STARTING:
            yield _too_long(look, START_SECONDS, f"revision {look.seen.latest} is not ready: {latest.why or 'it is starting'}", latest)
        case Health.READY:
            text = f"revision {look.seen.latest} is ready"
            yield Remember(memory.entered(look.status, look.seen, Phase.SMOKING, text, candidate=latest.revision))


def _smoking(look: Look) -> Iterator[Decision]:
    yield from _converged(look)
    smoke = look.seen.smoke if look.seen.smoke and look.seen.smoke.of == look.candidate.uid else None
    if smoke is None and not look.is_pinned:
        late = _too_long(look, SMOKE_SECONDS, "the golden set and the short load did not end")
        yield RunSmoke(look.candidate) if isinstance(late, Wait) else late
    if smoke and not smoke.passed and not look.is_pinned:
        yield _abort(look, f"did not pass before its first user: {smoke.sentence}")
    if look.held:
        yield Wait(f"the first step waits: {look.held}")
    yield Remember(memory.stepped(look.status, look.seen, 0, look.spec.steps_percent[0]))


def _stepping(look: Look) -> Iterator[Decision]:
    status, route, judged = look.status, look.seen.route, look.judged
    if judged and judged.is_to_go and not look.is_pinned:
        yield _abort(look, judged.sentence)
    share = route.share(look.candidate) if route else 0
    was_given = status.is_reached or (route is not None and route.given == given(status))
    if was_given and share < status.allowed_percent:
        yield _abort(look, f"the share was lowered by hand from {status.allowed_percent} % to {share} %")
    yield from _converged(look)
    if not status.is_reached:
        yield Remember(memory.reached(status, look.seen))
    stable = look.seen.seen(look.stable)
    if stable and stable.health is Health.FAILED:
        yield Wait(f"revision {look.stable.name}, which the other users are on, failed: {stable.why}; nobody is moved")
    yield from _step_on(look)


def _step_on(look: Look) -> Iterator[Decision]:
    """Whether the step has lasted long enough and was good."""
    status, spec, judged, lasted = look.status, look.spec, look.judged, look.seconds
    if lasted < 0:
        yield Remember(status.model_copy(update={"since": look.seen.now}))
    if judged and judged.outcome is Outcome.BOTH_UNHEALTHY and judged.is_candidate_healthier and not look.is_pinned:
        yield Wait(f"both versions are unhealthy, the stable one more, so nobody is moved: {judged.sentence}")
    if look.held:
        yield Wait(f"the next step waits: {look.held}")
    if not look.is_pinned:
        if judged is None or judged.outcome is not Outcome.GOOD:
            yield _too_long(look, spec.deadline_seconds, judged.sentence if judged else "there are no figures of the candidate")
        if lasted < spec.step_seconds:
            yield Wait(f"{status.allowed_percent} % for {lasted:.0f} of {spec.step_seconds} s")
    if status.step + 1 < len(spec.steps_percent):
        yield Remember(memory.stepped(status, look.seen, status.step + 1, spec.steps_percent[status.step + 1]))
    yield Remember(memory.promoted(status, look.seen, timedelta(hours=spec.rollback_hours)))


def _promoting(look: Look) -> Iterator[Decision]:
    yield from _converged(look)
    yield from _let_git_say(look)
    yield Remember(memory.entered(look.status, look.seen, Phase.STEADY, f"version {look.stable.files.version} is promoted"))


def _let_git_say(look: Look) -> Iterator[Decision]:
    """Git names what all users are on: a region that is rebuilt from it must come up with that, also after a rollback."""
    if look.spec.promoted.sha256 == look.stable.sha256:
        return
    if (proposal := ProposeCommit(Proposal.PROMOTE, look.stable.sha256)) not in look.seen.proposed:
        yield proposal
    yield Wait(f"users are on version {look.stable.files.version}; Git does not say so yet")


def _aborting(look: Look) -> Iterator[Decision]:
    yield from _converged(look)
    yield look.name(look.stable.files) or Remember(memory.entered(look.status, look.seen, Phase.STEADY, look.status.message))


PHASES: dict[Phase, Callable[[Look], Iterator[Decision]]] = {
    Phase.NEW: _steady,
    Phase.STEADY: _steady,
    Phase.STARTING: _starting,
    Phase.SMOKING: _smoking,
    Phase.STEPPING: _stepping,
    Phase.PROMOTING: _promoting,
    Phase.ABORTING: _aborting,
}
"""What is done next in each phase."""


def _converged(look: Look) -> Iterator[Decision]:
    if (step := converge(look.status, look.seen)) is not None:
        yield step


def _abort(look: Look, reason: str, failed: Seen | None = None, *, status: ReleaseStatus | None = None) -> Decision:
    """Users first: one write of the Route, and everything else after it."""
    candidate = look.status.candidate
    if (back := only(look.stable, look.seen, candidate, reason)) is not None:
        return back
    revision = candidate or (failed.revision if failed else None)
    return Remember(memory.aborted(status or look.status, look.seen, revision, look.spec.wanted.sha256, reason))


def _withdraw(look: Look, reason: str) -> Decision:
    """As an abort, of a version that did nothing wrong."""
    return only(look.stable, look.seen, None, reason) or Remember(memory.entered(look.status, look.seen, Phase.STEADY, reason))


def _too_long(look: Look, limit: float, text: str, failed: Seen | None = None) -> Decision:
    """Waits, and aborts when that has lasted for more than `limit` seconds."""
    lasted = look.seconds
    if lasted < 0:
        return Remember(look.status.model_copy(update={"since": look.seen.now}))
    if lasted <= limit or not look.seen.is_clock_trusted:
        return Wait(f"{text}; {lasted:.0f} of {limit:.0f} s")
    return _abort(look, f"{text}, for {lasted:.0f} s", failed)
