"""The real scheduler over a bare API server on loopback: nodes are objects, nothing runs on them."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.admission_server import TOKEN, ApiServer, running_api_server, start_program
from tests.root import ROOT
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded.builds.go_programs import build
from tidegate.manifests.fit.nodes import NodeShape

CASES = "cases"
"""The namespace of pods that are judged."""

AGENTS = "agents"
"""The namespace of pods that are bound to their nodes from the start."""

_WITHOUT = ("ServiceAccount", "TaintNodesByCondition")
"""Would want accounts, and a controller that takes the taint of a new node away again."""

_VERDICT_SECONDS = 60


@dataclass(frozen=True)
class Verdict:
    """What the scheduler decided about one pod: the node's name, or why there is none."""

    node: str
    reason: str


class Scheduler:
    """Nodes and pods for the real scheduler, and what it made of them."""

    def __init__(self, api: ApiServer) -> None:
        self.api = api
        self._rounds = 0

    def furnish(self, nodes: Sequence[dict[str, Any]], agents: Sequence[dict[str, Any]]) -> None:
        """Puts these nodes, and the pods that are on them already, in place of all others; returns once the scheduler has seen them."""
        self._rounds += 1
        for path in (_pods(CASES), _pods(AGENTS), "/api/v1/nodes"):
            self._clear(path)
        last = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": f"last-{self._rounds}", "labels": {"round": str(self._rounds)}},
            "status": {"allocatable": {"pods": "9"}, "capacity": {"pods": "9"}},
        }
        for node in (*nodes, last):
            self._must_create("/api/v1/nodes", node)
        for agent in agents:
            self._must_create(_pods(AGENTS), agent)
        # Events arrive in order: who places the last pod on the last node has seen all before them.
        pod = {"nodeSelector": {"round": str(self._rounds)}, "containers": [{"name": "last", "image": "last"}]}
        named = f"last-{self._rounds}"
        self._must_create(_pods(CASES), {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": named}, "spec": pod})
        deadline = time.monotonic() + _VERDICT_SECONDS
        while not self._verdicts().get(named, Verdict("", "")).node:
            assert time.monotonic() < deadline, "the scheduler does not see the nodes"
            time.sleep(0.05)
        self._clear(_pods(CASES))

    def judge(self, pods: Sequence[dict[str, Any]]) -> dict[str, Verdict]:
        """The verdict on each pod by its name, all placed at the same time; afterwards they are gone."""
        for pod in pods:
            self._must_create(_pods(CASES), pod)
        deadline = time.monotonic() + _VERDICT_SECONDS
        while len(found := self._verdicts()) < len(pods):
            assert time.monotonic() < deadline, f"no verdict on {len(pods) - len(found)} pods"
            time.sleep(0.05)
        self._clear(_pods(CASES))
        return found

    def must_create(self, manifest: dict[str, Any]) -> None:
        answer = self.api.create(manifest)
        assert answer.code == 201, answer.message

    def _must_create(self, path: str, manifest: dict[str, Any]) -> None:
        answer = self.api.request("POST", path, manifest)
        assert answer.code == 201, f"{answer.message}\n{json.dumps(manifest)}"

    def _clear(self, path: str) -> None:
        answer = self.api.request("DELETE", f"{path}?gracePeriodSeconds=0")
        assert answer.code == 200, answer.message

    def _verdicts(self) -> dict[str, Verdict]:
        found: dict[str, Verdict] = {}
        for pod in self.api.request("GET", _pods(CASES)).body["items"]:
            name, node = pod["metadata"]["name"], pod["spec"].get("nodeName", "")
            conditions = {one["type"]: one for one in pod["status"].get("conditions", ())}
            refused = conditions.get("PodScheduled", {})
            if node or refused.get("reason") == "Unschedulable":
                found[name] = Verdict(node, refused.get("message", ""))
        return found


def node_manifest(node: NodeShape) -> dict[str, Any]:
    """The object of a node of that shape."""
    amounts = {name: f"{amount}m" if name == "cpu" else str(amount) for name, amount in node.allocatable.items()}
    taints = [{"key": taint.key, "value": taint.value, "effect": taint.effect} for taint in node.taints]
    status = {"allocatable": amounts, "capacity": amounts}
    return {
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": node.name, "labels": dict(node.labels)}, "spec": {"taints": taints}, "status": status,
    }  # fmt: skip


def _pods(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


@contextlib.contextmanager
def running_scheduler(folder: Path) -> Generator[Scheduler]:
    """Starts etcd, API server and scheduler with everything they keep below `folder`, and ends them."""
    program = build(Checkout(ROOT), lambda _subject, _what: None, only=("kube-scheduler",))["kube-scheduler"]
    with running_api_server(folder, without=_WITHOUT) as api:
        for namespace in (CASES, AGENTS):
            api.must_apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        server = start_program([str(program), f"--config={_configuration(folder, api)}", "--secure-port=0"], folder / "kube-scheduler.log")
        try:
            yield Scheduler(api)
        finally:
            tools.stop_server(server, grace_seconds=2)


def _configuration(folder: Path, api: ApiServer) -> Path:
    """Every default but the speed limit of its requests."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "a", "cluster": {"server": f"https://127.0.0.1:{api.port}", "certificate-authority": str(api.certificate)}}],
        "users": [{"name": "a", "user": {"token": TOKEN}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    }
    kubeconfig = folder / "scheduler.kubeconfig"
    kubeconfig.write_text(json.dumps(config), encoding="utf-8")
    settings = {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": {"kubeconfig": str(kubeconfig), "qps": 2000, "burst": 4000},
        "leaderElection": {"leaderElect": False},
    }
    path = folder / "scheduler.json"
    path.write_text(json.dumps(settings), encoding="utf-8")
    return path
