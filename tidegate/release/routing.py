"""What the Route and the parameter of its admission policy should say, and the one write that comes next on the way there."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.contracts.release import Phase, ReleaseStatus, Revision
from tidegate.release.observation import Guard, Health, Observation, SetGuard, SetRoute, Target

TAG_CANDIDATE, TAG_PREVIOUS = "candidate", "previous"


def targets(status: ReleaseStatus, seen: Observation) -> tuple[Target, ...]:
    """The Route that belongs to a status. A revision that is not ready is never named without users: Knative would apply nothing at all."""
    assert status.stable
    stable, candidate = status.stable.name, status.candidate
    if candidate is not None and status.phase in {Phase.SMOKING, Phase.STEPPING}:
        share = status.allowed_percent
        rest = Target(stable, 100 - share, TAG_PREVIOUS if share == 100 else "")
        return (rest, Target(candidate.name, share, TAG_CANDIDATE))
    kept = seen.seen(status.previous)
    if status.previous and kept and kept.health is Health.READY and status.phase in {Phase.STEADY, Phase.PROMOTING}:
        return (Target(stable, 100), Target(status.previous.name, 0, TAG_PREVIOUS))
    return (Target(stable, 100),)


def guard(status: ReleaseStatus) -> Guard:
    """What admission lets the Route say."""
    assert status.stable
    known = [one for one in (status.stable, status.candidate, status.previous) if one]
    shares = {one.name: 0 for one in known} | {status.stable.name: 100}
    if status.candidate:
        shares[status.candidate.name] = status.allowed_percent
    return Guard(stable=status.stable.name, shares=shares, digests={one.name: one.sha256 for one in known})


def given(status: ReleaseStatus) -> str:
    """What the Route says of the share that the candidate was given, written with the share itself."""
    return f"{status.candidate.uid} {status.allowed_percent}" if status.candidate and status.allowed_percent else ""


def excess(status: ReleaseStatus, seen: Observation) -> SetRoute | None:
    """The write that takes back a share that nobody approved; None when there is none."""
    if seen.route is None or status.stable is None:
        return None
    allowed = guard(status).shares
    shares = seen.route.shares
    if all(share <= allowed.get(name, 0) for name, share in shares.items()) and "" not in shares:
        return None
    if not _may_have_all(status.stable, seen):
        return None  # admission has to know the other revision first
    return SetRoute(targets(status, seen), seen.route.resource_version, given=given(status))


def converge(status: ReleaseStatus, seen: Observation) -> SetGuard | SetRoute | None:
    """The next write towards what the status says; None when everything is so."""
    wanted, goal, there = targets(status, seen), guard(status), seen.guard
    if there is None or not _allows(there, wanted, goal):
        return SetGuard(_with_version(goal, there))
    if seen.route is None or _shown(seen.route.targets) != _shown(wanted):
        return SetRoute(wanted, seen.route.resource_version if seen.route else "", given=given(status))
    if (there.stable, dict(there.shares), dict(there.digests)) != (goal.stable, goal.shares, goal.digests):
        return SetGuard(_with_version(goal, there))
    return None


def only(stable: Revision, seen: Observation, left: Revision | None, reason: str) -> SetRoute | None:
    """The write that moves every user back, names no other revision, and says which one they left and why; None when nobody has to move."""
    alone = (Target(stable.name, 100),)
    if seen.route is None or seen.route.share(stable) == 100 or not _may_have_all(stable, seen):
        return None
    return SetRoute(alone, seen.route.resource_version, left.uid if left else "", reason)


def forgetting(seen: Observation) -> SetGuard | None:
    """The write after which names may come back with other bytes; None when none is held for nothing.

    Knative counts names from the start for a Service that was deleted, so a held name keeps every revision after it from being made. Only a name that
    the Route gives users has to be held.
    """
    if seen.guard is None or seen.revisions:
        return None
    used = {one.revision for one in seen.route.targets if one.percent} if seen.route else set[str]()
    kept = {name: digest for name, digest in seen.guard.digests.items() if name in used}
    if kept == dict(seen.guard.digests):
        return None
    shares = {name: share for name, share in seen.guard.shares.items() if name in used}
    return SetGuard(Guard(seen.guard.stable, shares, kept, seen.guard.resource_version))


def _may_have_all(revision: Revision, seen: Observation) -> bool:
    """Whether admission would let every user go to a revision."""
    return seen.guard is not None and seen.guard.shares.get(revision.name) == 100


def _allows(there: Guard, wanted: Sequence[Target], goal: Guard) -> bool:
    return there.stable == goal.stable and all(
        one.percent <= there.shares.get(one.revision, -1) and there.digests.get(one.revision) == goal.digests[one.revision]
        for one in wanted
    )


def _with_version(goal: Guard, there: Guard | None) -> Guard:
    return Guard(goal.stable, goal.shares, goal.digests, there.resource_version if there else "")


def _shown(found: Sequence[Target]) -> set[tuple[str, int, str]]:
    return {(one.revision, one.percent, one.tag) for one in found if one.percent or one.tag}
