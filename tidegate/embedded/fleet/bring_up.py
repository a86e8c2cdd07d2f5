"""The machines of the embedded platform: what they are built from, started, paused and taken away."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded import emulator
from tidegate.embedded.builds.go_programs import build
from tidegate.embedded.builds.sources import KWOK_STAGES, kwok_folder
from tidegate.embedded.fleet import candidates as candidate_records
from tidegate.embedded.fleet import host, internet, region, registry, unpacked_images
from tidegate.embedded.identity import certificates
from tidegate.embedded.images import Image, build_images, machine_root
from tidegate.embedded.machines import cgroups, machines, network
from tidegate.embedded.machines.facts import Addresses
from tidegate.embedded.machines.machines import Machine
from tidegate.errors import MachineError
from tidegate.facts import inventory
from tidegate.facts.platform import Platform
from tidegate.live.kubernetes import Kubernetes
from tidegate.tools.progress import OnProgress

_ENDING_SECONDS = 10.0
"""What a killed process still takes to end on a busy machine, or what somebody who was killed had just started."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is built once and kept in the cache."""

    programs: Mapping[str, Path]
    root: Path
    images: Mapping[str, Image]


@dataclass(frozen=True, slots=True)
class Local:
    """The machines of this checkout and how they are reached."""

    checkout: Checkout
    platform: Platform
    """As the tree has it."""
    addresses: Addresses
    candidates: candidate_records.Candidates = field(default_factory=candidate_records.Candidates)
    """What merge gates have put beside it."""

    @property
    def whole(self) -> Platform:
        """The platform with the candidates of merge gates: what runs here."""
        return self.candidates.beside(self.platform)

    @property
    def instance(self) -> str:
        """Tells the machines of two checkouts apart."""
        return instance(self.checkout)

    @property
    def regions(self) -> list[str]:
        """The clusters that run here."""
        return [name for name in self.addresses.regions if name in self.platform.clusters]

    def machine(self, name: str) -> Machine:
        """One of the machines, running or not."""
        return Machine(self.checkout, self.instance, name)

    def relays(self) -> dict[str, tuple[int, str]]:
        """Loopback ports and the sockets they lead to."""
        sockets = {f"{kind}-{name}": f"{name}/{kind}.sock" for name in self.regions for kind in ("api", "prometheus")}
        sockets |= {f"edge-{name}": f"{network.INTERNET}/edge-{name}.sock" for name in self.regions}
        sockets["login"] = f"{network.INTERNET}/login.sock"
        chosen = host.ports(self.checkout, sockets)
        return {name: (chosen[name], path) for name, path in sockets.items()}


def instance(checkout: Checkout) -> str:
    """Six hexadecimal digits that name this checkout among all on the machine."""
    return hashlib.sha256(str(checkout.root.resolve()).encode()).hexdigest()[:6]


def prepare(checkout: Checkout, on_progress: OnProgress) -> Prepared:
    """Builds programs, root filesystem and images that the cache lacks: half an hour the first time, a second after."""
    root = machine_root(checkout, lambda line: on_progress("machines", line))
    programs = build(checkout, on_progress)
    images = build_images(checkout, programs, lambda line: on_progress("images", line))
    return Prepared(programs, root, images)


def start_machines(local: Local, prepared: Prepared, emulator_port: int, on_progress: OnProgress) -> None:
    """Networks, the internet, the relays and both regions; what runs already is left alone."""
    machines = [local.machine(name) for name in (network.INTERNET, host.HOST, *local.regions)]
    if not any(machine.process() for machine in machines):
        network.create(local.instance, local.addresses)
    else:
        for name in local.regions:
            if local.machine(name).process() is None:
                network.create_region(local.instance, local.addresses, name)
    outside = local.machine(network.INTERNET)
    edges = {name: local.addresses.regions[name].node for name in local.regions}
    outside.start(internet.spec(local.checkout, outside, prepared.root, local.addresses, edges=edges, platform=local.whole))
    relays = local.machine(host.HOST)
    if relays.process() is None:
        host.give_up_taken_ports(local.checkout)
    relays.start(host.spec(relays, prepared.root, local.relays(), emulator_port))
    pushed = registry.push(outside, prepared.images, lambda line: on_progress("registry", line))
    on_progress("registry", f"{len(prepared.images)} images, {pushed} of them new")
    unpacked = unpacked_images.unpack(outside, prepared.images, lambda line: on_progress("images", line))
    stages = _kwok_stages(local.checkout)
    for name in local.regions:
        machine = local.machine(name)
        specification = region.spec(
            local.checkout, machine, local.platform.clusters[name], prepared.root, prepared.programs,
            pause_image=prepared.images["pause"].reference, hosts=internet.hosts(local.addresses),
            internet_ca=internet.own_authority(outside).certificate_pem, kwok_configuration=stages,
            unpacked=unpacked,
        )  # fmt: skip
        machine.start(specification)
        write_kubeconfig(local, name, specification.files["/etc/kubernetes/admin.conf"])


def write_kubeconfig(local: Local, name: str, inside: bytes) -> Path:
    """The engineer's kubeconfig, through the loopback relay."""
    port = local.relays()[f"api-{name}"][0]
    path = kubeconfig_path(local, name)
    direct = f"https://{local.addresses.regions[name].node}:6443"
    certificates.write_secret(path, inside.replace(direct.encode(), f"https://127.0.0.1:{port}".encode()))
    return path


def kubeconfig_path(local: Local, name: str) -> Path:
    """Where a region's kubeconfig is."""
    return local.checkout.embedded / f"{name}.kubeconfig"


def cluster_of(local: Local, name: str, programs: Mapping[str, Path]) -> Kubernetes:
    """A region's API server."""
    return Kubernetes(programs["kubectl"], kubeconfig_path(local, name))


def _kwok_stages(checkout: Checkout) -> bytes:
    """The life of pretended nodes and pods, as kwok's own module describes it, and what we add."""
    folder = kwok_folder(checkout)
    paths = [*(folder / name for name in KWOK_STAGES), checkout.root / "clusters/embedded/node/pretended-pods.yaml"]
    return b"\n---\n".join(path.read_bytes() for path in paths)


def open_local(checkout: Checkout, platform: Platform | None = None) -> Local:
    """The embedded platform of a checkout, whether it runs or not; `platform` spares reading the inventory once more."""
    return Local(
        checkout, platform or inventory.load(checkout.root), region.read_addresses(checkout), candidate_records.read_candidates(checkout)
    )


def pause(local: Local, on_progress: OnProgress) -> None:
    """Stops every machine as a shutdown would; what they keep stays for `resume`."""
    for name in (*local.regions, host.HOST, network.INTERNET):
        if local.machine(name).stop():
            on_progress(name, "stopped")


def resume(checkout: Checkout, on_progress: OnProgress) -> None:
    """Starts every machine again with what it kept, after `pause` or after the computer itself was restarted."""
    local = open_local(checkout, inventory.load(checkout.root))
    running, _ = emulator.ensure_running(checkout)
    start_machines(local, prepare(checkout, on_progress), running.port, on_progress)


def remove(local: Local, on_progress: OnProgress) -> None:
    """Ends every machine at once and takes away all it left; safe to repeat, whatever state things are in.

    Raises `MachineError` naming what is left over.
    """
    for name in (*local.regions, host.HOST, network.INTERNET):
        machine = local.machine(name)
        if machine.kill():
            on_progress(name, "ended")
        machine.forget()
    network.remove(local.instance)
    cgroups.remove(local.instance)
    shutil.rmtree(machines.RUNTIME / local.instance, ignore_errors=True)
    for name in local.regions:
        kubeconfig_path(local, name).unlink(missing_ok=True)
    deadline = time.monotonic() + _ENDING_SECONDS
    while (left := left_over(local)) and time.monotonic() < deadline:
        time.sleep(0.2)
    if left:
        raise MachineError("the embedded regions left something behind:\n" + "\n".join(left))


def left_over(local: Local) -> list[str]:
    """Namespaces, control groups, folders, mounts and processes of this checkout's machines that exist now."""
    found = [f"network namespace {name}" for name in network.present(local.instance)]
    found += [f"control group {path}" for path in cgroups.present(local.instance)]
    if (machines.RUNTIME / local.instance).exists():
        found.append(f"folder {machines.RUNTIME / local.instance}")
    folder = str(local.checkout.embedded / "machines")
    found += [f"mount {line.split()[1]}" for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines() if folder in line]
    found += [f"process {pid}: {tools.command_line(pid)}" for pid in tools.mentioning(folder)]
    return found
