"""The machine that stands for the internet: image registry, Git server, token issuer and the way to the emulated AWS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tidegate.checkout import Checkout, cache_folder
from tidegate.embedded.fleet.region import hosts_file
from tidegate.embedded.identity import certificates, pki, token_issuer
from tidegate.embedded.machines.facts import Addresses, SupervisedProgram, SupervisedPrograms
from tidegate.embedded.machines.machines import Machine, MachineSpec
from tidegate.embedded.machines.network import INTERNET
from tidegate.embedded.machines.supervision import fill, filled
from tidegate.facts.inventory.read import read_fact
from tidegate.facts.platform import Platform

FOLDER = Path("clusters/embedded/network")
_ISSUER = Path("clusters/embedded/issuer")

REGISTRY_HOST = "registry.example.com"
GIT_HOST = "git.example.com"
LOGIN_HOST = "login.example.com"
S3_HOST = "s3.emulated.example.com"

HOSTS = (REGISTRY_HOST, GIT_HOST, LOGIN_HOST, S3_HOST)
"""Names that everything inside resolves to the internet machine. All but the last are those of production."""


def hosts(addresses: Addresses) -> dict[str, str]:
    """Host names and the address that answers for them."""
    return dict.fromkeys(HOSTS, addresses.internet)


def own_authority(machine: Machine) -> certificates.KeyPair:
    """The authority that every machine and pod trusts for the internet's names and the edge's hosts."""
    return pki.open_authority(machine.folder / "pki", "internet-ca")


def spec(
    checkout: Checkout, machine: Machine, root: Path, addresses: Addresses, *, edges: Mapping[str, str], platform: Platform
) -> MachineSpec:
    """The internet machine. `edges` names each region's edge and the address it has.

    Tells the token issuer about the callers in `platform` at once, also when the machine runs.
    """
    ca = own_authority(machine)
    front = certificates.issue(ca, REGISTRY_HOST, hosts=HOSTS)
    values = {"internet_address": addresses.internet}
    folder = checkout.root / FOLDER
    programs = dict(filled(read_fact(checkout.root, FOLDER / "internet.yaml", SupervisedPrograms).programs, values))
    for region, address in sorted(edges.items()):
        programs[f"relay-edge-{region}"] = SupervisedProgram(
            command=("/usr/bin/socat", f"UNIX-LISTEN:/run/host/edge-{region}.sock,fork,unlink-early,mode=600", f"TCP:{address}:443,nodelay")
        )
    registry = cache_folder() / "registry"
    registry.mkdir(parents=True, exist_ok=True)
    images = cache_folder() / "images"
    images.mkdir(parents=True, exist_ok=True)
    repositories = machine.folder / "git"
    repositories.mkdir(parents=True, exist_ok=True)
    return MachineSpec(
        name=INTERNET,
        root=root,
        programs=programs,
        files={
            "/etc/hosts": hosts_file(hosts(addresses)),
            "/etc/resolv.conf": b"",
            "/etc/machine/front.yaml": fill((folder / "front.yaml").read_text(encoding="utf-8"), values).encode(),
            "/etc/machine/registry.yaml": (folder / "registry.yaml").read_bytes(),
            "/etc/machine/front.crt": front.certificate_pem,
            "/etc/machine/front.key": front.key_pem,
            "/etc/machine/internet-ca.crt": ca.certificate_pem,
            **{f"/etc/machine/issuer/{path.name}": path.read_bytes() for path in sorted((checkout.root / _ISSUER).glob("*.py"))},
        },
        binds={
            "/var/lib/registry": registry, "/srv/git": repositories, "/run/layouts": images,
            "/var/lib/issuer": token_issuer.write_settings(machine.folder, platform),
        },
        namespace=INTERNET,
    )  # fmt: skip
