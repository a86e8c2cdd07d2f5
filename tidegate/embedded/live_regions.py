"""Waits until a region that comes up is live, and until its models answer as in training."""

from __future__ import annotations

import textwrap
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tidegate.embedded import obstacles, prediction
from tidegate.embedded.delivery import git_server
from tidegate.embedded.fleet.bring_up import Local, cluster_of
from tidegate.embedded.region_status import RegionState, read_region
from tidegate.errors import MachineError
from tidegate.live.given_up import delete_arguments
from tidegate.live.kubernetes import Kubernetes
from tidegate.live.states import is_executed
from tidegate.tools.waiting import Obstacle, wait_until

ANSWER_PATIENCE_SECONDS = 300
"""How long a live region may take to give a model's first right answer: a cold start, or pods that a restart makes again."""

LIVE_PATIENCE_SECONDS = 900
"""How long a region may take to come up once Argo CD has it; seven times what it takes on two idle cores."""

_SHOWN = 4
"""Of the things that a region waits for, how many a line of progress names."""

_SHOWN_CHARACTERS = 160
"""Of each of them, with its reason: a reason may hold the end of a log."""

_LOOK_SECONDS = 4
"""Between two looks at a region that comes up; each costs some tenths of a second of both cores."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One region that comes up. `say` tells the person who waits."""

    local: Local
    name: str
    programs: Mapping[str, Path]
    say: Callable[[str], None]

    @property
    def cluster(self) -> Kubernetes:
        """Its API server."""
        return cluster_of(self.local, self.name, self.programs)

    def find_obstacle(self) -> Obstacle | None:
        """What keeps it from coming up, when that can be seen."""
        return obstacles.find_obstacle(self.local.machine(self.name), self.cluster)

    def wait_until_live(self) -> RegionState:
        """Waits until nothing is missing, telling what is whenever that changes."""
        states: deque[RegionState] = deque(maxlen=2)
        made_again: set[tuple[str, str]] = set()

        def is_live() -> bool:
            before = states[-1].waiting_for if states else []
            states.append(read_region(self.local, self.name, self.programs))
            self._have_judged(states)
            self._make_again(states[-1], made_again)
            if states[-1].waiting_for and states[-1].waiting_for != before:
                self.say(f"waits for {_counted(states[-1].waiting_for)}")
            return not states[-1].waiting_for

        wait_until(
            is_live, f"{self.name} to be live", patience_seconds=LIVE_PATIENCE_SECONDS, pause_seconds=_LOOK_SECONDS,
            why_not=lambda: f"it waits for {_counted(states[-1].told)}; see `tidegate status`",
            say=self.say, find_obstacle=self.find_obstacle,
        )  # fmt: skip
        self.say(f"live: {len(states[-1].applications)} applications, {len(states[-1].models)} models")
        return states[-1]

    def _have_judged(self, looks: Collection[RegionState]) -> None:
        """Asks Argo CD to judge the Applications again that it could not judge at two looks in a row.

        Its script for a model's health has one second, which is short on a busy machine, and it would try again in two minutes only.
        """
        if len(looks) < 2:
            return
        before, now = ({one.name for one in state.applications if one.health == "Unknown"} for state in looks)
        if stuck := sorted(before & now):
            self.cluster.run("annotate", "applications.argoproj.io", *stuck, *git_server.LOOK_AGAIN)

    def _make_again(self, state: RegionState, made: set[tuple[str, str]]) -> None:
        """Deletes each revision that Knative has given up on, once; Knative then makes another of the same name.

        A bring-up that was interrupted leaves models without what they fetch; their deadlines pass, and nobody tries them again.
        """
        for model in state.models:
            namespace = self.local.whole.tenants[model.name.partition("/")[0]].namespace_name
            for revision in model.given_up:
                if (namespace, revision) in made:
                    continue
                made.add((namespace, revision))
                self.say(f"{model.name}: Knative gave up on {revision} before, so it is made again")
                self.cluster.run(*delete_arguments(revision, namespace), "--ignore-not-found", "--wait=false")

    def prove_answers(self, registry: Path) -> None:
        """Asks every executed model through the edge until the answer is the one of training, which `registry` holds.

        What the API server says is not enough: after a restart it still tells how things were before.
        """
        references = [
            f"{tenant.name}/{model}"
            for tenant in self.local.platform.tenants_of(self.name)
            for model, facts in tenant.models.items()
            if is_executed(facts)
        ]
        with ThreadPoolExecutor(len(references) or 1, "answers") as each:
            for _ in each.map(partial(self._prove_answer, registry), references):
                pass
        self.say("every model that is executed here answers as in training")

    def _prove_answer(self, registry: Path, reference: str) -> None:
        refusals: list[str] = []

        def answers() -> bool:
            try:
                prediction.predict(self.local, reference, lambda: registry, region=self.name)
            except MachineError as error:
                refusals.append(str(error))
                return False
            return True

        wait_until(
            answers, f"the right answer of {reference} in {self.name}",
            patience_seconds=ANSWER_PATIENCE_SECONDS, pause_seconds=1, why_not=lambda: refusals[-1], say=self.say,
        )  # fmt: skip


def _counted(waiting: Sequence[str]) -> str:
    """How many things are waited for, and the first of them."""
    shown = ", ".join(textwrap.shorten(one, _SHOWN_CHARACTERS, placeholder=" ...") for one in waiting[:_SHOWN])
    return f"{len(waiting)}: {shown}{' ...' if len(waiting) > _SHOWN else ''}"
