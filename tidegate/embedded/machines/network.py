"""Network namespaces: one per region and one that stands for the internet, joined to each other and to nothing else.

No interface leads out of them, so nothing that runs inside can reach this machine's network, whatever its routes say.
"""

from __future__ import annotations

from pathlib import Path

from tidegate import tools
from tidegate.embedded.machines.facts import Addresses
from tidegate.errors import ToolError

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
    tools.run(["ip", "netns", "add", namespace(instance, INTERNET)])
    _ip(instance, INTERNET, "link set lo up", "link add link0 type bridge", "link set link0 up")
    _ip(instance, INTERNET, f"addr add {addresses.internet}/{prefix} dev link0")
    for name in addresses.regions:
        create_region(instance, addresses, name)


def create_region(instance: str, addresses: Addresses, name: str) -> None:
    """Makes the namespace of one region again and joins it to `INTERNET`, which must be there. The region's machine must not run.

    The pods of a machine that died leave links and routes behind for some seconds, and CNI takes "route exists" for success: in
    the old namespace a new pod would lose its route when the old link goes.
    """
    region, prefix = addresses.regions[name], addresses.link.rsplit("/", 1)[1]
    internet, own = namespace(instance, INTERNET), namespace(instance, name)
    if own in present(instance):
        tools.run(["ip", "netns", "delete", own])
    if name in tools.run(["ip", "-n", internet, "-brief", "link", "show", "type", "veth"]).stdout.replace("@", " ").split():
        _delete_link(instance, name)  # it outlives its peer as long as something holds the old namespace
    tools.run(["ip", "netns", "add", own])
    tools.run(["ip", "link", "add", name, "netns", internet, "type", "veth", "peer", "name", "eth0", "netns", own])
    _ip(instance, INTERNET, f"link set {name} master link0 up")
    # kubelet and kube-proxy want a default route; it ends in a namespace that forwards nothing.
    _ip(instance, name, "link set lo up", "link set eth0 up", f"addr add {region.node}/{prefix} dev eth0")
    _ip(instance, name, f"route add default via {addresses.internet}")
    tools.run(["nsenter", f"--net={namespace_path(instance, name)}", "sysctl", "-qw", "net.ipv4.ip_forward=1"])


def _delete_link(instance: str, name: str) -> None:
    try:
        _ip(instance, INTERNET, f"link delete {name}")
    except ToolError as error:  # the kernel takes links of a namespace that is gone away at a time of its own, such as just now
        if "Cannot find device" not in error.stderr:
            raise


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
