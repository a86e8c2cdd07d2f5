"""A region's node is a node like any other: the checks that production's nodes pass over SSH hold in it, and over SSH, too."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from testinfra.host import Host

from tests.acceptance.running_platform import REGIONS, Running, wait_for
from tests.nodes.checks import CHECKS, KUBELET, listening, private_keys_are_read_by_root_only
from tests.nodes.machine import enter
from tests.root import ROOT
from tidegate import tools

pytestmark = [pytest.mark.timeout(300), pytest.mark.touches(asks=[])]

KNOWN_PORTS = {6443: "API server", 9090: "pretended pods' figures", KUBELET: "kubelet"}
"""Who is reached in a region's machine from other machines and from pods. The edge is a pod."""

SSH_PORT = 2222
SSHD = f"""
Port {SSH_PORT}
ListenAddress 127.0.0.1
HostKey /tmp/ssh/host
AuthorizedKeysFile /tmp/ssh/caller.pub
PasswordAuthentication no
StrictModes no
PidFile /tmp/ssh/sshd.pid
"""


SSH_CLIENT = """
IdentityFile /tmp/ssh/caller
StrictHostKeyChecking no
UserKnownHostsFile /dev/null
ControlMaster no
LogLevel ERROR
"""


@pytest.fixture(scope="module", params=REGIONS)
def node(request: pytest.FixtureRequest, platform: Running) -> Host:
    return enter(platform.local.machine(request.param))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_regions_node_holds(node: Host, check: Callable[[Host], None]) -> None:
    check(node)


@pytest.fixture
def ssh(platform: Running, tmp_path: Path) -> Iterator[Path]:
    """A folder for PATH with an `ssh` that starts inside the first region's machine, in which an SSH server listens meanwhile."""
    machine = platform.local.machine(REGIONS[0])
    host = enter(machine)
    host.check_output("mkdir -p -m 700 /tmp/ssh /run/sshd")
    for key in ("host", "caller"):
        host.check_output(f"ssh-keygen -q -t ed25519 -N '' -f /tmp/ssh/{key}")
    host.check_output("printf %s > /tmp/ssh/config", SSHD)
    host.check_output("printf %s > /tmp/ssh/client", SSH_CLIENT)
    host.check_output("/usr/sbin/sshd -f /tmp/ssh/config")
    program = tmp_path / "ssh"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(machine.inside("ssh"))} "$@"\n')
    program.chmod(0o755)
    try:
        wait_for("the SSH server listens", lambda: host.run("test -s /tmp/ssh/sshd.pid").rc, lambda code: code == 0, 20, 0.2)
        yield tmp_path
    finally:
        host.run("kill $(cat /tmp/ssh/sshd.pid)")
        host.run("rm -rf /tmp/ssh")


def test_same_checks_hold_over_ssh(ssh: Path) -> None:
    """As a platform engineer asks production's nodes; only that the client is inside, since nothing leads in."""
    command = [
        str(ROOT / ".venv/bin/python"), "-m", "pytest", "tests/nodes", "-p", "no:cacheprovider", "-q", f"--hosts=ssh://root@127.0.0.1:{SSH_PORT}",
        "--ssh-config=/tmp/ssh/client",
    ]  # fmt: skip
    told = tools.run(command, cwd=ROOT, env={"PATH": f"{ssh}:{os.environ['PATH']}"}, timeout_seconds=240).stdout
    assert f"{len(CHECKS)} passed" in told


def test_key_that_others_may_read_is_named(node: Host) -> None:
    node.check_output("install -m 644 /dev/null /etc/kubernetes/lost.key")
    try:
        with pytest.raises(AssertionError, match=r"/etc/kubernetes/lost\.key"):
            private_keys_are_read_by_root_only(node)
    finally:
        node.check_output("rm /etc/kubernetes/lost.key")


def test_others_reach_no_port_but_those_that_are_known(node: Host) -> None:
    assert listening(node) - KNOWN_PORTS.keys() == set()
