"""A region that starts again gets a network namespace of its own, whatever its last machine left behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tidegate import tools
from tidegate.embedded import machine_needs
from tidegate.embedded.machines import network
from tidegate.embedded.machines.facts import Addresses, RegionAddresses

pytestmark = pytest.mark.skipif(bool(machine_needs.lacking()), reason="this machine cannot make network namespaces")

ADDRESSES = Addresses(
    link="172.31.251.0/24",
    internet="172.31.251.1",
    regions={
        name: RegionAddresses(node=f"172.31.251.{number}", pods=f"10.{number}.0.0/16", services=f"10.{number + 100}.0.0/16", pretended_pods=f"10.{number + 50}.0.0/20")
        for name, number in (("live-1", 11), ("live-2", 12))
    },
)  # fmt: skip


@pytest.fixture
def instance() -> Iterator[str]:
    """Two regions and the internet, under a name that no checkout has."""
    name = f"test-{os.getpid()}"
    network.create(name, ADDRESSES)
    yield name
    network.remove(name)


def routes(instance: str, machine: str) -> str:
    return tools.run(["ip", "-n", network.namespace(instance, machine), "route"]).stdout


def ports(instance: str) -> list[str]:
    """What is plugged into the bridge of the internet."""
    printed = tools.run(["ip", "-n", network.namespace(instance, network.INTERNET), "-brief", "link", "show", "master", "link0"]).stdout
    return [line.split("@")[0] for line in printed.splitlines()]


def test_routes_of_dead_pods_are_gone_and_the_other_region_is_left_alone(instance: str) -> None:
    for machine in ("live-1", "live-2"):
        tools.run(["ip", "-n", network.namespace(instance, machine), "route", "add", "10.11.0.7", "dev", "eth0"])
    # A process of the old machine that lingers keeps the old namespace, and the old link with it.
    old = network.namespace_path(instance, "live-1")
    with subprocess.Popen(["nsenter", f"--net={old}", "sleep", "60"]) as lingering:
        try:
            network.create_region(instance, ADDRESSES, "live-1")
            assert "10.11.0.7" not in routes(instance, "live-1")
            assert "default via 172.31.251.1" in routes(instance, "live-1")
            assert "10.11.0.7" in routes(instance, "live-2")
            assert sorted(ports(instance)) == ["live-1", "live-2"]
        finally:
            lingering.kill()


def test_region_is_reached_from_the_internet_after_it_was_made_anew(instance: str) -> None:
    network.create_region(instance, ADDRESSES, "live-1")
    serve = "import socket; s = socket.create_server(('172.31.251.11', 8080)); print('ready', flush=True); s.accept()[0].sendall(b'here')"
    ask = "import socket; print(socket.create_connection(('172.31.251.11', 8080), timeout=5).recv(9).decode())"
    inside = ["nsenter", f"--net={network.namespace_path(instance, 'live-1')}", "python3", "-c", serve]
    with subprocess.Popen(inside, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            assert server.stdout.readline() == "ready\n"
            outside = ["nsenter", f"--net={network.namespace_path(instance, network.INTERNET)}", "python3", "-c", ask]
            assert tools.run(outside, timeout_seconds=20).stdout == "here\n"
        finally:
            server.kill()


def test_link_that_the_kernel_takes_away_meanwhile_is_no_failure(instance: str, monkeypatch: pytest.MonkeyPatch) -> None:
    really = tools.run

    def run(command: list[str], **options: Any) -> tools.Finished:
        done = really(command, **options)
        if command[-2:] == ["type", "veth"]:  # seen, and gone before it is deleted
            really(["ip", "-n", network.namespace(instance, network.INTERNET), "link", "delete", "live-1"])
        return done

    with subprocess.Popen(["nsenter", f"--net={network.namespace_path(instance, 'live-1')}", "sleep", "60"]) as lingering:
        try:
            monkeypatch.setattr(tools, "run", run)
            network.create_region(instance, ADDRESSES, "live-1")
        finally:
            lingering.kill()
    assert sorted(ports(instance)) == ["live-1", "live-2"]
