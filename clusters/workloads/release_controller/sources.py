"""What a decision needs and no object of Kubernetes has, as whoever provides it is asked. Without a provider every rise is held, with a sentence.

Nobody waits here: each answers at once with what it has, reads beside that in a task of its own, and forgets what it was not asked about for a while.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from clusters.workloads.release_controller.known import Model
from tidegate.contracts.release import ReleaseSpec, ReleaseStatus, Revision
from tidegate.release import observation
from tidegate.release.analysis.outcome import Outcome
from tidegate.release.observation import Judgement, ProposeCommit


class Figures(Protocol):
    """How the candidate does beside stable."""

    def judgement(self, model: Model, spec: ReleaseSpec, status: ReleaseStatus) -> Judgement | None:
        """The last one; asked about once a second while there is a candidate. None when there is none yet."""
        ...


class Smoke(Protocol):
    """The golden set and the short load before the first user."""

    def begin(self, model: Model, spec: ReleaseSpec, candidate: Revision) -> None:
        """Asks the candidate, unless that was begun."""
        ...

    def result(self, model: Model, candidate: Revision) -> observation.Smoke | None:
        """None until it ended."""
        ...


class Room(Protocol):
    """Whether a second revision fits."""

    def lacks(self, model: Model, spec: ReleaseSpec) -> str:
        """Why it does not; empty when it does."""
        ...


class News(Protocol):
    """What the other region said."""

    def heard(self, model: Model, spec: ReleaseSpec) -> observation.News:
        """The last of it, with its age judged."""
        ...


class Proposals(Protocol):
    """Commits that say what became of a version."""

    def proposed(self, model: Model) -> frozenset[ProposeCommit]:
        """Those that were written, or are being written."""
        ...

    def propose(self, model: Model, spec: ReleaseSpec, commit: ProposeCommit) -> None:
        """Writes it, unless that was begun."""
        ...


class NoFigures:
    """Nobody measures."""

    def judgement(self, model: Model, spec: ReleaseSpec, status: ReleaseStatus) -> Judgement | None:  # noqa: ARG002
        """Holds."""
        candidate = status.candidate
        return (
            Judgement(Outcome.HOLD, "nothing measures the candidate: give the controller a source of figures", candidate.uid)
            if candidate
            else None
        )


class NoSmoke:
    """Nobody asks the candidate. It never passes, and is aborted when its time is over."""

    def begin(self, model: Model, spec: ReleaseSpec, candidate: Revision) -> None:
        """Does nothing."""

    def result(self, model: Model, candidate: Revision) -> observation.Smoke | None:  # noqa: ARG002
        """There is never one."""
        return None


class NoRoom:
    """Nobody knows."""

    def lacks(self, model: Model, spec: ReleaseSpec) -> str:  # noqa: ARG002
        """Holds."""
        return "nobody knows whether a second revision fits: give the controller a source of room"


class NoNews:
    """Nobody hears the other region."""

    def heard(self, model: Model, spec: ReleaseSpec) -> observation.News:  # noqa: ARG002
        """Holds."""
        return observation.News(is_fresh=False, may_begin=False, sentence="nobody hears it: give the controller a source of news")


class NoProposals:
    """Nobody writes to Git. What is promoted stays so, and Git is shown as differing."""

    def proposed(self, model: Model) -> frozenset[ProposeCommit]:  # noqa: ARG002
        """None."""
        return frozenset()

    def propose(self, model: Model, spec: ReleaseSpec, commit: ProposeCommit) -> None:
        """Does nothing."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Who is asked."""

    figures: Figures = field(default_factory=NoFigures)
    smoke: Smoke = field(default_factory=NoSmoke)
    room: Room = field(default_factory=NoRoom)
    news: News = field(default_factory=NoNews)
    proposals: Proposals = field(default_factory=NoProposals)

    def lacking(self) -> list[str]:
        """Which of them nobody provides: said at the start, so that nobody wonders why nothing moves."""
        absent = {"figures": NoFigures, "smoke": NoSmoke, "room": NoRoom, "news": NoNews, "proposals": NoProposals}
        return [name for name, kind in absent.items() if isinstance(getattr(self, name), kind)]
