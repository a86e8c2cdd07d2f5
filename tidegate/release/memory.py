"""The statuses that a release goes through, each made from the one before."""

from __future__ import annotations

from datetime import timedelta

from tidegate.contracts.release import Aborted, Phase, ReleaseStatus, Revision
from tidegate.release.observation import Observation

_KEPT = 20
"""So many aborted versions are remembered in the resource; what is older stands in Git and in the reports."""


def entered(
    status: ReleaseStatus, seen: Observation, phase: Phase, text: str, *, candidate: Revision | None = None
) -> ReleaseStatus:  # fmt: skip
    """Another phase, in which the candidate has no users."""
    return status.model_copy(
        update={
            "phase": phase, "candidate": candidate, "allowed_percent": 0, "step": 0, "is_reached": False, "since": seen.now, "message": text,
        }
    )  # fmt: skip


def settled(status: ReleaseStatus, seen: Observation, stable: Revision, text: str) -> ReleaseStatus:
    """All users are on `stable`, and nothing else is remembered to run."""
    return entered(status, seen, Phase.STEADY, text).model_copy(update={"stable": stable, "previous": None, "previous_until": None})


def begun(status: ReleaseStatus, seen: Observation, text: str) -> ReleaseStatus:
    """A candidate is to start; a third revision would not fit the quota, so what was kept for a rollback goes."""
    return entered(status, seen, Phase.STARTING, text).model_copy(update={"previous": None, "previous_until": None})


def stepped(status: ReleaseStatus, seen: Observation, step: int, percent: int) -> ReleaseStatus:
    """The candidate may have `percent` of the users."""
    return status.model_copy(
        update={
            "phase": Phase.STEPPING, "step": step, "allowed_percent": percent, "is_reached": False, "since": seen.now,
            "message": f"the candidate may have {percent} %",
        }
    )  # fmt: skip


def reached(status: ReleaseStatus, seen: Observation) -> ReleaseStatus:
    """The step begins to count."""
    return status.model_copy(update={"is_reached": True, "since": seen.now, "message": f"{status.allowed_percent} % are on the candidate"})


def promoted(status: ReleaseStatus, seen: Observation, kept: timedelta) -> ReleaseStatus:
    """All users stay on what was the candidate; the version before is kept for a while."""
    until = seen.now + kept
    moved = entered(status, seen, Phase.PROMOTING, "all users are on the candidate, which held; Git is to say so")
    return moved.model_copy(
        update={"stable": status.candidate, "previous": status.stable if kept else None, "previous_until": until if kept else None}
    )


def rolled_back(status: ReleaseStatus, seen: Observation, back: Revision, text: str) -> ReleaseStatus:
    """Users go to the version before in one write; the one that they leave is not tried again by itself."""
    left = status.stable
    moved = entered(status, seen, Phase.ABORTING, text).model_copy(update={"stable": back, "previous": None, "previous_until": None})
    return _marked(moved, seen, left.sha256, "", text) if left else moved


def aborted(status: ReleaseStatus, seen: Observation, revision: Revision | None, wanted: str, reason: str) -> ReleaseStatus:
    """All users are back on the stable version; the candidate is not tried again by itself."""
    moved = entered(status, seen, Phase.ABORTING, reason)
    is_other_template = revision is not None and status.stable is not None and revision.sha256 == status.stable.sha256
    return _marked(
        moved, seen, revision.sha256 if revision else wanted, revision.template if revision and is_other_template else "", reason
    )


def forgiven(status: ReleaseStatus, sha256: str, text: str) -> ReleaseStatus:
    """A version may be tried again."""
    return status.model_copy(update={"aborted": tuple(one for one in status.aborted if one.sha256 != sha256), "message": text})


def is_aborted(status: ReleaseStatus, sha256: str, template: str = "") -> bool:
    """Whether a version, or a template of a version, was taken back."""
    return any((one.sha256, one.template) == (sha256, template) for one in status.aborted)


def reason_of(status: ReleaseStatus, sha256: str) -> str:
    """Why a version was taken back; empty when it was not."""
    return next((one.reason for one in reversed(status.aborted) if one.sha256 == sha256), "")


def _marked(status: ReleaseStatus, seen: Observation, sha256: str, template: str, reason: str) -> ReleaseStatus:
    others = [one for one in status.aborted if (one.sha256, one.template) != (sha256, template)]
    mark = Aborted(sha256=sha256, template=template, reason=reason[:500], at=seen.now)
    return status.model_copy(update={"aborted": (*others, mark)[-_KEPT:]})
