"""One look at a release: spec, what was remembered and what is there, with the questions that every decision asks of them."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.contracts.release import Files, ReleaseSpec, ReleaseStatus, Revision
from tidegate.release import memory
from tidegate.release.observation import Action, Health, Judgement, Observation, Seen, SetFiles


@dataclass(frozen=True, slots=True)
class Remember:
    """Write this status."""

    status: ReleaseStatus


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing, and say why."""

    reason: str


Decision = Remember | Action | Wait


@dataclass(frozen=True, slots=True)
class Look:
    """What a decision is made from."""

    spec: ReleaseSpec
    status: ReleaseStatus
    seen: Observation

    @property
    def stable(self) -> Revision:
        """Whom users are on; there is one after the first rule."""
        assert self.status.stable
        return self.status.stable

    @property
    def candidate(self) -> Revision:
        """Of a phase that has one."""
        assert self.status.candidate
        return self.status.candidate

    @property
    def latest(self) -> Seen | None:
        """The revision that was made last."""
        return self.seen.revisions.get(self.seen.latest)

    @property
    def is_pinned(self) -> bool:
        """Whether users are moved without a comparison."""
        return self.spec.strategy == "pinned"

    @property
    def goal(self) -> Files:
        """What users should get: what Git wants, unless that was aborted here or elsewhere."""
        sha256 = self.spec.wanted.sha256
        is_bad = sha256 in self.seen.news.aborted or memory.is_aborted(self.status, sha256)
        return self.stable.files if is_bad else self.spec.wanted

    @property
    def judged(self) -> Judgement | None:
        """The figures, when they are of this very candidate."""
        found = self.seen.judgement
        return found if found and found.of == self.candidate.uid else None

    @property
    def seconds(self) -> float:
        """Since the phase began, or the step was reached; below zero when that lies ahead."""
        return (self.seen.now - self.status.since).total_seconds() if self.status.since else -1

    @property
    def held(self) -> str:
        """Why no share may be raised now; empty when it may."""
        if self.seen.frozen:
            return f"frozen: {self.seen.frozen}"
        if not self.seen.is_clock_trusted:
            return "the clock jumped"
        if self.seen.blind:
            return self.seen.blind
        return "" if self.seen.news.is_fresh else f"the news of the other region is old: {self.seen.news.sentence}"

    def ready(self, sha256: str) -> list[Seen]:
        """Every revision of these bytes that is ready."""
        return [one for one in self.seen.revisions.values() if one.revision.sha256 == sha256 and one.health is Health.READY]

    def name(self, files: Files) -> SetFiles | None:
        """The write that lets the InferenceService name these files; None when it does."""
        service = self.seen.service
        if service is None or (service.uri, service.sha256) == (files.uri, files.sha256):
            return None
        return SetFiles(files, service.resource_version)
