"""A region: one machine that is control plane and node of a real Kubernetes cluster."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path

from tidegate.checkout import Checkout
from tidegate.embedded.identity import pki
from tidegate.embedded.machines import cgroups
from tidegate.embedded.machines.facts import Addresses, RegionAddresses, SupervisedPrograms
from tidegate.embedded.machines.machines import Machine, MachineSpec
from tidegate.embedded.machines.supervision import fill, filled
from tidegate.facts.cluster import Cluster
from tidegate.facts.inventory.read import read_fact

NODE_FOLDER = Path("clusters/embedded/node")
ADDRESSES = Path("clusters/embedded/network/addresses.yaml")

_FILES = {
    "/etc/kubernetes/kubelet.yaml": "kubelet.yaml",
    "/etc/kubernetes/kube-proxy.yaml": "kube-proxy.yaml",
    "/etc/kubernetes/audit-policy.yaml": "audit-policy.yaml",
    "/etc/kubernetes/admission.yaml": "admission.yaml",
    "/etc/kubernetes/encryption.yaml": "encryption.yaml",
    "/etc/containerd/config.toml": "containerd.toml",
    "/etc/containerd/certs.d/registry.example.com/hosts.toml": "registry-hosts.toml",
    "/etc/cni/net.d/10-pods.conflist": "cni.conflist",
    "/etc/machine/sidecar-ports.nft": "sidecar-ports.nft",
}
_BINARIES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kwok")
_KEPT = ("/var/lib/etcd", "/var/lib/kubelet", "/var/lib/containerd", "/var/log/kubernetes", "/var/log/pods", "/var/lib/vault")


API, DNS, PROMETHEUS = 1, 10, 90
"""Fixed places in the service range. 1 is where Kubernetes puts its own API; the others only have to be free."""


def node_name(region: str) -> str:
    """The one real node of a region."""
    return f"{region}-node-1"


def service_address(addresses: RegionAddresses, number: int) -> str:
    """The `number`-th address of the service range."""
    return str(IPv4Network(addresses.services)[number])


def read_addresses(checkout: Checkout) -> Addresses:
    """The embedded platform's addresses."""
    return read_fact(checkout.root, ADDRESSES, Addresses)


def spec(
    checkout: Checkout, machine: Machine, cluster: Cluster, root: Path, binaries: Mapping[str, Path], *, pause_image: str,
    hosts: Mapping[str, str], internet_ca: bytes, kwok_configuration: bytes, unpacked: Path,
) -> MachineSpec:  # fmt: skip
    """The machine of a region. `hosts` are names the node itself must resolve: registry and Git server; `unpacked` holds its images."""
    addresses = read_addresses(checkout).regions[cluster.name]
    keys = machine.folder / "pki"
    values = {
        "region": cluster.name,
        "node_name": node_name(cluster.name),
        "node_address": addresses.node,
        "pods": addresses.pods,
        "services": addresses.services,
        "pretended_pods": addresses.pretended_pods,
        "dns_address": service_address(addresses, DNS),
        "prometheus_address": service_address(addresses, PROMETHEUS),
        "aws_region": cluster.region,
        "zone": cluster.network.availability_zones[0],
        "cgroup": f"{cgroups.group(machine.instance, machine.name)}/pods",
        "pause_image": pause_image,
        "encryption_key": pki.encryption_key(keys),
    }
    identities = pki.RegionNames(cluster.name, node_name(cluster.name), addresses.node, service_address(addresses, API))
    folder = checkout.root / NODE_FOLDER
    files = {
        **pki.region_files(keys, identities),
        **{path: fill((folder / name).read_text(encoding="utf-8"), values).encode() for path, name in _FILES.items()},
        "/etc/kubernetes/pki/internet-ca.crt": internet_ca,
        "/etc/kubernetes/kwok.yaml": kwok_configuration,
        "/etc/hosts": hosts_file({**hosts, node_name(cluster.name): addresses.node}),
        "/etc/resolv.conf": b"",
    }
    programs = read_fact(checkout.root, NODE_FOLDER / "programs.yaml", SupervisedPrograms).programs
    return MachineSpec(
        name=cluster.name,
        root=root,
        programs=filled(programs, values),
        files=files,
        binds={
            **{f"/opt/bin/{name}": binaries[name] for name in _BINARIES},
            "/opt/cni/bin/guarded-ptp": folder.resolve() / "guarded-ptp",
            "/opt/machine/pretended_pods.py": folder.resolve() / "pretended_pods.py",
        },
        folders=_KEPT,
        seeds={"/var/lib/containerd": unpacked},
        namespace=cluster.name,
    )


def hosts_file(names: Mapping[str, str]) -> bytes:
    """/etc/hosts for a machine: itself and `names`."""
    lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in sorted(names.items()))]
    return ("\n".join(lines) + "\n").encode()
