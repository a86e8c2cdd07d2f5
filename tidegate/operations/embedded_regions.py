"""The embedded platform's regions: built, started, handed to Argo CD and waited for, with the time of every phase."""

from __future__ import annotations

import os
import platform as system
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from tidegate import inventory, tools
from tidegate.errors import Finding, MachineError
from tidegate.manifests.yaml_text import Manifest
from tidegate.model.platform import Platform
from tidegate.operations.checkout import Checkout
from tidegate.operations.cloud.account import Account, own_errors
from tidegate.operations.cloud.state import stores
from tidegate.operations.local import bootstrap, bring_up, delivery, git_server, models, network
from tidegate.operations.local.bring_up import Local, OnProgress, Prepared, cluster_of
from tidegate.operations.local.builds import build
from tidegate.operations.local.kubernetes import wait_until
from tidegate.operations.local.model_index import read_index
from tidegate.operations.local.region_status import RegionState, read_region, read_regions

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
        registry = models.train(checkout, say)
    with phases.phase("machines"):
        bring_up.start_machines(local, prepared, int(endpoint.rpartition(":")[2]), say)
    with phases.phase("render"):
        secrets, changed = _render(local, prepared, registry)
    for name in local.regions:
        cluster = cluster_of(local, name, prepared.programs)
        with phases.phase(f"{name} API server"):
            wait_until(cluster.is_ready, f"the API server of {name}", patience_seconds=120)
        say(name, "API server is ready")
        if changed or not bootstrap.is_bootstrapped(cluster):
            with phases.phase(f"{name} by hand"):
                bootstrap.grant_identities(local, cluster)
                bootstrap.bootstrap(local, name, cluster, secrets[name], say)
    with phases.phase("models"):
        _upload(local, Account(endpoint), registry, say)
    with phases.phase("live"):
        states = tuple(_wait_until_live(local, name, prepared, say) for name in local.regions)
    return RegionsUp(states, phases.seconds)


def _render(local: Local, prepared: Prepared, registry: Path) -> tuple[dict[str, list[Manifest]], bool]:
    """The Secrets that each region wants applied by hand, and whether the Git server got a new commit."""
    digests = {f"s3://tidegate-models/{version.path}": version.sha256 for version in read_index(registry)}
    delivery.render(local, delivery.embedding(local, prepared.images, digests))
    certificate = bootstrap.webhook_certificate(local)
    secrets = {name: delivery.render_add_ons(local, name, prepared, certificate) for name in local.regions}
    outside = local.machine(network.INTERNET)
    git_server.tell_on_push(outside, [cluster_of(local, name, prepared.programs) for name in local.regions])
    return secrets, git_server.commit(outside, "Render the embedded regions") is not None


def _upload(local: Local, account: Account, registry: Path, on_progress: OnProgress) -> None:
    """Once the registry's stacks are applied, which happens beside us."""
    by_cluster = stores(local.platform, account)

    def is_there() -> bool:
        return all(
            store.has_bucket() and store.read_record("registry") is not None and store.read_marker("registry") is None
            for store in by_cluster.values()
        )

    wait_until(is_there, "the stacks of the model registry", patience_seconds=600, pause_seconds=2)
    models.upload(registry, models.registries_of(local.platform, account), on_progress)


def _wait_until_live(local: Local, name: str, prepared: Prepared, on_progress: Callable[[str, str], None]) -> RegionState:
    said = ""
    started = time.monotonic()
    while True:
        state = read_region(local, name, prepared.programs)
        waiting = state.waiting_for
        if not waiting:
            on_progress(name, f"live: {len(state.applications)} applications, {len(state.models)} models")
            return state
        if time.monotonic() - started > LIVE_PATIENCE_SECONDS:
            raise MachineError(
                f"{name} is not live after {LIVE_PATIENCE_SECONDS} s; it waits for {', '.join(waiting)}; see `tidegate status`"
            )
        now = f"waits for {len(waiting)}: {', '.join(waiting[:4])}{' ...' if len(waiting) > 4 else ''}"
        if now != said:
            on_progress(name, now)
            said = now
        time.sleep(_LOOK_SECONDS)


def read_running_regions(checkout: Checkout) -> list[RegionState]:
    """How the regions are that run now; none is built or started for a look."""
    local = bring_up.open_local(checkout, inventory.load(checkout.root))
    if not any(local.machine(name).process() for name in local.regions):
        return []
    return read_regions(local, build(checkout, lambda _subject, _what: None, only=["kubectl"]))


def take_down_regions(checkout: Checkout, platform: Platform, on_progress: OnProgress) -> None:
    """Ends every machine and proves that nothing of them is left; safe to repeat."""
    bring_up.remove(bring_up.open_local(checkout, platform), on_progress)
