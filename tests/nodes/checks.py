"""What holds on every node of a cluster, a machine of the embedded region and a server of production alike.

Where a node keeps its files is read from the kubelet's own arguments.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any, cast

import yaml
from testinfra.host import Host

KUBELET, KUBELET_READ_ONLY = 10250, 10255
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"


def argument(host: Host, name: str) -> str:
    """The value of one of the kubelet's arguments."""
    (kubelet,) = processes(host, comm="kubelet")
    words = str(kubelet.args).replace("=", " ").split()
    return words[words.index(f"--{name}") + 1]


def processes(host: Host, **wanted: str) -> list[Any]:
    """The node's processes, those in pods included."""
    return list(cast("Any", host).process.filter(**wanted))


def file(host: Host, path: str) -> Any:
    return cast("Any", host).file(path)


def listening(host: Host) -> set[int]:
    """TCP ports on which something listens for others than the node itself."""
    ports: set[int] = set()
    for one in cast("list[str]", cast("Any", host).socket.get_listening_sockets()):
        kind, _, where = one.partition("://")
        address, _, port = where.rpartition(":")
        if kind == "tcp" and not (address and ipaddress.ip_address(address.strip("[]")).is_loopback):
            ports.add(int(port))
    return ports


def runtime_and_kubelet_run_as_root(host: Host) -> None:
    for name in ("kubelet", "containerd"):
        users = {one.user for one in processes(host, comm=name)}
        assert users == {"root"}, f"{name} is run by {', '.join(sorted(users)) or 'nobody'}"


def kubelet_is_asked_over_tls_only(host: Host) -> None:
    ports = listening(host)
    assert KUBELET in ports, f"nothing listens on {KUBELET}; on others: {sorted(ports)}"
    assert KUBELET_READ_ONLY not in ports, f"the kubelet answers anybody on {KUBELET_READ_ONLY}"


def kubelet_lets_nobody_in_without_a_name(host: Host) -> None:
    # Its file is YAML or JSON, and JSON is YAML.
    settings = yaml.safe_load(file(host, argument(host, "config")).content_string)
    assert settings["authentication"]["anonymous"]["enabled"] is False, "authentication.anonymous.enabled"
    assert settings["authorization"]["mode"] == "Webhook", f"authorization.mode is {settings['authorization']['mode']}"
    assert settings.get("readOnlyPort", 0) == 0, f"readOnlyPort is {settings['readOnlyPort']}"


def kubelets_files_are_roots(host: Host) -> None:
    for name, others in (("config", 0o022), ("kubeconfig", 0o077)):
        found = file(host, argument(host, name))
        assert (found.user, found.group) == ("root", "root"), f"{found.path} is {found.user}'s and {found.group}'s"
        assert not found.mode & others, f"{found.path} is {found.mode:o}"


def private_keys_are_read_by_root_only(host: Host) -> None:
    """Keys and kubeconfigs below /etc/kubernetes and /var/lib/kubelet, but for what is mounted into pods."""
    command = r"""find /etc/kubernetes /var/lib/kubelet -xdev -path /var/lib/kubelet/pods -prune -o -type f \( """
    command += (
        r"""-name '*.key' -o -name '*.conf' -o -name '*.password' -o -name kubeconfig -o -name encryption.yaml \) -printf '%m %u %p\n'"""
    )
    found = [line.split(" ", 2) for line in host.check_output(command).splitlines()]
    assert found, "no keys found"
    loose = [f"{path} is {user}'s, {mode}" for mode, user, path in found if int(mode, 8) & 0o077 or user != "root"]
    assert not loose, "; ".join(loose)


def runtimes_socket_is_roots(host: Host) -> None:
    socket = file(host, CONTAINERD_SOCKET)
    assert socket.is_socket, f"no socket {CONTAINERD_SOCKET}"
    assert (socket.user, socket.mode & 0o007) == ("root", 0), f"{CONTAINERD_SOCKET} is {socket.user}'s, {socket.mode:o}"


def packets_are_forwarded(host: Host) -> None:
    assert cast("Any", host).sysctl("net.ipv4.ip_forward") == 1, "pods of other nodes are not reached"


def runtime_is_a_package(host: Host) -> None:
    for name in ("containerd", "runc"):
        assert cast("Any", host).package(name).is_installed, f"{name} did not come from a package, so no update reaches it"


CHECKS: tuple[Callable[[Host], None], ...] = (
    runtime_and_kubelet_run_as_root,
    kubelet_is_asked_over_tls_only,
    kubelet_lets_nobody_in_without_a_name,
    kubelets_files_are_roots,
    private_keys_are_read_by_root_only,
    runtimes_socket_is_roots,
    packets_are_forwarded,
    runtime_is_a_package,
)
