"""The embedded platform's regions: built, started, handed to Argo CD and waited for, with the time of every phase."""

from __future__ import annotations

import os
import platform as system
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event

from tidegate import inventory, tools
from tidegate.errors import Finding, MachineError
from tidegate.manifests.yaml_text import Manifest
from tidegate.model.platform import Platform
from tidegate.operations.checkout import Checkout
from tidegate.operations.cloud.account import Account, own_errors
from tidegate.operations.cloud.state import stores
from tidegate.operations.local import bootstrap, bring_up, delivery, git_server, models, network, prediction, sources, vault_region
from tidegate.operations.local.bring_up import Local, OnProgress, Prepared, cluster_of
from tidegate.operations.local.builds import build
from tidegate.operations.local.kubernetes import Kubernetes, wait_until
from tidegate.operations.local.region_status import RegionState, is_executed, read_region, read_regions
from tidegate.operations.signing.registry import catalogue_of, key_ids, sign_registry

ANSWER_PATIENCE_SECONDS = 300
"""How long a live region may take to give a model's first right answer: a cold start, or pods that a restart makes anew."""

LIVE_PATIENCE_SECONDS = 900
"""How long a region may take to come up once Argo CD has it; seven times what it takes on two idle cores."""

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

    `endpoint` is the emulated AWS. Ends with `MachineError` soon after `stop` is set. Raises it too when a region is not
    live in time, naming what is missing.
    """
    phases, local = Phases(), bring_up.open_local(checkout, platform)

    def say(subject: str, what: str) -> None:
        if stop and stop.is_set():
            raise MachineError("interrupted; run the same command again to go on")
        on_progress(subject, what)

    with phases.phase("build"):
        prepared = bring_up.prepare(checkout, say)
        registry = sign_registry(models.train(checkout, say), key_ids(platform), say)
    run = _Run(local, prepared, registry, phases, say)
    with phases.phase("machines"):
        bring_up.start_machines(local, prepared, int(endpoint.rpartition(":")[2]), say)
    with phases.phase("render"):
        run.render()
    run.in_each_region(run.hand_over)
    with phases.phase("models"):
        run.upload(Account(endpoint))
    with phases.phase("vault"):
        run.in_each_region(run.set_up_vault)
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
    secrets: dict[str, list[Manifest]] = field(default_factory=dict[str, list[Manifest]])
    """What each region wants applied by hand."""
    changed: bool = False
    """Whether the Git server got a new commit."""

    def in_each_region(self, do: Callable[[str], None]) -> None:
        """Calls `do` for all regions at once; the first failure is raised when all have ended."""
        with ThreadPoolExecutor(len(self.local.regions), "region") as each:
            for _ in each.map(do, self.local.regions):
                pass

    def render(self) -> None:
        """Renders tenants and add-ons and commits them to the Git server."""
        catalogue = catalogue_of(self.registry, key_ids(self.local.platform))
        delivery.render(self.local, delivery.embedding(self.local, self.prepared.images, catalogue))
        certificate, modules = bootstrap.webhook_certificate(self.local), sources.add_on_folders(self.local.checkout)

        def render_add_ons(name: str) -> None:
            self.secrets[name] = delivery.render_add_ons(self.local, name, self.prepared, modules, certificate)

        self.in_each_region(render_add_ons)
        outside = self.local.machine(network.INTERNET)
        git_server.tell_on_push(outside, [self._cluster(name) for name in self.local.regions])
        self.changed = git_server.commit(outside, "Render the embedded regions") is not None

    def hand_over(self, name: str) -> None:
        """Waits for a region's API server and applies what Argo CD needs, unless all of it is there already."""
        cluster = self._cluster(name)
        with self.phases.phase(f"{name} API server"):
            wait_until(cluster.is_ready, f"the API server of {name}", patience_seconds=120)
        self.say(name, "API server is ready")
        if self.changed or not bootstrap.is_bootstrapped(cluster):
            with self.phases.phase(f"{name} by hand"):
                bootstrap.grant_identities(self.local, cluster)
                bootstrap.bootstrap(self.local, name, cluster, self.secrets[name], self.say)

    def upload(self, account: Account) -> None:
        """Fills the model registry, once its stacks are applied, which happens beside us."""
        by_cluster = stores(self.local.platform, account)

        def is_there() -> bool:
            return all(
                store.has_bucket() and store.read_record("registry") is not None and store.read_marker("registry") is None
                for store in by_cluster.values()
            )

        wait_until(is_there, "the stacks of the model registry", patience_seconds=900, pause_seconds=2)
        models.upload(self.registry, models.registries_of(self.local.platform, account), self.say)

    def set_up_vault(self, name: str) -> None:
        """Waits for a region's Vault and writes into it what tenants' pods ask for before they serve."""
        vault_region.set_up(self.local, name, self._cluster(name), sorted(set(key_ids(self.local.platform).values())), self.say)

    def wait_until_live(self, name: str) -> RegionState:
        """Waits until nothing of a region is missing, telling what is whenever that changes."""
        said = ""
        started = time.monotonic()
        while waiting := (state := read_region(self.local, name, self.prepared.programs)).waiting_for:
            if time.monotonic() - started > LIVE_PATIENCE_SECONDS:
                missing = ", ".join(waiting)
                raise MachineError(f"{name} is not live after {LIVE_PATIENCE_SECONDS} s; it waits for {missing}; see `tidegate status`")
            now = f"waits for {len(waiting)}: {', '.join(waiting[:4])}{' ...' if len(waiting) > 4 else ''}"
            if now != said:
                self.say(name, now)
                said = now
            time.sleep(_LOOK_SECONDS)
        self.say(name, f"live: {len(state.applications)} applications, {len(state.models)} models")
        return state

    def prove_answers(self, name: str) -> None:
        """Asks every executed model of a region through its edge until the answer is the one of training.

        What the API server says is not enough: after a restart it still tells how things were before.
        """
        for tenant in self.local.platform.tenants_of(name):
            for reference in (f"{tenant.name}/{model}" for model, facts in tenant.models.items() if is_executed(facts)):
                refusals: list[str] = []
                wait_until(
                    partial(self._answers, reference, name, refusals), f"the right answer of {reference} in {name}",
                    patience_seconds=ANSWER_PATIENCE_SECONDS, pause_seconds=1, why_not=lambda said=refusals: said[-1],
                )  # fmt: skip
        self.say(name, "every model that is executed here answers as in training")

    def _answers(self, reference: str, region: str, refusals: list[str]) -> bool:
        try:
            prediction.predict(self.local, reference, lambda: self.registry, region=region)
        except MachineError as error:
            refusals.append(str(error))
            return False
        return True

    def _cluster(self, name: str) -> Kubernetes:
        return cluster_of(self.local, name, self.prepared.programs)


def read_running_regions(checkout: Checkout) -> list[RegionState]:
    """How the regions are that run now; none is built or started for a look."""
    local = bring_up.open_local(checkout, inventory.load(checkout.root))
    if not any(local.machine(name).process() for name in local.regions):
        return []
    return read_regions(local, build(checkout, lambda _subject, _what: None, only=["kubectl"]))


def take_down_regions(checkout: Checkout, platform: Platform, on_progress: OnProgress) -> None:
    """Ends every machine and proves that nothing of them is left; safe to repeat."""
    bring_up.remove(bring_up.open_local(checkout, platform), on_progress)
