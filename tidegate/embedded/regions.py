"""The embedded platform's regions: built, started, handed to Argo CD and waited for, with the time of every phase."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.cloud.account import Account, own_errors
from tidegate.cloud.model_buckets import registries_of
from tidegate.embedded import example_models
from tidegate.embedded.builds import sources
from tidegate.embedded.builds.go_programs import build
from tidegate.embedded.delivery import bootstrap, delivery, git_server
from tidegate.embedded.fleet import bring_up, internet
from tidegate.embedded.fleet.bring_up import Local, Prepared
from tidegate.embedded.live_regions import Watched
from tidegate.embedded.machines import network
from tidegate.embedded.region_status import RegionState, read_regions
from tidegate.embedded.signed_models import catalogue_of, sign_registry
from tidegate.embedded.vault import vault_region
from tidegate.errors import MachineError
from tidegate.facts import inventory
from tidegate.facts.platform import Platform
from tidegate.repository.rendering import Production, render_and_validate
from tidegate.signing.evidence import EVIDENCE_KEY
from tidegate.signing.keys import key_ids
from tidegate.tools.progress import OnProgress
from tidegate.tools.waiting import wait_until


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
    """The regions after `up`, the seconds of every phase, and what production would run."""

    regions: tuple[RegionState, ...]
    phases: Mapping[str, float]
    production: Production


@own_errors()
def bring_up_regions(  # noqa: PLR0917 - what the cloud half of `up` shares with this one
    checkout: Checkout, platform: Platform, endpoint: str, registries: Future[None], on_progress: OnProgress, stop: Event | None = None
) -> RegionsUp:
    """Brings every region up and waits until all of it is live. What runs already is left alone.

    `endpoint` is the emulated AWS; `registries` is done when the stacks of the model registry are applied. Raises `ManifestError` for
    objects that production could not run, before a machine is started, and `MachineError` when a region is not live in time,
    naming what is missing, or soon after `stop` is set, which a failure does too.
    """
    phases, local, ended = Phases(), bring_up.open_local(checkout, platform), stop or Event()

    def say(subject: str, what: str) -> None:
        if ended.is_set():
            raise MachineError("interrupted; run the same command again to continue")
        on_progress(subject, what)

    first_failure: list[BaseException] = []

    def end_on_failure(done: Future[Any]) -> None:
        if not ended.is_set() and (error := done.exception()):
            first_failure.append(error)
            ended.set()
            tools.interrupt_streams()  # a build would go on for minutes for what is refused already

    with ThreadPoolExecutor(3, "beside") as beside:
        proving = beside.submit(_prove_production, checkout, platform, phases, say)
        proving.add_done_callback(end_on_failure)
        try:
            with phases.phase("build"):
                prepared = bring_up.prepare(checkout, say)
                registry = sign_registry(example_models.train(checkout, say), key_ids(platform), say)
            production = proving.result()  # no machine is started for what production could not run
            run = _RegionsRun(local, prepared, registry, phases, say)
            internet.own_authority(local.machine(network.INTERNET))  # both below read it, and whoever comes first would make it
            rendering, uploading = beside.submit(run.render), beside.submit(run.upload, Account(endpoint), registries)
            rendering.add_done_callback(end_on_failure)
            with phases.phase("machines"):
                bring_up.start_machines(local, prepared, int(endpoint.rpartition(":")[2]), say)
            rendering.result()
            run.in_each_region(run.hand_over)
            with phases.phase("vault"):
                run.in_each_region(run.set_up_vault)
            uploading.result()
        except BaseException:
            ended.set()  # the upload may be waiting for a bucket that nobody asks for any longer
            if first_failure:
                raise first_failure[0] from None
            raise
    with phases.phase("live"):
        states = tuple(run.watched(name).wait_until_live() for name in local.regions)
    with phases.phase("answers"):
        run.in_each_region(lambda name: run.watched(name).prove_answers(registry))
    return RegionsUp(states, phases.seconds, production)


def _prove_production(checkout: Checkout, platform: Platform, phases: Phases, say: OnProgress) -> Production:
    with phases.phase("production"):
        return render_and_validate(checkout, platform, say)


@dataclass
class _RegionsRun:
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

    def watched(self, name: str) -> Watched:
        """A region as it is waited for."""
        return Watched(self.local, name, self.prepared.programs, partial(self.say, name))

    def render(self) -> None:
        """Renders for this machine and commits it, for which no machine has to run."""
        with self.phases.phase("render"):
            self._render()

    def _render(self) -> None:
        catalogue = catalogue_of(self.registry, key_ids(self.local.platform))
        certificate, modules = bootstrap.webhook_certificate(self.local), sources.add_on_folders(self.local.checkout)
        add_ons = [delivery.add_ons_request(self.local, name, self.prepared, modules, certificate) for name in self.local.regions]
        delivery.render(self.local, delivery.embedded_facts(self.local, self.prepared.images, catalogue), add_ons)
        outside = self.local.machine(network.INTERNET)
        tree = git_server.worktree(outside)
        followers = [
            git_server.Follower(self.watched(name).cluster, delivery.folders_of_applications(tree, name)) for name in self.local.regions
        ]
        git_server.tell_on_push(outside, followers)
        git_server.commit(outside, "Render the embedded regions")

    def hand_over(self, name: str) -> None:
        """Waits for a region's API server and applies what Argo CD needs, unless all of it is there already."""
        region = self.watched(name)
        cluster = region.cluster
        with self.phases.phase(f"{name} API server"):
            wait_until(
                cluster.is_ready, f"the API server of {name}", patience_seconds=120, say=region.say, find_obstacle=region.find_obstacle
            )
        self.say(name, "API server is ready")
        if not bootstrap.is_bootstrapped(self.local, name, cluster):
            with self.phases.phase(f"{name} by hand"):
                bootstrap.grant_identities(self.local, cluster)
                bootstrap.bootstrap(self.local, name, cluster, delivery.add_on_secrets(self.local, name), self.say)

    def upload(self, account: Account, registries: Future[None]) -> None:
        """Fills the model registry, once its stacks are applied, which happens beside us."""
        with self.phases.phase("models"):
            wait_until(
                registries.done, "the stacks of the model registry", patience_seconds=900, say=partial(self.say, "models"),
                why_not=lambda: "they are applied beside; the lines about `registry` stacks above tell how far they are",
            )  # fmt: skip
            example_models.upload(self.registry, registries_of(self.local.platform, account), self.say)

    def set_up_vault(self, name: str) -> None:
        """Waits for a region's Vault and writes into it what tenants' pods ask for before they serve."""
        keys, region = sorted({*key_ids(self.local.platform).values(), EVIDENCE_KEY}), self.watched(name)
        vault_region.set_up(self.local, name, region.cluster, keys, self.say, find_obstacle=region.find_obstacle)


def read_running_regions(checkout: Checkout) -> list[RegionState]:
    """How the regions are that run now; none is built or started for a look."""
    local = bring_up.open_local(checkout, inventory.load(checkout.root))
    if not any(local.machine(name).process() for name in local.regions):
        return []
    return read_regions(local, build(checkout, lambda _subject, _what: None, only=["kubectl"]))


def take_down_regions(checkout: Checkout, platform: Platform, on_progress: OnProgress) -> None:
    """Ends every machine and proves that nothing of them is left; safe to repeat."""
    bring_up.remove(bring_up.open_local(checkout, platform), on_progress)
