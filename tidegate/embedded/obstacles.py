"""What keeps a region from coming up, nearest to the cause first: its machine, its programs, its node, its platform's pods."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.embedded.fleet.machine_view import ProgramState, log_files, read_programs, tail
from tidegate.embedded.machines.machines import Machine
from tidegate.errors import MachineError, ToolError
from tidegate.facts import names
from tidegate.live.kubernetes import Kubernetes
from tidegate.live.log_lines import last_line, one_line
from tidegate.live.observation import log_reader, look
from tidegate.live.observed import Application, Node
from tidegate.live.observed_pods import ContainerStatus, Pod
from tidegate.tools.waiting import Obstacle

_FAILING = frozenset({"BACKOFF", "EXITED", "FATAL"})
"""Supervisor's words for a program that does not stay up."""

_WAITS = frozenset({"ContainerCreating", "PodInitializing"})


def find_obstacle(machine: Machine, cluster: Kubernetes) -> Obstacle | None:
    """The first thing found that is not as it must be; None when nothing is."""
    if machine.process() is None:
        return Obstacle(
            f"machine {machine.name}", f"machine {machine.name} has ended", f"see `tidegate local logs {machine.name}/machine`, then run `tidegate up` again",
            ends_now=True,
        )  # fmt: skip
    return _of_programs(machine) or _of_cluster(machine.name, cluster)


def _of_programs(machine: Machine) -> Obstacle | None:
    try:
        programs = read_programs(machine.sockets / "supervisor.sock")
    except MachineError as error:
        return Obstacle(f"supervisor {machine.name}", str(error), f"see `tidegate local logs {machine.name}/supervisord`")
    failing = [one for one in programs if one.state in _FAILING]
    return _of_program(machine, failing[0]) if failing else None


def _of_program(machine: Machine, program: ProgramState) -> Obstacle:
    path = log_files(machine).get(program.name)
    line = last_line("\n".join(tail(path, 20))) if path else ""
    problem = program.problem or program.state.lower()
    return Obstacle(
        f"program {program.name}", f"{program.name} does not stay up ({problem}): {line or 'it left no log'}",
        f"see `tidegate local logs {machine.name}/{program.name}`",
    )  # fmt: skip


def _of_cluster(region: str, cluster: Kubernetes) -> Obstacle | None:
    if not cluster.is_ready():
        return Obstacle("API server", "the API server is not ready", f"see `tidegate local logs {region}/kube-apiserver`", passes=True)
    try:
        seen = look(cluster, [Node, Pod, Application])
    except ToolError as error:
        return Obstacle("API server", one_line(error.stderr), f"see `tidegate local logs {region}/kube-apiserver`", passes=True)
    return (
        _of_node(region, seen.of(Node))
        or of_pods([pod for pod in seen.of(Pod) if names.KSERVE_LABEL_MODEL not in pod.metadata.labels], cluster)
        or of_applications(seen.of(Application))
    )


def _of_node(region: str, nodes: Sequence[Node]) -> Obstacle | None:
    real = [node for node in nodes if not node.is_fake]
    if not real:
        return Obstacle("node", "the node has not registered", f"see `tidegate local logs {region}/kubelet`")
    judged = real[0].status.find("Ready")
    if judged.status == "True":
        return None
    return Obstacle("node", f"the node is not ready: {one_line(judged.message)}", f"see `tidegate local logs {region}/kubelet`")


def of_pods(pods: Sequence[Pod], cluster: Kubernetes) -> Obstacle | None:
    """The platform's pod that fails, else one that is only starting; None when all are ready. Models' pods are `explain`'s business."""
    unready = [pod for pod in pods if not (pod.is_ready or pod.is_leaving or pod.status.phase == "Succeeded")]
    found = [obstacle for pod in unready if (obstacle := _of_pod(pod, cluster))]
    return min(found, key=lambda obstacle: obstacle.passes) if found else None


def _of_pod(pod: Pod, cluster: Kubernetes) -> Obstacle | None:
    name = f"{pod.metadata.namespace}/{pod.metadata.name}"
    describe = f"see `kubectl -n {pod.metadata.namespace} describe pod {pod.metadata.name}`"
    scheduled = pod.status.find("PodScheduled")
    if scheduled.status == "False":
        return Obstacle(f"pod {name}", f"no node takes pod {name}: {one_line(scheduled.message)}", describe)
    for container in (*pod.status.init_containers, *pod.status.containers):
        if failed := _of_container(name, pod, container, cluster, describe):
            return failed
    return Obstacle(f"pod {name}", f"pod {name} is starting", describe, passes=True)


def _of_container(name: str, pod: Pod, container: ContainerStatus, cluster: Kubernetes, describe: str) -> Obstacle | None:
    waiting, ended = container.state.waiting, pod.ended(container)
    if ended and ended.exit_code:
        line = log_reader(cluster)(pod, container) or "it left no log"
        command = f"see `kubectl -n {pod.metadata.namespace} logs {pod.metadata.name} -c {container.name} --previous`"
        text = f"container {container.name} of pod {name} crashes (exit code {ended.exit_code}, {container.restart_count} restarts): {line}"
        return Obstacle(f"pod {name}", text, command)
    if waiting and waiting.reason not in _WAITS and waiting.reason:
        said = one_line(waiting.message or waiting.reason)
        return Obstacle(f"pod {name}", f"container {container.name} of pod {name} cannot be started: {said}", describe)
    return None


def of_applications(applications: Sequence[Application]) -> Obstacle | None:
    """An Application that something refuses; one whose objects are still on their way is no obstacle."""
    root = next((one for one in applications if one.metadata.name == names.ROOT_APPLICATION), None)
    if root and root.status.sync.status == "Unknown" and not root.refusals:
        log = f"see `kubectl -n {names.NAMESPACE_ARGOCD} logs statefulset/argocd-application-controller`"
        return Obstacle("Argo CD", "Argo CD has not compared the root Application with Git yet", log)
    refused = [one for one in applications if not one.is_live and one.refusals]
    if not refused:
        return None
    name, said = refused[0].metadata.name, one_line(refused[0].refusals[0])
    # Argo CD tries again, and webhooks refuse until their pods are up.
    return Obstacle(f"application {name}", f"Application {name} is not applied: {said}", "see `tidegate status`", passes=True)
