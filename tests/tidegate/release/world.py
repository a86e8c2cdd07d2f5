"""A region in memory: what Kubernetes, Knative, Git, people and the figures do to one model, with faults drawn from a seed.

It keeps its own account of what users may get, and objects at the very write that breaks it. Simulated: no API server, no Knative.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from tests.tidegate.release.account import STEP_SECONDS, STEPS, Account, UnsafeError
from tidegate.contracts.release import Files, Phase, ReleaseSpec, ReleaseStatus, Revision
from tidegate.release.analysis.outcome import Outcome
from tidegate.release.look import Decision, Remember, Wait
from tidegate.release.observation import (
    Command,
    Guard,
    Health,
    Judgement,
    News,
    Observation,
    Proposal,
    ProposeCommit,
    Route,
    RunSmoke,
    Seen,
    Service,
    SetFiles,
    SetGuard,
    SetRoute,
    Smoke,
    Target,
)

START = datetime(2026, 11, 1, tzinfo=UTC)


class Kind(StrEnum):
    """What is wrong with a version, if anything."""

    GOOD = "good"
    ERRORING = "erroring"
    CRASHING = "crashing"
    NEVER_READY = "never ready"
    FAILS_SMOKE = "fails smoke"
    SILENT = "silent"
    """Nobody sends it anything, so there are no figures."""


def files(version: int) -> Files:
    return Files(version=version, uri=f"s3://models/fraud/scorer/{version}", sha256=f"{version:064x}")


class ConflictError(Exception):
    """The object is another one by now, or admission refused the write."""


def same(seen: object, there: object) -> None:
    """Refuses a write of something that changed since it was seen."""
    if seen != there:
        raise ConflictError


def next_version(version: str) -> str:
    return str(int(version or "0") + 1)


@dataclass
class Pod:
    """A revision with its fate."""

    revision: Revision
    made: float
    ready: float
    fails: float = float("inf")

    def health(self, now: float) -> Health:
        if now >= self.fails:
            return Health.FAILED
        return Health.READY if now >= self.ready else Health.STARTING


@dataclass
class World:
    """The truth. `now` is in seconds; server times are made from it and from the clock's error."""

    random: random.Random
    kinds: dict[int, Kind]
    spec: ReleaseSpec
    now: float = 0.0
    clock_error: float = 0.0
    faults: bool = True
    status: ReleaseStatus = field(default_factory=ReleaseStatus)
    status_version: int = 1
    service: Service = field(default_factory=lambda: Service("", "", "1"))
    template: str = "t1"
    pods: dict[str, Pod] = field(default_factory=dict[str, Pod])
    route: Route | None = None
    guard: Guard | None = None
    command: Command | None = None
    frozen: str = ""
    smokes: dict[str, tuple[float, Smoke]] = field(default_factory=dict[str, tuple[float, Smoke]])
    commits: dict[ProposeCommit, float] = field(default_factory=dict[ProposeCommit, float])
    account: Account = field(default_factory=Account)
    made_revisions: int = 0
    uids: int = 0
    pending: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])

    # --- Kubernetes and Knative ---

    def tick(self, seconds: float) -> None:
        """Time passes, and what was under way happens."""
        self.now += seconds
        for due, sha256 in [one for one in self.pending if one[0] <= self.now]:
            self.pending.remove((due, sha256))
            self.make_revision()
        for commit, due in list(self.commits.items()):
            if due <= self.now:
                self.merge(commit)

    def name_files(self, wanted: Files) -> None:
        self.service = Service(wanted.uri, wanted.sha256, str(int(self.service.resource_version) + 1))
        self.expect_revision()

    def expect_revision(self) -> None:
        self.pending.append((self.now + self.random.uniform(0.1, 4), self.service.sha256))

    def make_revision(self) -> None:
        named = next((one for one in map(files, self.kinds) if one.sha256 == self.service.sha256), None)
        newest = self.pods[self.latest].revision if self.latest else None
        if named is None or (newest and (newest.sha256, newest.template) == (named.sha256, self.template)):
            return
        name = f"scorer-predictor-{self.made_revisions + 1:05d}"
        recorded = self.guard.digests.get(name) if self.guard else None
        if recorded and recorded != named.sha256:
            self.expect_revision()
            return  # the second policy: a name does not come back with other bytes; Knative tries again
        self.made_revisions += 1
        self.uids += 1
        revision = Revision(name=name, uid=f"uid-{self.uids}", files=named, template=self.template)
        ready = self.now + self.random.uniform(1, 20)
        kind = self.kinds[named.version]
        fails = (
            self.now + self.random.uniform(5, 200) if kind is Kind.CRASHING else self.now + 60 if kind is Kind.NEVER_READY else float("inf")
        )
        self.pods[name] = Pod(revision, self.now, float("inf") if kind is Kind.NEVER_READY else ready, fails)

    @property
    def running(self) -> dict[str, Revision]:
        return {name: pod.revision for name, pod in self.pods.items()}

    @property
    def latest(self) -> str:
        return max(self.pods, key=lambda name: self.pods[name].made, default="")

    def collect(self) -> None:
        """Knative removes what nobody names, but for the newest."""
        kept = {self.latest, *(one.revision for one in self.route.targets)} if self.route else {self.latest}
        self.pods = {name: pod for name, pod in self.pods.items() if name in kept or self.now - pod.made < 60}

    def delete_service(self) -> None:
        """Somebody deletes the Knative Service: its revisions go, and names are given anew."""
        self.pods = {}
        self.made_revisions = 0
        self.expect_revision()

    # --- Git ---

    def merge(self, commit: ProposeCommit) -> None:
        promoted = next((one for one in map(files, self.kinds) if one.sha256 == commit.sha256), None)
        if commit.verb is Proposal.PROMOTE and promoted and promoted != self.spec.promoted:
            if promoted.sha256 not in self.account.proved:
                raise UnsafeError(f"Git says that version {promoted.version} is promoted, which was not proved")
            self.spec = self.spec.model_copy(update={"promoted": promoted})
            self.status_version += 1
        if commit.verb is Proposal.REVERT and self.spec.wanted.sha256 == commit.sha256:
            self.want(self.spec.promoted)
        self.commits.pop(commit, None)

    def want(self, wanted: Files) -> None:
        self.spec = self.spec.model_copy(update={"wanted": wanted})
        self.status_version += 1
        self.commits = {one: due for one, due in self.commits.items() if one.verb is not Proposal.REVERT}

    # --- What a controller sees ---

    def observe(self) -> Observation:
        candidate = self.status.candidate
        smoke = self.smokes.get(candidate.uid) if candidate else None
        return Observation(
            now=START + timedelta(seconds=self.now + self.clock_error),
            service=self.service,
            revisions={name: Seen(pod.revision, pod.health(self.now), "it crashed") for name, pod in self.pods.items()},
            latest=self.latest,
            route=self.route,
            guard=self.guard,
            judgement=self.judge(candidate) if candidate else None,
            smoke=smoke[1] if smoke and smoke[0] <= self.now else None,
            command=self.command,
            news=News(is_fresh=not self.faults or self.random.random() > 0.05, sentence="five minutes old"),
            proposed=frozenset(self.commits),
            frozen=self.frozen,
            is_clock_trusted=self.clock_error == 0,
        )

    def judge(self, candidate: Revision) -> Judgement | None:
        """The figures: true of the version, late, and sometimes missing or of another revision."""
        share = self.route.share(candidate) if self.route else 0
        reached = self.account.since.get((candidate.uid, share))
        kind = self.kinds[candidate.files.version]
        if self.faults and self.random.random() < 0.1:
            return Judgement(Outcome.GOOD, "of another revision", "uid-of-another")
        if share == 0 or reached is None or kind is Kind.SILENT or (self.faults and self.random.random() < 0.1):
            return self.random.choice([None, Judgement(Outcome.HOLD, "no figures", candidate.uid)])
        if kind in {Kind.ERRORING, Kind.CRASHING} and self.now - reached > 4:
            self.account.shown_bad.add(candidate.uid)
            return Judgement(Outcome.BAD, "half of its answers are errors", candidate.uid)
        if kind is Kind.GOOD and self.now - reached > 8:
            self.account.shown_good.add((candidate.uid, share))
            return Judgement(Outcome.GOOD, "as good as the one before", candidate.uid)
        return Judgement(Outcome.UNDECIDED, "too few to say", candidate.uid)

    # --- What a controller writes ---

    def carry_out(self, decision: Decision, status_version: int) -> None:
        """Raises `ConflictError` for a write of something that changed since it was seen, or that admission refuses."""
        match decision:
            case Remember(status):
                same(status_version, self.status_version)
                self.account.check_status(self.now, self.status, status, self.running)
                self.status, self.status_version = status, self.status_version + 1
            case SetFiles(wanted, version):
                same(version, self.service.resource_version)
                self.name_files(wanted)
            case SetGuard(guard):
                same(guard.resource_version, self.guard.resource_version if self.guard else "")
                self.guard = replace(guard, resource_version=next_version(guard.resource_version))
            case SetRoute():
                self.set_route(decision, by_controller=True, is_current=status_version == self.status_version)
            case RunSmoke(candidate):
                self.run_smoke(candidate)
            case ProposeCommit():
                self.commits.setdefault(decision, self.now + self.random.uniform(1, 60))
            case Wait():
                pass

    def run_smoke(self, candidate: Revision) -> None:
        if candidate.uid in self.smokes:
            return
        passed = self.kinds[candidate.files.version] is not Kind.FAILS_SMOKE
        self.smokes[candidate.uid] = (self.now + self.random.uniform(1, 30), Smoke(candidate.uid, passed, "its golden set"))
        if passed:
            self.account.smoked.add(candidate.uid)

    def set_route(self, wanted: SetRoute, *, by_controller: bool, is_current: bool = False) -> None:
        # Who decided with an old status lowers shares and aborts nothing.
        same(wanted.resource_version, self.route.resource_version if self.route else "")
        if not self.admits(wanted.targets, by_controller=by_controller):
            raise ConflictError
        before, written = self.route, wanted if by_controller or self.route is None else self.route
        said = (written.taken_back, written.reason, written.given)  # who edits the targets by hand leaves the annotations
        self.route = Route(wanted.targets, next_version(wanted.resource_version), *said)
        is_abort = not by_controller or (is_current and len(wanted.targets) == 1 and self.status.phase is Phase.STEPPING)
        self.account.check_route(self.now, before if is_abort else None, self.route, self.status, self.running)

    def admits(self, targets: tuple[Target, ...], *, by_controller: bool) -> bool:
        """The first policy."""
        if self.guard is None:
            return False
        for one in targets:
            if one.percent > self.guard.shares.get(one.revision, 0):
                return False
            before = sum(old.percent for old in self.route.targets if old.revision == one.revision) if self.route else 0
            if not by_controller and one.revision != self.guard.stable and one.percent > before:
                return False
        return True


def begin(seed: int, kinds: dict[int, Kind], *, faults: bool = True) -> World:
    """Version 1 is promoted, and version 2 wanted."""
    spec = ReleaseSpec(
        strategy="canary", wanted=files(2), promoted=files(1), steps_percent=STEPS, step_seconds=STEP_SECONDS, minimum_requests=300, p99_ms=50,
        availability=0.99, rollback_hours=0.1,
    )  # fmt: skip
    world = World(random.Random(seed), kinds, spec, faults=faults)
    world.account.proved.add(files(1).sha256)
    world.name_files(files(1))
    return world


def is_settled(world: World) -> bool:
    """Whether everything is as Git wants it, or as it was before."""
    status, route = world.status, world.route
    return (
        status.phase is Phase.STEADY and status.stable is not None and route is not None and route.share(status.stable) == 100
        and status.stable.sha256 == world.spec.promoted.sha256
    )  # fmt: skip
