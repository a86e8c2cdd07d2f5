"""420 models in a dense pool, against a server process for each: `dense_pool` of `make bench`.

`python -m tests.measure.bench.dense_pool` runs it alone. Everything is a real process on loopback. A pod is a process here, not a container:
sidecars, queue-proxy and control groups are in neither side. The pool is measured with all its models, its placer and its Envoy.
Of the servers with one model each, `SINGLES` are measured and taken for all: 420 of them would need more memory than most
machines have. Processor time is that of the processes under the same trace of requests and the readiness probes that
their runtime asks for; what the clients and the registry use is in neither.
"""

from __future__ import annotations

import contextlib
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from tests.clusters.workloads.dense_pool.programs import Answer, Client, Program, free_ports
from tests.clusters.workloads.dense_pool.published import Published, publish
from tests.clusters.workloads.dense_pool.running import Pool, running_pool, single, wrong
from tests.clusters.workloads.dense_pool.usage import cpu_seconds, memory_bytes
from tests.measure.bench.entries import measure_alone

PODS = 2
"""As few as survive the loss of one."""

POD_MEMORY_BYTES = 1 << 30
BUDGET_BYTES = 512 << 20
SINGLES = 4
HOT_ROUNDS = 5
REQUESTS_IN_A_ROW = 840
TRACE_SECONDS = 45
SECONDS_BETWEEN_REQUESTS = 20
"""Of one model, in the trace by which processor time is measured: what a long tail is. For other rates there are the parts."""

PROBE_SECONDS = 1
"""Readiness probes of MLServer's runtime (clusters/components/serving/runtimes.py)."""


@dataclass(frozen=True, slots=True)
class Milliseconds:
    """Of requests, at the client."""

    p50: float
    p99: float
    requests: int


@dataclass(frozen=True, slots=True)
class Load:
    """Of one side: seconds of a processor per second that all 420 models take when nobody asks, and per request."""

    idle_cores: float
    cores: float
    """In the trace, all models, probes included."""
    cpu_ms_per_request: float


@dataclass(frozen=True, slots=True)
class DensePool:
    """The result as it is written."""

    ratio: float
    """Models per core, times that of a process per model, in the trace."""
    models: int
    pods: int
    pod_memory_mib: float
    """The largest of the pods, at the end."""
    models_per_core: float
    models_per_core_single: float
    models_per_gib: float
    models_per_gib_single: float
    ratio_per_gib: float
    ratio_at_100_per_second: float
    """Computed from idle and per-request times, for the tenant's load profile."""
    cold_from_registry: Milliseconds
    cold_from_disk: Milliseconds
    hot: Milliseconds
    hot_single: Milliseconds
    pool: Load
    single: Load
    singles_measured: int
    seconds_between_requests: float
    wrong_answers: int


def dense_pool(scratch: Path) -> DensePool:
    """Measures both, one after the other."""
    published = publish(scratch / "published")
    names = list(published.answers)
    asking = _Asking(published)
    with running_pool(scratch, published, pods=PODS, budget_bytes=BUDGET_BYTES) as pool:
        client = pool.client()
        first = asking.timed(client, names)
        for program in pool.pods:
            _unload_all(program)
        disk = asking.timed(client, names)
        hot = asking.timed(client, names * HOT_ROUNDS)
        ours, per_pod = _pool_load(pool, asking), [_memory(program) for program in pool.pods]
        memory = sum(map(_memory, _ours(pool)))
        assert max(per_pod) < POD_MEMORY_BYTES, per_pod
        assert {name for there in pool.resident() for name in there} == set(names)
    with _singles(scratch, published, names[:SINGLES]) as servers:
        hot_single = asking.spread(servers, HOT_ROUNDS * len(names))
        theirs = _single_load(servers, asking, len(names))
        memory_single = statistics.mean(map(_memory, servers.values())) * len(names)
    gib = 1 << 30
    return DensePool(
        ratio=round(theirs.cores / ours.cores, 2), models=len(names), pods=PODS, pod_memory_mib=round(max(per_pod) / (1 << 20), 1),
        models_per_core=round(len(names) / ours.cores, 1), models_per_core_single=round(len(names) / theirs.cores, 1),
        models_per_gib=round(len(names) / (memory / gib), 1), models_per_gib_single=round(len(names) / (memory_single / gib), 1),
        ratio_per_gib=round(memory_single / memory, 2), ratio_at_100_per_second=round(_at(theirs, 100) / _at(ours, 100), 2),
        cold_from_registry=first, cold_from_disk=disk, hot=hot, hot_single=hot_single, pool=ours, single=theirs,
        singles_measured=SINGLES, seconds_between_requests=SECONDS_BETWEEN_REQUESTS, wrong_answers=asking.wrong,
    )  # fmt: skip


class _Asking:
    """Asks, and holds every answer against the one computed in process."""

    def __init__(self, published: Published) -> None:
        self._published = published
        self.wrong = 0

    def once(self, client: Client, model: str) -> Answer:
        answer = client.infer(model)
        assert answer.status == 200, answer
        self.wrong += bool(wrong(self._published, model, answer))
        return answer

    def timed(self, client: Client, models: Iterable[str]) -> Milliseconds:
        return _summary([self.once(client, model).seconds for model in models])

    def spread(self, servers: dict[str, Program], requests: int) -> Milliseconds:
        with _clients(servers) as clients:
            for model, client in clients.items():
                self.once(client, model)  # the first answer of a process takes longer
            return _summary([self.once(clients[model], model).seconds for model in islice(cycle(clients), requests)])


def _summary(seconds: Sequence[float]) -> Milliseconds:
    cuts = statistics.quantiles(seconds, n=100)
    return Milliseconds(round(1000 * cuts[49], 2), round(1000 * cuts[98], 2), len(seconds))


def _memory(program: Program) -> int:
    assert program.process is not None
    return memory_bytes(program.process.pid)


def _ours(pool: Pool) -> list[Program]:
    return [*pool.pods, pool.placer, pool.router]


def _pool_load(pool: Pool, asking: _Asking) -> Load:
    names, client = list(pool.published.answers), pool.client()
    every = SECONDS_BETWEEN_REQUESTS / len(names)
    idle = _cores(_ours(pool), pool.pods, lambda _number: None, every)

    def ask(number: int) -> None:
        asking.once(client, names[number % len(names)])

    per_request = _per_request(_ours(pool), ask)
    busy = _cores(_ours(pool), pool.pods, ask, every)
    return Load(round(idle, 4), round(busy, 4), round(1000 * per_request, 3))


def _single_load(servers: dict[str, Program], asking: _Asking, models: int) -> Load:
    programs, names = list(servers.values()), list(servers)
    every = SECONDS_BETWEEN_REQUESTS / len(names)
    with _clients(servers) as clients:
        idle = _cores(programs, programs, lambda _number: None, every)

        def ask(number: int) -> None:
            model = names[number % len(names)]
            asking.once(clients[model], model)

        per_request = _per_request(programs, ask)
        busy = _cores(programs, programs, ask, every)
    times = models / len(programs)
    return Load(round(idle * times, 4), round(busy * times, 4), round(1000 * per_request, 3))


def _per_request(programs: Sequence[Program], ask: Callable[[int], object]) -> float:
    """Seconds of a processor, from many requests in a row: in the trace they are too few among the probes."""
    before = sum(map(_cpu, programs))
    for number in range(REQUESTS_IN_A_ROW):
        ask(number)
    return (sum(map(_cpu, programs)) - before) / REQUESTS_IN_A_ROW


def _at(load: Load, requests_per_second: float) -> float:
    return load.idle_cores + requests_per_second * load.cpu_ms_per_request / 1000


def _cpu(program: Program) -> float:
    assert program.process is not None
    return cpu_seconds(program.process.pid)


def _cores(programs: Sequence[Program], probed: Sequence[Program], ask: Callable[[int], object], every: float) -> float:
    """Cores that `programs` take while `ask` is called every so many seconds and `probed` are probed."""
    probes = [Client(program.port) for program in probed]
    before, started, asked, probing = sum(map(_cpu, programs)), time.monotonic(), 0, 0
    while (passed := time.monotonic() - started) < TRACE_SECONDS:
        if passed >= probing * PROBE_SECONDS:
            probing += 1
            for probe in probes:
                assert probe.ask("GET", "/v2/health/ready").status == 200
        while asked * every <= passed:
            ask(asked)
            asked += 1
        time.sleep(max(0.0, min(asked * every, probing * PROBE_SECONDS) - (time.monotonic() - started)))
    for probe in probes:
        probe.close()
    seconds = time.monotonic() - started
    return (sum(map(_cpu, programs)) - before) / seconds


def _unload_all(program: Program) -> None:
    client = Client(program.port)
    for item in client.ask("POST", "/v2/repository/index", b'{"ready": true}').document:
        assert client.ask("POST", f"/v2/repository/models/{item['name']}/unload").status == 200
    client.close()


@contextlib.contextmanager
def _clients(servers: dict[str, Program]) -> Generator[dict[str, Client]]:
    clients = {model: Client(program.port) for model, program in servers.items()}
    yield clients
    for client in clients.values():
        client.close()


@contextlib.contextmanager
def _singles(scratch: Path, published: Published, models: Sequence[str]) -> Generator[dict[str, Program]]:
    with contextlib.ExitStack() as stack:
        servers: dict[str, Program] = {}
        for model, port in zip(models, free_ports(len(models)), strict=True):
            servers[model] = single(scratch / "singles", published, model, port=port)
            stack.callback(servers[model].stop)
            servers[model].start()
        yield servers


def measured() -> dict[str, Any]:
    """The entry of out/bench.json, in a scratch folder of its own."""
    scratch = Path(tempfile.mkdtemp(prefix="tidegate-dense-pool-"))  # not below /dev: Envoy reads no configuration there
    try:
        found = dense_pool(scratch)
    finally:
        shutil.rmtree(scratch)
    assert found.wrong_answers == 0
    return asdict(found)


def summary(entry: dict[str, Any]) -> str:
    """One line for the reader."""
    return (
        f"dense_pool             {entry['models']} models on {entry['pods']} pods of at most {entry['pod_memory_mib']:.0f} MiB: "
        f"{entry['models_per_core']:.0f} models per core against {entry['models_per_core_single']:.0f}, ratio {entry['ratio']:.1f} "
        f"(goal: at least 10); {entry['models_per_gib']:.0f} per GiB against {entry['models_per_gib_single']:.0f}"
    )


if __name__ == "__main__":
    sys.exit(measure_alone("dense_pool", measured, summary))
