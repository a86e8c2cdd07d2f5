"""Whole pods of a pool, as a cluster runs them: each with its own Envoy and placer, finding each other by address."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from clusters.workloads.dense_pool import catalogue
from tests.clusters.workloads.dense_pool.programs import MONITORING, Client, Program, free_ports, resident, site
from tests.clusters.workloads.dense_pool.published import CHECKOUT, Published
from tests.clusters.workloads.dense_pool.running import await_pods, image, wrong
from tidegate import tools
from tidegate.facts import names
from tidegate.tools.processes import descendants, send_signal

HOSTS = ("127.0.0.2", "127.0.0.3")
TERMINAL = "merchant-007-terminal"


@dataclass(frozen=True)
class Pod:
    """One pod and where its parts listen."""

    program: Program
    server_port: int
    placer_port: int
    clients: list[Client]

    def client(self, subject: str | None = MONITORING) -> Client:
        """A new one, closed when the test ends."""
        self.clients.append(Client(self.program.port, subject, self.program.host))
        return self.clients[-1]

    @property
    def resident(self) -> list[str]:
        return resident(self.server_port, self.program.host)

    def part(self, word: str) -> tools.ServerProcess:
        """The process in whose command `word` is."""
        assert self.program.process is not None
        parts = descendants(self.program.process.pid)
        return next(one for one in parts if word in Path(f"/proc/{one.pid}/cmdline").read_text(encoding="utf-8"))


class Pods:
    """Starts pods in `folder`, all of which are told of each other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port, self._server_port = free_ports(2)
        self._started: list[Pod] = []

    def start(self, host: str, published: Published, folder: Path | None = None) -> Pod:
        """The pod of `host`, not ready yet."""
        metrics, placer, statistics = free_ports(3)
        environment = {
            "PATH": f"{site('locks/node.txt') / 'envoy' / '_bin'}:/usr/bin:/bin",
            "PYTHONPATH": f"{site('locks/serving-mlserver.txt')}:{CHECKOUT.root}", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1",
            "MLSERVER_HOST": host, "MLSERVER_HTTP_PORT": str(self._server_port), "MLSERVER_METRICS_PORT": str(metrics),
            "POOL_HOST": host, "POOL_PORT": str(self._port), "POOL_PLACER_PORT": str(placer), "POOL_STATISTICS_PORT": str(statistics),
            "POOL_MODELS": str(len(catalogue.read(folder or published.folder).models)), "POOL_PEERS": ",".join(HOSTS), "POOL_BUDGET_BYTES": str(256 << 20),
            "POOL_ACCESS": json.dumps({MONITORING: ["*"], TERMINAL: ["merchant-007"]}),
        }  # fmt: skip
        command = [str(CHECKOUT.python), "-S", "-m", "clusters.workloads.dense_pool.pod", str(folder or published.folder)]
        program = Program(command, self._folder / f"{host}.log", self._port, image.READY_PATH, environment, host)
        program.start(wait=False)
        self._started.append(Pod(program, self._server_port, placer, []))
        return self._started[-1]

    def both(self, published: Published) -> tuple[Pod, Pod]:
        """Two pods that are ready and know of each other."""
        one, other = (self.start(host, published) for host in HOSTS)
        for pod in (one, other):
            pod.program.wait()
        for pod in (one, other):
            await_pods(pod.placer_port, 2)
        return one, other

    def stop(self) -> None:
        """Stops them, and what they left behind."""
        for pod in self._started:
            for client in pod.clients:
                client.close()
            parts = descendants(pod.program.process.pid) if pod.program.process else []
            pod.program.stop()
            for part in parts:
                tools.stop_server(part)


@pytest.fixture
def pods(tmp_path: Path) -> Iterator[Pods]:
    running = Pods(tmp_path)
    yield running
    running.stop()


def test_every_pod_answers_for_every_model_and_each_model_has_one_home(published: Published, pods: Pods) -> None:
    both = pods.both(published)
    clients = [pod.client() for pod in both]
    for number, model in enumerate(published.answers):
        answer = clients[number % 2].infer(model)
        assert answer.status == 200, (model, answer)
        assert not (problem := wrong(published, model, answer)), problem
    found = [set(pod.resident) for pod in both]
    assert found[0] | found[1] == published.answers.keys()
    assert sum(map(len, found)) < len(published.answers) * 1.1
    assert min(map(len, found)) > len(published.answers) / 2 * 0.75
    terminal = both[0].client(TERMINAL)
    assert [terminal.infer(model).status for model in ("merchant-007", "merchant-008")] == [200, 403]
    assert both[0].client(None).infer("merchant-007").status == 403


def test_pod_is_not_ready_before_its_own_server_though_another_could_answer(published: Published, pods: Pods) -> None:
    pods.start(HOSTS[0], published).program.wait()
    late = pods.start(HOSTS[1], published)
    late.program.wait()
    with contextlib.closing(Client(late.server_port, host=HOSTS[1])) as own:
        assert own.ask("GET", "/v2/health/ready").status == 200


@pytest.mark.parametrize("part", ["dense_pool.model_server", "dense_pool.placer", "envoy"])
def test_pod_ends_with_any_of_its_parts_and_the_other_goes_on(published: Published, pods: Pods, part: str) -> None:
    one, other = pods.both(published)
    assert one.program.process is not None
    victim = one.part(part)
    send_signal(victim, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while tools.is_running(one.program.process):
        assert time.monotonic() < deadline, one.program.log.read_text()
        time.sleep(0.1)
    assert not descendants(one.program.process.pid)
    client = other.client()
    for model in list(published.answers)[:40]:
        answer = client.infer(model)
        assert answer.status == 200, (model, answer)
        assert not (problem := wrong(published, model, answer)), problem


def test_pods_of_two_versions_do_not_answer_for_each_other(published: Published, pods: Pods, tmp_path: Path) -> None:
    """As in a rollout: the new version's model must not come from a pod of the old one, nor the other way round."""
    swapped, by = "merchant-000", published.path("merchant-001").read_bytes()
    newer = published.with_bytes(tmp_path / "newer", swapped, by)
    old, new = pods.start(HOSTS[0], published), pods.start(HOSTS[1], newer)
    for pod in (old, new):
        pod.program.wait()
    clients = [pod.client() for pod in (old, new)]
    for _ in range(50):
        told = [client.infer(swapped).document["outputs"][0]["data"] for client in clients]
        assert told == [published.answers[swapped], published.answers["merchant-001"]]
    with contextlib.closing(Client(new.server_port, host=HOSTS[1])) as direct:
        refused = direct.ask("GET", "/v2/health/ready", headers={image.HEADER_CATALOGUE: published.sha256})
    assert (refused.status, refused.body) == (503, b"this pod has another catalogue")


def test_pod_asked_to_end_ends_with_all_its_parts(published: Published, pods: Pods) -> None:
    pod = pods.start(HOSTS[0], published)
    pod.program.wait()
    assert pod.program.process is not None
    parts = descendants(pod.program.process.pid)
    assert len(parts) == 3
    pod.program.stop()
    assert not [one for one in parts if tools.is_running(one)]


def test_router_and_edge_mean_the_same_header() -> None:
    assert image.HEADER_SUBJECT == names.HEADER_SUBJECT
