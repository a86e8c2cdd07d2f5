"""The embedded platform's regions: built, started, handed to Argo CD and waited for, with the time of every phase."""

from __future__ import annotations

import os
import platform as system
import textwrap
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.cloud.account import Account, own_errors
from tidegate.cloud.model_buckets import registries_of
from tidegate.cloud.state import stores
from tidegate.embedded import example_models, obstacles, prediction
from tidegate.embedded.builds import sources
from tidegate.embedded.builds.go_programs import build
from tidegate.embedded.delivery import bootstrap, delivery, git_server
from tidegate.embedded.fleet import bring_up, internet
from tidegate.embedded.fleet.bring_up import Local, OnProgress, Prepared, cluster_of
from tidegate.embedded.machines import network
from tidegate.embedded.region_status import RegionState, read_region, read_regions
from tidegate.embedded.signed_models import catalogue_of, sign_registry
from tidegate.embedded.vault import vault_region
from tidegate.errors import Finding, MachineError
from tidegate.facts import inventory
from tidegate.facts.platform import Platform
from tidegate.live.kubernetes import Kubernetes
from tidegate.live.served import is_executed
from tidegate.signing.keys import key_ids
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

_PROGRAMS = {"unshare": "util-linux", "nsenter": "util-linux", "ip": "iproute2", "mount": "mount", "sysctl": "procps"}


@dataclass
class Phases:
    """Seconds each phase took, in order of their beginning; phases of different regions overlap."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @contextmanager
    def phase(self, name: str) -> Generator[None]:
        """Counts what happens inside as `name`."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - started, 1)


@dataclass(frozen=True, slots=True)
class RegionsUp:
    """The regions after `up`, and the seconds of every phase."""

    regions: tuple[RegionState, ...]
    phases: Mapping[str, float]


def lacking() -> list[Finding]:
    """What this machine lacks to run regions; provisioning and rendering need none of it."""
    findings: list[Finding] = []

    def lack(path: str, problem: str, remedy: str, value: str = "") -> None:
        findings.append(Finding("this machine", path, "regions-need", problem, remedy, value))

    if system.system() != "Linux":
        lack("system", "regions are made of Linux namespaces", "run it on Linux", system.system())
        return findings
    if os.geteuid() != 0:
        lack("user", "namespaces, mounts and control groups need root", "run it as root", str(os.geteuid()))
    for program, package in _PROGRAMS.items():
        if not tools.find(program):
            lack(program, "not installed", f"install the package {package}")
    if "overlay" not in Path("/proc/filesystems").read_text(encoding="ascii"):
        lack("kernel", "no overlay filesystem", "load it: modprobe overlay")
    if not Path("/sys/fs/cgroup").is_dir():
        lack("kernel", "no control groups", "mount them at /sys/fs/cgroup")
    return findings


@own_errors()
def bring_up_regions(
    checkout: Checkout, platform: Platform, endpoint: str, on_progress: OnProgress, stop: Event | None = None
) -> RegionsUp:
    """Brings every region up and waits until all of it is live. What runs already is left alone.

    `endpoint` is the emulated AWS. Ends with `MachineError` soon after `stop` is set, which a failure does too. Raises it too when a region is not
    live in time, naming what is missing.
    """
    phases, local, ended = Phases(), bring_up.open_local(checkout, platform), stop or Event()

    def say(subject: str, what: str) -> None:
        if ended.is_set():
            raise MachineError("interrupted; run the same command again to continue")
        on_progress(subject, what)

    with phases.phase("build"):
        prepared = bring_up.prepare(checkout, say)
        registry = sign_registry(example_models.train(checkout, say), key_ids(platform), say)
    run = _Run(local, prepared, registry, phases, say)
    outside = local.machine(network.INTERNET)
    internet.own_authority(outside)  # both halves below read it, and whoever comes first would make it
    with ThreadPoolExecutor(2, "beside") as beside:
        rendering, uploading = beside.submit(run.render), beside.submit(run.upload, Account(endpoint))
        try:
            with phases.phase("machines"):
                bring_up.start_machines(local, prepared, int(endpoint.rpartition(":")[2]), say)
            rendering.result()
            run.in_each_region(run.hand_over)
            with phases.phase("vault"):
                run.in_each_region(run.set_up_vault)
            uploading.result()
        except BaseException:
            ended.set()  # the upload may be waiting for a bucket that nobody asks for any longer
            raise
    with phases.phase("live"):
        states = tuple(run.wait_until_live(name) for name in local.regions)
    with phases.phase("answers"):
        run.in_each_region(run.prove_answers)
    return RegionsUp(states, phases.seconds)


@dataclass
class _Run:
    """One bring-up under way, from when everything is built."""

    local: Local
    prepared: Prepared
    registry: Path
    phases: Phases
    say: OnProgress

    def in_each_region(self, do: Callable[[str], None]) -> None:
        """Calls `do` for all regions at once; the first failure is raised when all have ended."""
        with ThreadPoolExecutor(len(self.local.regions), "region") as each:
            for _ in each.map(do, self.local.regions):
                pass

    def render(self) -> None:
        """Renders tenants and add-ons and commits them to the Git server's repository, for which no machine has to run."""
        with self.phases.phase("render"):
            self._render()

    def _render(self) -> None:
        catalogue = catalogue_of(self.registry, key_ids(self.local.platform))
        delivery.render(self.local, delivery.embedding(self.local, self.prepared.images, catalogue))
        certificate, modules = bootstrap.webhook_certificate(self.local), sources.add_on_folders(self.local.checkout)

        self.in_each_region(lambda name: delivery.render_add_ons(self.local, name, self.prepared, modules, certificate))
        outside = self.local.machine(network.INTERNET)
        tree = git_server.worktree(outside)
        followers = [git_server.Follower(self._cluster(name), delivery.folders_of_applications(tree, name)) for name in self.local.regions]
        git_server.tell_on_push(outside, followers)
        git_server.commit(outside, "Render the embedded regions")

    def hand_over(self, name: str) -> None:
        """Waits for a region's API server and applies what Argo CD needs, unless all of it is there already."""
        cluster = self._cluster(name)
        with self.phases.phase(f"{name} API server"):
            wait_until(
                cluster.is_ready, f"the API server of {name}", patience_seconds=120,
                say=partial(self.say, name), find_obstacle=partial(self._find_obstacle, name),
            )  # fmt: skip
        self.say(name, "API server is ready")
        if not bootstrap.is_bootstrapped(self.local, name, cluster):
            with self.phases.phase(f"{name} by hand"):
                bootstrap.grant_identities(self.local, cluster)
                bootstrap.bootstrap(self.local, name, cluster, delivery.add_on_secrets(self.local, name), self.say)

    def upload(self, account: Account) -> None:
        """Fills the model registry, once its stacks are applied, which happens beside us."""
        with self.phases.phase("models"):
            self._upload(account)

    def _upload(self, account: Account) -> None:
        by_cluster = stores(self.local.platform, account)

        def is_there() -> bool:
            return all(
                store.has_bucket() and store.read_record("registry") is not None and store.read_marker("registry") is None
                for store in by_cluster.values()
            )

        wait_until(
            is_there, "the stacks of the model registry", patience_seconds=900, pause_seconds=2, say=partial(self.say, "models"),
            why_not=lambda: "they are applied beside; the lines about `registry` stacks above tell how far they are",
        )  # fmt: skip
        example_models.upload(self.registry, registries_of(self.local.platform, account), self.say)

    def set_up_vault(self, name: str) -> None:
        """Waits for a region's Vault and writes into it what tenants' pods ask for before they serve."""
        keys = sorted(set(key_ids(self.local.platform).values()))
        find_obstacle = partial(self._find_obstacle, name)
        vault_region.set_up(self.local, name, self._cluster(name), keys, self.say, find_obstacle=find_obstacle)

    def wait_until_live(self, name: str) -> RegionState:
        """Waits until nothing of a region is missing, telling what is whenever that changes."""
        states: deque[RegionState] = deque(maxlen=2)

        def is_live() -> bool:
            before = states[-1].waiting_for if states else []
            states.append(read_region(self.local, name, self.prepared.programs))
            self._have_judged(name, states)
            if states[-1].waiting_for and states[-1].waiting_for != before:
                self.say(name, f"waits for {_counted(states[-1].waiting_for)}")
            return not states[-1].waiting_for

        wait_until(
            is_live, f"{name} to be live", patience_seconds=LIVE_PATIENCE_SECONDS, pause_seconds=_LOOK_SECONDS,
            why_not=lambda: f"it waits for {_counted(states[-1].told)}; see `tidegate status`",
            say=partial(self.say, name), find_obstacle=partial(self._find_obstacle, name),
        )  # fmt: skip
        self.say(name, f"live: {len(states[-1].applications)} applications, {len(states[-1].models)} models")
        return states[-1]

    def _have_judged(self, name: str, looks: Collection[RegionState]) -> None:
        """Asks Argo CD to judge the Applications again that it could not judge at two looks in a row.

        Its script for a model's health has one second, which is short on a busy machine, and it would try again in two minutes only.
        """
        if len(looks) < 2:
            return
        before, now = ({one.name for one in state.applications if one.health == "Unknown"} for state in looks)
        if stuck := sorted(before & now):
            self._cluster(name).run("annotate", "applications.argoproj.io", *stuck, *git_server.LOOK_AGAIN)

    def prove_answers(self, name: str) -> None:
        """Asks every executed model of a region through its edge until the answer is the one of training.

        What the API server says is not enough: after a restart it still tells how things were before.
        """
        references = [
            f"{tenant.name}/{model}"
            for tenant in self.local.platform.tenants_of(name)
            for model, facts in tenant.models.items()
            if is_executed(facts)
        ]
        with ThreadPoolExecutor(len(references) or 1, "answers") as each:
            for _ in each.map(partial(self._prove_answer, name), references):
                pass
        self.say(name, "every model that is executed here answers as in training")

    def _prove_answer(self, name: str, reference: str) -> None:
        refusals: list[str] = []
        wait_until(
            partial(self._answers, reference, name, refusals), f"the right answer of {reference} in {name}",
            patience_seconds=ANSWER_PATIENCE_SECONDS, pause_seconds=1, why_not=lambda: refusals[-1], say=partial(self.say, name),
        )  # fmt: skip

    def _answers(self, reference: str, region: str, refusals: list[str]) -> bool:
        try:
            prediction.predict(self.local, reference, lambda: self.registry, region=region)
        except MachineError as error:
            refusals.append(str(error))
            return False
        return True

    def _cluster(self, name: str) -> Kubernetes:
        return cluster_of(self.local, name, self.prepared.programs)

    def _find_obstacle(self, name: str) -> Obstacle | None:
        return obstacles.find_obstacle(self.local.machine(name), self._cluster(name))


def _counted(waiting: Sequence[str]) -> str:
    """How many things are waited for, and the first of them."""
    shown = ", ".join(textwrap.shorten(one, _SHOWN_CHARACTERS, placeholder=" ...") for one in waiting[:_SHOWN])
    return f"{len(waiting)}: {shown}{' ...' if len(waiting) > _SHOWN else ''}"


def read_running_regions(checkout: Checkout) -> list[RegionState]:
    """How the regions are that run now; none is built or started for a look."""
    local = bring_up.open_local(checkout, inventory.load(checkout.root))
    if not any(local.machine(name).process() for name in local.regions):
        return []
    return read_regions(local, build(checkout, lambda _subject, _what: None, only=["kubectl"]))


def take_down_regions(checkout: Checkout, platform: Platform, on_progress: OnProgress) -> None:
    """Ends every machine and proves that nothing of them is left; safe to repeat."""
    bring_up.remove(bring_up.open_local(checkout, platform), on_progress)
