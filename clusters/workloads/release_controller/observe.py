"""What is known of a model, with the answers of the sources, as one look of `tidegate.release`."""

from __future__ import annotations

from clusters.workloads.release_controller.known import Known, Release
from clusters.workloads.release_controller.server_time import ServerTime
from clusters.workloads.release_controller.sources import Sources
from tidegate.contracts.release import Phase, ReleaseSpec
from tidegate.release.observation import Observation

COMPARED = (Phase.SMOKING, Phase.STEPPING)


def observe(known: Known, release: Release, spec: ReleaseSpec, sources: Sources, *, clock: ServerTime, blind: str) -> Observation:
    """One look. `blind` says why the objects may be older than what is there."""
    model, status, candidate = known.model, release.status, release.status.candidate
    revisions = known.by_name()
    is_compared = candidate is not None and status.phase in COMPARED
    is_begun = is_compared or spec.wanted.sha256 != spec.promoted.sha256 or len(revisions) > 1
    return Observation(
        now=clock.now(),
        service=known.owner.service if known.owner else None,
        revisions=revisions,
        latest=next(reversed(revisions), ""),
        route=known.route.route if known.route else None,
        guard=known.parameter.guard(model.name) if known.parameter else None,
        judgement=sources.figures.judgement(model, spec, status) if is_compared else None,
        smoke=sources.smoke.result(model, candidate) if candidate and is_compared else None,
        command=release.command,
        news=sources.news.heard(model, spec),
        proposed=sources.proposals.proposed(model),
        frozen=release.frozen or known.frozen,
        lacks_room=sources.room.lacks(model, spec) if is_begun else "",
        is_clock_trusted=clock.is_trusted(),
        blind=blind,
    )
