"""The whole embedded platform: the emulated cloud and, beside it, the regions that run on this machine."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event, Lock

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.cloud.account import Account
from tidegate.cloud.destroy import Destruction
from tidegate.cloud.model_buckets import registries_of
from tidegate.cloud.progress import OnProgress
from tidegate.cloud.toolchain import missing
from tidegate.embedded import edge_addresses, emulated_cloud, emulator, example_models, machine_needs, regions
from tidegate.embedded.fleet.bring_up import Local, open_local
from tidegate.errors import DoctorError, MachineError, ToolError, UsageError
from tidegate.facts import inventory
from tidegate.repository.rendering import Production, render_and_validate

STACKS_FOR_REGIONS = ("state", "registry")
"""Short names of the stacks that bring the model registry."""

REAL = ("terraform", "AWS provider", "cdktf", "rendered objects", "schemas")
SIMULATED = ("AWS API (moto)",)
REAL_IN_REGIONS = (
    "Kubernetes (etcd, API server, controllers, scheduler, kubelet, containerd, runc)", "Argo CD", "Istio control plane and Envoy",
    "Knative", "KServe", "Karpenter", "Prometheus", "MLServer", "image registry", "Git server",
)  # fmt: skip
SIMULATED_IN_REGIONS = (
    "GPU nodes and the pods on them (KWOK: scheduled, not executed)", "the language model (an n-gram stand-in)",
    "the identity provider", "the internet (a network namespace)", "NetworkPolicies (applied, not enforced)",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlatformUp:
    """The platform after `up`: cloud, what production would run, and the regions, None when they were not asked for."""

    cloud: emulated_cloud.CloudUp
    production: Production
    regions: regions.RegionsUp | None


def refuse_unfit_machine(*, from_bundle: bool = False) -> list[str]:
    """Raises `UsageError` with everything this machine lacks to run regions, and what can be had without it; returns what should be known."""
    if lacking := machine_needs.lacking(from_bundle=from_bundle):
        lines = "\n".join(str(finding) for finding in lacking)
        raise UsageError(f"{lines}\nwithout these, `tidegate up --without-regions` still provisions the cloud and renders the tenants")
    return machine_needs.notes()


def bring_up(
    checkout: Checkout, on_progress: OnProgress, *, with_regions: bool = True, only_stacks: Collection[str] | None = None
) -> PlatformUp:
    """Brings the cloud up and the regions beside it: they wait for each other only where they meet, at the model registry.

    `only_stacks` names the stacks that are applied, by default all; regions need `STACKS_FOR_REGIONS`.

    Raises `DoctorError` when a tool is missing, and then has begun nothing. Otherwise raises what either of them raises; the other is ended first.
    """
    if lacking := missing(checkout):
        raise DoctorError(lacking)  # before the regions begin beside the cloud
    platform = inventory.load(checkout.root)
    if not with_regions:
        production = render_and_validate(checkout, platform, on_progress)
        return PlatformUp(emulated_cloud.bring_up(checkout, platform, on_progress, only=only_stacks), production, None)
    if not (local := open_local(checkout, platform)).regions:
        known, here = ", ".join(platform.clusters), ", ".join(local.addresses.regions)
        raise UsageError(f"none of the clusters {known} can run here; name one of them {here}, or use `tidegate up --without-regions`")
    running, _ = emulator.ensure_running(checkout)
    return _both(local, running.endpoint, _Telling(on_progress), only_stacks)


class _Telling:
    """Progress of both halves, one line at a time; the cloud's ends where the regions have failed."""

    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress, self._lock, self._regions_failed = on_progress, Lock(), Event()

    def of_regions(self, subject: str, what: str) -> None:
        with self._lock:
            self._on_progress(subject, what)

    def of_cloud(self, subject: str, what: str) -> None:
        if self._regions_failed.is_set():  # what begins now would be interrupted by nobody
            raise MachineError("the regions failed")
        self.of_regions(subject, what)

    def end_cloud(self, regions_done: Future[regions.RegionsUp]) -> None:
        if regions_done.exception():
            self._regions_failed.set()
            tools.interrupt_streams()


def _both(local: Local, endpoint: str, tell: _Telling, only_stacks: Collection[str] | None) -> PlatformUp:
    checkout, platform = local.checkout, local.platform
    stop, registries = Event(), Future[None]()
    with ThreadPoolExecutor(1, "regions") as beside:
        running_regions = beside.submit(regions.bring_up_regions, checkout, platform, endpoint, registries, tell.of_regions, stop)
        running_regions.add_done_callback(tell.end_cloud)
        try:
            cloud = emulated_cloud.bring_up(
                checkout,
                platform,
                tell.of_cloud,
                awaited=STACKS_FOR_REGIONS,
                only=only_stacks,
                on_awaited=lambda: registries.set_result(None),
            )
        except BaseException as error:
            # The first failure is the one to tell; regions that are failing interrupt the cloud's programs before they have ended.
            is_of_regions = running_regions.done() or (isinstance(error, ToolError) and error.exit_code == tools.INTERRUPTED)
            stop.set()
            tools.interrupt_streams()
            if is_of_regions:
                running_regions.result()
            raise
        try:
            up = running_regions.result()
            _write_addresses(local, Account(endpoint), tell.of_cloud)
            return PlatformUp(cloud, up.production, up)
        except BaseException:
            stop.set()
            tools.interrupt_streams()
            raise


def _write_addresses(local: Local, account: Account, on_progress: OnProgress) -> None:
    """The last step: only now both the zone and the edges are there."""
    edges = {name: local.addresses.regions[name].node for name in local.regions}
    written = edge_addresses.write(account, local.platform.clusters, edges)
    for host, address in written.items():
        on_progress("names", f"{host} is {address}")


def take_down(checkout: Checkout, on_progress: OnProgress) -> Destruction | None:
    """Ends the regions, destroys every stack and proves that nothing is left; None when the cloud was down already."""
    platform = inventory.load(checkout.root)
    regions.take_down_regions(checkout, platform, on_progress)
    if running := emulator.find_running(checkout):
        deleted = example_models.empty(registries_of(platform, Account(running.endpoint)))
        on_progress("models", f"{deleted} objects deleted from the model registry")
    return emulated_cloud.take_down(checkout, platform, on_progress)


def real_and_simulated(*, with_regions: bool) -> list[str]:
    """Two lines that every report ends with."""
    real = REAL + (REAL_IN_REGIONS if with_regions else ())
    simulated = SIMULATED + (SIMULATED_IN_REGIONS if with_regions else ())
    return [f"Real: {', '.join(real)}.", f"Simulated: {', '.join(simulated)}."]
