"""A push is told to every region, again when a region did not hear it, and whoever pushes waits for none that is down."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tidegate.checkout import Checkout
from tidegate.embedded.delivery import git_server
from tidegate.embedded.delivery.git_server import Follower
from tidegate.embedded.machines.machines import Machine
from tidegate.live.kubernetes import Kubernetes

FRAUD = "gitops/rendered/live-1/tenants/fraud"
FOLDERS = {
    "tenant-fraud": FRAUD, "guard-rails-fraud": FRAUD, "add-on-knative": "gitops/add-ons/live-1/knative",
    "add-on-knative-gateway": "gitops/add-ons/live-1/knative-gateway",
}  # fmt: skip
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


def push(internet: Machine, folder: str = FRAUD) -> None:
    path = git_server.worktree(internet) / folder / "file.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(time.monotonic()))
    assert git_server.commit(internet, "Change a file")


def test_push_is_told_once_and_at_once(internet: Machine, tmp_path: Path) -> None:
    git_server.tell_on_push(internet, [Follower(kubectl(tmp_path, heard=True), FOLDERS)])
    push(internet)
    told = (tmp_path / "told").read_text().splitlines()
    assert len(told) == 1
    assert told[0].endswith(
        "annotate applications.argoproj.io guard-rails-fraud tenant-fraud --namespace=argocd --overwrite argocd.argoproj.io/refresh=normal"
    )


def test_variables_of_another_repository_lead_nowhere(internet: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_TEMPLATE_DIR",
        "GIT_NAMESPACE",
        "GIT_EXEC_PATH",
    ):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    push(internet)
    again = Machine(Checkout(tmp_path / "second"), "abcdef", "internet")
    git_server.open_worktree(again)
    push(again)
    assert not (tmp_path / "elsewhere").exists()


def test_push_is_told_to_who_reads_what_it_changed(internet: Machine, tmp_path: Path) -> None:
    git_server.tell_on_push(internet, [Follower(kubectl(tmp_path, heard=True), FOLDERS)])
    push(internet)
    push(internet, "gitops/add-ons/live-1/knative")
    push(internet, "gitops/rendered/live-2/tenants/fraud")
    told = [line.split("argoproj.io ")[1].split(" --")[0] for line in (tmp_path / "told").read_text().splitlines()]
    assert told == ["guard-rails-fraud tenant-fraud", "add-on-knative"], "live-2's folder is read by others"


def test_region_that_did_not_hear_is_told_again_until_it_does(internet: Machine, tmp_path: Path) -> None:
    git_server.tell_on_push(internet, [Follower(kubectl(tmp_path, heard=False), FOLDERS)])
    push(internet)
    assert len((tmp_path / "told").read_text().splitlines()) == 1, "the push waited for the further tries"
    (tmp_path / "heard").touch()
    deadline = time.monotonic() + 10
    while len((tmp_path / "told").read_text().splitlines()) < 2:
        assert time.monotonic() < deadline, "the region was not told again"
        time.sleep(0.05)
    time.sleep(0.6)
    assert len((tmp_path / "told").read_text().splitlines()) == 2, "told again although it had heard"
