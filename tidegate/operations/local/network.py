"""Network namespaces: one per region and one that stands for the internet, joined to each other and to nothing else.

No interface leads out of them, so nothing that runs inside can reach this machine's network, whatever its routes say.
"""

from __future__ import annotations

from pathlib import Path

from tidegate import tools
from tidegate.model.machine import Addresses

INTERNET = "internet"
"""The namespace where clients, the emulated AWS, the image registry and the Git server are reached."""

_NAMESPACES = Path("/run/netns")


def namespace(instance: str, machine: str) -> str:
    """The network namespace of a machine; the instance keeps two checkouts apart."""
    return f"tidegate-{instance}-{machine}"


def namespace_path(instance: str, machine: str) -> Path:
    """Where that namespace is pinned."""
    return _NAMESPACES / namespace(instance, machine)


def create(instance: str, addresses: Addresses) -> None:
    """Makes every namespace and joins them; what is there from before is removed first."""
    remove(instance)
    prefix = addresses.link.rsplit("/", 1)[1]
    internet = namespace(instance, INTERNET)
    for machine in (INTERNET, *addresses.regions):
        tools.run(["ip", "netns", "add", namespace(instance, machine)])
        _ip(instance, machine, "link set lo up")
    _ip(instance, INTERNET, "link add link0 type bridge", "link set link0 up", f"addr add {addresses.internet}/{prefix} dev link0")
    for name, region in addresses.regions.items():
        own = namespace(instance, name)
        tools.run(["ip", "link", "add", name, "netns", internet, "type", "veth", "peer", "name", "eth0", "netns", own])
        _ip(instance, INTERNET, f"link set {name} master link0 up")
        # kubelet and kube-proxy want a default route; it ends in a namespace that forwards nothing.
        _ip(instance, name, "link set eth0 up", f"addr add {region.node}/{prefix} dev eth0", f"route add default via {addresses.internet}")
        tools.run(["nsenter", f"--net={namespace_path(instance, name)}", "sysctl", "-qw", "net.ipv4.ip_forward=1"])


def remove(instance: str) -> list[str]:
    """Deletes every namespace of the instance and returns their names; links and rules in them go with them."""
    removed = present(instance)
    for name in removed:
        tools.run(["ip", "netns", "delete", name])
    return removed


def present(instance: str) -> list[str]:
    """Namespaces of the instance that exist."""
    return sorted(path.name for path in _NAMESPACES.glob(f"tidegate-{instance}-*"))


def _ip(instance: str, machine: str, *commands: str) -> None:
    for command in commands:
        tools.run(["ip", "-n", namespace(instance, machine), *command.split()])
