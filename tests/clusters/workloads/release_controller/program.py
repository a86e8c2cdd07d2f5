"""The controller as a process of tests: scripted sources, a short Lease, and a death by chance before or after any write.

python -m tests.clusters.workloads.release_controller.program SEED CHANCE
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import sys
import time
from typing import Any

from clusters.workloads.release_controller import __main__ as program
from clusters.workloads.release_controller.http_api import HttpApi
from clusters.workloads.release_controller.known import Model
from clusters.workloads.release_controller.settings import Terms
from clusters.workloads.release_controller.sources import Sources
from tidegate.contracts.release import ReleaseSpec, ReleaseStatus, Revision
from tidegate.release import observation
from tidegate.release.analysis.outcome import Outcome
from tidegate.release.observation import Judgement, News, ProposeCommit

TERMS = Terms(length=3, held=1.5, renew=0.5, retry=0.2, ask=0.3)
BAD = "bad"
"""How the name of a model begins whose second version answers with errors."""


class Script:
    """Figures a second after a share was seen first; everything else at once."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, int], float] = {}
        self._smoked: set[str] = set()
        self._proposed: dict[Model, set[ProposeCommit]] = {}

    def judgement(self, model: Model, spec: ReleaseSpec, status: ReleaseStatus) -> Judgement | None:  # noqa: ARG002
        candidate = status.candidate
        if candidate is None or not status.is_reached:
            return None
        since = self._since.setdefault((candidate.uid, status.allowed_percent), time.monotonic())
        if time.monotonic() - since < 1:
            return Judgement(Outcome.UNDECIDED, "too few to say", candidate.uid)
        if model.name.startswith(BAD):
            return Judgement(Outcome.BAD, "half of its answers are errors", candidate.uid)
        return Judgement(Outcome.GOOD, "as good as the one before", candidate.uid)

    def begin(self, model: Model, spec: ReleaseSpec, candidate: Revision) -> None:  # noqa: ARG002
        self._smoked.add(candidate.uid)

    def result(self, model: Model, candidate: Revision) -> observation.Smoke | None:  # noqa: ARG002
        return observation.Smoke(candidate.uid, passed=True, sentence="its golden set") if candidate.uid in self._smoked else None

    def lacks(self, model: Model, spec: ReleaseSpec) -> str:  # noqa: ARG002
        return ""

    def heard(self, model: Model, spec: ReleaseSpec) -> News:  # noqa: ARG002
        return News()

    def proposed(self, model: Model) -> frozenset[ProposeCommit]:
        return frozenset(self._proposed.get(model, ()))

    def propose(self, model: Model, spec: ReleaseSpec, commit: ProposeCommit) -> None:  # noqa: ARG002
        self._proposed.setdefault(model, set()).add(commit)


class MortalApi(HttpApi):
    """Kills the process where chance says so."""

    chance = random.Random(0)
    of_death = 0.0

    async def send(self, method: str, path: str, body: Any, **others: Any) -> dict[str, Any]:
        is_counted = not path.endswith(("/leases", "/leases/release-controller", "/events"))
        self._meet(is_counted)
        answer = await super().send(method, path, body, **others)
        self._meet(is_counted)
        return answer

    def _meet(self, is_counted: bool) -> None:
        if is_counted and self.chance.random() < self.of_death:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    MortalApi.chance, MortalApi.of_death = random.Random(int(sys.argv[1])), float(sys.argv[2])
    program.HttpApi = MortalApi  # type: ignore[misc]
    script = Script()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    return asyncio.run(program.run(Sources(script, script, script, script, script), TERMS))


if __name__ == "__main__":
    sys.exit(main())
