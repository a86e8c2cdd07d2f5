"""A push is told to every region, again when a region did not hear it, and whoever pushes waits for none that is down."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tidegate.operations.checkout import Checkout
from tidegate.operations.local import git_server
from tidegate.operations.local.kubernetes import Kubernetes
from tidegate.operations.local.machines import Machine

KUBECTL = """#!/bin/sh
echo "$*" >>{told}
test -e {heard}
"""


@pytest.fixture
def internet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(git_server, "_PAUSES", "0.2 0.2 0.2 0.2")
    machine = Machine(Checkout(tmp_path), "abcdef", "internet")
    git_server.open_worktree(machine)
    return machine


def kubectl(folder: Path, *, heard: bool) -> Kubernetes:
    told, sign, program = folder / "told", folder / "heard", folder / "kubectl"
    told.touch()
    if heard:
        sign.touch()
    program.write_text(KUBECTL.format(told=told, heard=sign))
    program.chmod(0o755)
    return Kubernetes(program, folder / "live-1.kubeconfig")


def push(internet: Machine) -> None:
    (git_server.worktree(internet) / "file").write_text(str(time.monotonic()))
    assert git_server.commit(internet, "Change a file")


def test_push_is_told_once_and_at_once(internet: Machine, tmp_path: Path) -> None:
    git_server.tell_on_push(internet, [kubectl(tmp_path, heard=True)])
    push(internet)
    told = (tmp_path / "told").read_text().splitlines()
    assert len(told) == 1
    assert told[0].endswith("annotate applications.argoproj.io --all --namespace=argocd --overwrite argocd.argoproj.io/refresh=normal")


def test_region_that_did_not_hear_is_told_again_until_it_does(internet: Machine, tmp_path: Path) -> None:
    git_server.tell_on_push(internet, [kubectl(tmp_path, heard=False)])
    push(internet)
    assert len((tmp_path / "told").read_text().splitlines()) == 1, "the push waited for the further tries"
    (tmp_path / "heard").touch()
    deadline = time.monotonic() + 10
    while len((tmp_path / "told").read_text().splitlines()) < 2:
        assert time.monotonic() < deadline, "the region was not told again"
        time.sleep(0.05)
    time.sleep(0.6)
    assert len((tmp_path / "told").read_text().splitlines()) == 2, "told again although it had heard"
