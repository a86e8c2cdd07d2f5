"""What users may get, reckoned apart from the controller: it objects at the very write that breaks it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from tidegate.contracts.release import ReleaseStatus, Revision
from tidegate.release.observation import Route

STEPS = (10, 25, 50, 100)
STEP_SECONDS = 20
_SLACK_SECONDS = 2
"""Between the write of the Route and the look that sees it."""


class UnsafeError(AssertionError):
    """Users could get what was not approved."""


@dataclass
class Account:
    """What was shown of each revision, and since when it had which share."""

    proved: set[str] = field(default_factory=set[str])
    """Digests that may have everybody: promoted in Git at some time, or held through every step."""
    templates: set[str] = field(default_factory=lambda: {"t1"})
    """In which such a version served."""
    smoked: set[str] = field(default_factory=set[str])
    taken_back: set[str] = field(default_factory=set[str])
    since: dict[tuple[str, int], float] = field(default_factory=dict[tuple[str, int], float])
    shown_good: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    shown_bad: set[str] = field(default_factory=set[str])
    log: list[str] = field(default_factory=list[str])

    def check_route(self, now: float, before: Route | None, route: Route, status: ReleaseStatus, running: Mapping[str, Revision]) -> None:
        """At a write of the Route; `before` only if it takes users back for good: an abort, or a person's lower share."""
        self.log.append(f"{now:.0f} route {[(one.revision[-5:], one.percent) for one in route.targets]}")
        if sum(one.percent for one in route.targets) != 100:
            raise UnsafeError(f"shares do not add up to 100: {route}")
        for revision in running.values() if before else ():
            if before and before.share(revision) > 0 == route.share(revision) and revision.uid in self.shown_bad:
                self.taken_back.add(revision.uid)
        for one in route.targets:
            if one.percent and one.revision in running:  # a name without a revision is an outage, and no leak
                self._check_share(now, running[one.revision], one.percent, status, running)

    def _check_share(self, now: float, revision: Revision, percent: int, status: ReleaseStatus, running: Mapping[str, Revision]) -> None:
        self.since.setdefault((revision.uid, percent), now)
        allowed = self._allowed(now, revision, status)
        if revision.uid in self.taken_back:
            raise UnsafeError(f"{revision.name} was taken back and gets {percent} %")
        if revision.sha256 in self.proved and (self._is_known(revision, running) or percent <= allowed):
            return
        if revision.uid not in self.smoked:
            raise UnsafeError(f"{revision.name} was not smoked and gets {percent} %")
        if percent > allowed:
            raise UnsafeError(f"{revision.name} gets {percent} %, approved are {allowed} %")

    def check_status(self, now: float, before: ReleaseStatus, after: ReleaseStatus, running: Mapping[str, Revision]) -> None:
        """At a write of the status."""
        if after.phase is not before.phase or after.allowed_percent != before.allowed_percent:
            self.log.append(f"{now:.0f} {after.phase} {after.allowed_percent} % {after.message}")
        moved = before.candidate
        if moved is None or after.candidate is not None or after.stable != moved:
            return
        replaces = before.stable and before.stable.name not in running and before.stable.sha256 == moved.sha256
        if not replaces and not self._held(now, moved, STEPS[-1]):
            raise UnsafeError(f"{moved.name} is promoted and did not hold {STEPS[-1]} %")
        self.proved.add(moved.sha256)
        self.templates.add(moved.template)

    def _is_known(self, revision: Revision, running: Mapping[str, Revision]) -> bool:
        """Whether this form of a promoted version served before, or nothing else is left that could."""
        others = [one for one in running.values() if one.uid != revision.uid and one.sha256 in self.proved]
        return revision.template in self.templates or not others

    def _allowed(self, now: float, revision: Revision, status: ReleaseStatus) -> int:
        """By the steps that the revision held in truth."""
        if status.stable and status.stable.uid == revision.uid:
            return 100
        allowed = STEPS[0]
        for before, after in pairwise(STEPS):
            if not self._held(now, revision, before):
                break
            allowed = after
        return allowed

    def _held(self, now: float, revision: Revision, percent: int) -> bool:
        since = self.since.get((revision.uid, percent))
        return since is not None and (revision.uid, percent) in self.shown_good and now - since >= STEP_SECONDS - _SLACK_SECONDS
