"""What a decision is made from: one look at a model's objects, figures and orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from tidegate.contracts.release import Files, Revision
from tidegate.release.analysis.outcome import Outcome


class Health(StrEnum):
    """What Knative says of a revision."""

    READY = "ready"
    STARTING = "starting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Seen:
    """A revision that exists, and how it is."""

    revision: Revision
    health: Health
    why: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the Route: how many of a hundred requests go to a revision, and by which tag it has an address of its own."""

    revision: str
    percent: int
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """The Route as it is; a target that names no revision stands as an empty name."""

    targets: tuple[Target, ...]
    resource_version: str
    taken_back: str = ""
    """UID of the revision that the last abort took its users from, and why: written with the abort itself, so that whoever looks next knows."""
    reason: str = ""
    given: str = ""
    """The revision's UID and the share that the controller gave it last: a lower one beside it is a person's doing."""

    def share(self, revision: Revision | None) -> int:
        """Of a hundred requests."""
        return self.shares.get(revision.name, 0) if revision else 0

    @property
    def shares(self) -> dict[str, int]:
        """Of a hundred requests, by the revision's name: one may stand there twice, by its name and by its tag."""
        found: dict[str, int] = {}
        for one in self.targets:
            found[one.revision] = found.get(one.revision, 0) + one.percent
        return found


@dataclass(frozen=True, slots=True)
class Guard:
    """The parameter of the admission policy: the largest share of each revision, and the digest that each name belongs to."""

    stable: str
    shares: Mapping[str, int]
    digests: Mapping[str, str]
    resource_version: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """The InferenceService's two fields that the controller owns."""

    uri: str
    sha256: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """The analysis of one step, in a word and a sentence. `of` is the UID of the revision that it is about."""

    outcome: Outcome
    sentence: str
    of: str
    is_candidate_healthier: bool = False
    """Of two that are unhealthy."""
    is_candidate_bad: bool = False
    """Whether that was proved, also where stable is unhealthy, too."""

    @property
    def is_to_go(self) -> bool:
        """Whether users are better off without the candidate."""
        is_worse_of_two = self.outcome is Outcome.BOTH_UNHEALTHY and self.is_candidate_bad and not self.is_candidate_healthier
        return self.outcome is Outcome.BAD or is_worse_of_two


@dataclass(frozen=True, slots=True)
class Smoke:
    """What came of the golden set and the short load, by the candidate's own address."""

    of: str
    passed: bool
    sentence: str


class Verb(StrEnum):
    """What a person may order."""

    ABORT = "abort"
    ROLLBACK = "rollback"
    RETRY = "retry"
    """Forget that the wanted version was aborted."""


@dataclass(frozen=True, slots=True)
class Command:
    """An order of a person."""

    identifier: str
    verb: Verb
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class News:
    """What the other region said last."""

    is_fresh: bool = True
    may_begin: bool = True
    """Whether the region before this one has held the version."""
    aborted: frozenset[str] = frozenset()
    """Digests that were aborted anywhere."""
    sentence: str = ""


class Proposal(StrEnum):
    """What Git should say."""

    PROMOTE = "promote"
    REVERT = "revert"


@dataclass(frozen=True, slots=True)
class ProposeCommit:
    """Write to Git what became of a version: it is promoted, or the tenant's file should name the one before."""

    verb: Proposal
    sha256: str


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything at one moment. `now` is the API server's time; `is_clock_trusted` is False after a jump of either clock."""

    now: datetime
    service: Service | None
    revisions: Mapping[str, Seen]
    latest: str
    """The revision that was created last; empty while there is none."""
    route: Route | None
    guard: Guard | None
    judgement: Judgement | None = None
    smoke: Smoke | None = None
    command: Command | None = None
    news: News = field(default_factory=News)
    proposed: frozenset[ProposeCommit] = frozenset()
    """What was written to Git already, or is being written."""
    frozen: str = ""
    """The reason of a freeze; empty when there is none."""
    lacks_room: str = ""
    """Why a second revision would not fit; empty when it does."""
    is_clock_trusted: bool = True
    blind: str = ""
    """Why this may be old; empty when it is what is there now. It holds every rise and no abort."""

    def seen(self, revision: Revision | None) -> Seen | None:
        """The revision as it is now; None when it is gone, or when its name belongs to another one."""
        found = self.revisions.get(revision.name) if revision else None
        return found if found and revision and found.revision.uid == revision.uid else None


@dataclass(frozen=True, slots=True)
class SetFiles:
    """Let the InferenceService name these files; Knative makes a revision of it."""

    files: Files
    resource_version: str


@dataclass(frozen=True, slots=True)
class SetGuard:
    """Let admission allow this and no more."""

    guard: Guard


@dataclass(frozen=True, slots=True)
class SetRoute:
    """Move users. An empty resource version creates the Route."""

    targets: tuple[Target, ...]
    resource_version: str
    taken_back: str = ""
    reason: str = ""
    given: str = ""


@dataclass(frozen=True, slots=True)
class RunSmoke:
    """Ask the candidate its golden set and a short load."""

    candidate: Revision


Action = SetFiles | SetGuard | SetRoute | RunSmoke | ProposeCommit
