"""What the controller's sources say in a simulated region."""

from __future__ import annotations

from dataclasses import dataclass

from clusters.workloads.release_controller.known import Model
from clusters.workloads.release_controller.sources import Sources
from tests.clusters.workloads.release_controller.simulated_region import Region
from tests.tidegate.release.world import Kind
from tidegate.contracts.release import ReleaseSpec, ReleaseStatus, Revision
from tidegate.release import observation
from tidegate.release.analysis.outcome import Outcome
from tidegate.release.observation import Judgement, News, ProposeCommit


@dataclass
class Told:
    """What the controller's sources say: true of the version, and with faults late, missing, or of another revision."""

    region: Region
    frozen_news: bool = False

    def sources(self) -> Sources:
        return Sources(self, self, self, self, self)

    def judgement(self, model: Model, spec: ReleaseSpec, status: ReleaseStatus) -> Judgement | None:  # noqa: ARG002
        region, candidate = self.region, status.candidate
        assert candidate
        share = region.route.share(candidate) if region.route else 0
        reached, kind = region.account.since.get((candidate.uid, share)), region.kinds[candidate.files.version]
        if region.faults and region.chance.random() < 0.1:
            return Judgement(Outcome.GOOD, "of another revision", "uid-of-another")
        if share == 0 or reached is None or kind is Kind.SILENT or (region.faults and region.chance.random() < 0.1):
            return region.chance.choice([None, Judgement(Outcome.HOLD, "no figures", candidate.uid)])
        if kind in {Kind.ERRORING, Kind.CRASHING} and region.now - reached > 4:
            region.account.shown_bad.add(candidate.uid)
            return Judgement(Outcome.BAD, "half of its answers are errors", candidate.uid)
        if kind is Kind.GOOD and region.now - reached > 8:
            region.account.shown_good.add((candidate.uid, share))
            return Judgement(Outcome.GOOD, "as good as the one before", candidate.uid)
        return Judgement(Outcome.UNDECIDED, "too few to say", candidate.uid)

    def begin(self, model: Model, spec: ReleaseSpec, candidate: Revision) -> None:  # noqa: ARG002
        self.region.smokes.setdefault(candidate.uid, self.region.now + self.region.chance.uniform(1, 30))

    def result(self, model: Model, candidate: Revision) -> observation.Smoke | None:  # noqa: ARG002
        if self.region.smokes.get(candidate.uid, float("inf")) > self.region.now:
            return None
        passed = self.region.kinds[candidate.files.version] is not Kind.FAILS_SMOKE
        if passed:
            self.region.account.smoked.add(candidate.uid)
        return observation.Smoke(candidate.uid, passed, "its golden set")

    def lacks(self, model: Model, spec: ReleaseSpec) -> str:  # noqa: ARG002
        return ""

    def heard(self, model: Model, spec: ReleaseSpec) -> News:  # noqa: ARG002
        return News(
            is_fresh=not self.frozen_news and (not self.region.faults or self.region.chance.random() > 0.05), sentence="five minutes old"
        )

    def proposed(self, model: Model) -> frozenset[ProposeCommit]:  # noqa: ARG002
        return frozenset(self.region.commits)

    def propose(self, model: Model, spec: ReleaseSpec, commit: ProposeCommit) -> None:  # noqa: ARG002
        self.region.commits.setdefault(commit, self.region.now + self.region.chance.uniform(1, 60))
