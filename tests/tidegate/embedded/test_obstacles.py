"""What keeps a region from coming up is named: the part, its own words, and the command that shows more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.tidegate.live.canned_cluster import CannedCluster, Object, application, condition, make, node
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded import obstacles
from tidegate.embedded.fleet.machine_view import ProgramState
from tidegate.embedded.machines.machines import Machine
from tidegate.embedded.obstacles import find_obstacle
from tidegate.errors import MachineError
from tidegate.tools.waiting import Obstacle

ETCD = ProgramState("etcd", "RUNNING", 50, 62, "")


def runs(_machine: Machine) -> tools.ServerProcess | None:
    return tools.itself()


def has_ended(_machine: Machine) -> tools.ServerProcess | None:
    return None


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine that runs, with one program, which is well."""
    monkeypatch.setattr(Machine, "process", runs)
    tell(monkeypatch, ETCD)
    return Machine(Checkout(tmp_path), "abcdef", "live-1")


def tell(monkeypatch: pytest.MonkeyPatch, *programs: ProgramState) -> None:
    def read(_socket: Path) -> tuple[ProgramState, ...]:
        return programs

    monkeypatch.setattr(obstacles, "read_programs", read)


def platform_pod(*, ready: bool = False, scheduled: bool = True, **container: Any) -> Object:
    status = {
        "phase": "Running",
        "conditions": [condition("Ready", ready), condition("PodScheduled", scheduled, message="" if scheduled else "Insufficient memory")],
        "containerStatuses": [{"name": "vault", "ready": ready, **container}],
    }
    return make("v1", "Pod", "vault-0", "vault", status=status)


def found(machine: Machine, *objects: Object, logs: dict[str, str] | None = None) -> Obstacle | None:
    return find_obstacle(machine, CannedCluster(objects, logs))


WELL = [node(), application("root"), platform_pod(ready=True)]


def test_region_that_is_well_has_none(machine: Machine) -> None:
    assert found(machine, *WELL) is None


def test_machine_that_has_ended_comes_first_and_ends_the_wait(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Machine, "process", has_ended)
    obstacle = found(machine, *WELL)
    assert obstacle
    assert obstacle.ends_now
    assert str(obstacle) == "machine live-1 has ended; see `tidegate local logs live-1/machine`, then run `tidegate up` again"


def test_program_that_does_not_stay_up_is_told_with_its_last_words(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.logs.mkdir(parents=True)
    (machine.logs / "etcd.log").write_text("starting\nbind: address already in use\n")
    tell(monkeypatch, replace(ETCD, state="BACKOFF", problem="ended with exit code 1"))
    obstacle = found(machine, *WELL)
    assert obstacle
    assert not obstacle.passes
    assert str(obstacle) == (
        "etcd does not stay up (ended with exit code 1): bind: address already in use; see `tidegate local logs live-1/etcd`"
    )


def test_supervisor_that_does_not_answer_is_told(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_socket: Path) -> tuple[ProgramState, ...]:
        raise MachineError("the supervisor behind x does not answer: timed out")

    monkeypatch.setattr(obstacles, "read_programs", refuse)
    assert str(found(machine, *WELL)) == "the supervisor behind x does not answer: timed out; see `tidegate local logs live-1/supervisord`"


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        ([], "the node has not registered; see `tidegate local logs live-1/kubelet`"),
        ([node(ready=False)], "the node is not ready: Kubelet stopped posting node status.; see `tidegate local logs live-1/kubelet`"),
    ],
    ids=["no-node", "node-not-ready"],
)
def test_node_is_told_before_what_runs_on_it(machine: Machine, objects: list[Object], said: str) -> None:
    assert str(found(machine, *objects, platform_pod())) == said


def test_pretended_nodes_are_no_obstacle(machine: Machine) -> None:
    assert found(machine, *WELL, node("kwok-1", ready=False, fake=True)) is None


def test_api_server_that_does_not_answer_may_pass(machine: Machine) -> None:
    obstacle = find_obstacle(machine, CannedCluster([], down=True))
    assert obstacle
    assert obstacle.passes
    assert obstacle.cause == "the API server is not ready"


CRASHED: Any = {"restartCount": 4, "lastState": {"terminated": {"exitCode": 2, "reason": "Error"}}}


def test_crashing_pod_is_told_with_its_last_line_before_one_that_starts(machine: Machine) -> None:
    starting = make("v1", "Pod", "argocd-repo-server", "argocd", status={"phase": "Pending", "conditions": []})
    logs = {"vault-0/vault": "", "vault-0/vault --previous": "starting\ndial tcp 10.102.0.1:443: no route to host"}
    obstacle = found(machine, node(), starting, platform_pod(**CRASHED), logs=logs)
    assert obstacle
    assert not obstacle.passes
    assert obstacle.cause == (
        "container vault of pod vault/vault-0 crashes (exit code 2, 4 restarts): dial tcp 10.102.0.1:443: no route to host"
    )
    assert obstacle.command == "see `kubectl -n vault logs vault-0 -c vault --previous`"


@pytest.mark.parametrize(
    ("pod", "said", "passes"),
    [
        (platform_pod(state={"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}), "container vault of pod vault/vault-0 cannot be started: not found", False),
        (platform_pod(scheduled=False), "no node takes pod vault/vault-0: Insufficient memory", False),
        (platform_pod(state={"waiting": {"reason": "ContainerCreating"}}), "pod vault/vault-0 is starting", True),
        (platform_pod(state={"running": {}}), "pod vault/vault-0 is starting", True),
    ],
    ids=["image", "no-room", "creating", "not-ready-yet"],
)  # fmt: skip
def test_pod_is_told_and_whether_it_may_pass(machine: Machine, pod: Object, said: str, passes: bool) -> None:
    obstacle = found(machine, node(), pod)
    assert obstacle
    assert (obstacle.cause, obstacle.passes) == (said, passes)


def test_argo_cd_that_says_nothing_of_the_root_is_told(machine: Machine) -> None:
    obstacle = found(machine, node(), application("root", sync="Unknown", health="Unknown"))
    assert obstacle
    assert not obstacle.passes
    assert str(obstacle) == (
        "Argo CD has not compared the root Application with Git yet; see `kubectl -n argocd logs statefulset/argocd-application-controller`"
    )


def test_refused_application_is_told_in_argo_cds_words(machine: Machine) -> None:
    refused = application(
        "add-on-vault", sync="OutOfSync", operationState={"phase": "Failed", "message": "one or more objects failed to apply: quota"}
    )
    assert str(found(machine, node(), application("root"), refused)) == (
        "Application add-on-vault is not applied: one or more objects failed to apply: quota; see `tidegate status`"
    )
