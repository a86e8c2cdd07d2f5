"""One pod and what can go wrong around it: damaged objects, a full disk, a registry that is away; and what it evicts."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clusters.workloads.dense_pool.programs import Client, Program, free_ports, resident
from tests.clusters.workloads.dense_pool.published import Published
from tests.clusters.workloads.dense_pool.running import pod, put_object, s3, wrong
from tests.clusters.workloads.dense_pool.usage import memory_bytes
from tidegate import tools
from tidegate.errors import ToolError

MODELS = tuple(f"merchant-{number:03d}" for number in range(420))
FIRST, *OTHERS = MODELS
"""The first one is loaded when a pod starts."""


class Alone:
    """A pod that is asked directly."""

    def __init__(self, published: Published, program: Program, store: Program) -> None:
        self.published, self.program, self.store = published, program, store
        self._client = Client(program.port)

    def right(self, model: str) -> None:
        """Asks `model` and finds nothing wrong."""
        answer = self._client.infer(model)
        assert answer.status == 200, answer
        assert not (problem := wrong(self.published, model, answer)), problem

    def fails(self, model: str) -> tuple[int, str]:
        answer = self._client.infer(model)
        return answer.status, answer.document["error"]

    def repository(self, model: str, verb: str) -> int:
        return self._client.ask("POST", f"/v2/repository/models/{model}/{verb}").status

    def resident(self) -> list[str]:
        return resident(self.program.port)

    @property
    def log(self) -> str:
        return self.program.log.read_text()

    def close(self) -> None:
        self._client.close()


Start = Callable[..., Alone]


@pytest.fixture
def start(published: Published, tmp_path: Path) -> Iterator[Start]:
    """Starts a pod with an S3 of its own."""
    with starting(published, tmp_path) as started:
        yield started


@contextlib.contextmanager
def starting(published: Published, folder: Path) -> Generator[Start]:
    with contextlib.ExitStack() as stack:
        store, url = s3(folder, published)
        stack.callback(store.stop)

        def started(models: int = len(MODELS), **options: Any) -> Alone:
            (port,) = free_ports(1)
            settings: dict[str, Any] = {"budget_bytes": models * max(one.resident_bytes for one in published.entries.values()), **options}
            program = pod(folder / "pod", published, url, port=port, **settings)
            stack.callback(program.stop)
            program.start()
            alone = Alone(published, program, store)
            stack.callback(alone.close)
            return alone

        yield started


@pytest.fixture(scope="module")
def unharmed(published: Published, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alone]:
    """A pod for tests that each take a model of their own and leave the pod as it was."""
    with starting(published, tmp_path_factory.mktemp("unharmed")) as start:
        yield start()


@contextlib.contextmanager
def damaged(alone: Alone, model: str, content: bytes) -> Generator[None]:
    """Other bytes in the registry under the model's digest."""
    path = alone.published.path(model)
    put_object(alone.store.port, path.name, content)
    try:
        yield
    finally:
        put_object(alone.store.port, path.name, path.read_bytes())


@pytest.mark.parametrize(
    ("how", "model"),
    [
        ("flipped", "merchant-011"),
        ("short", "merchant-012"),
        ("long", "merchant-013"),
        ("empty", "merchant-014"),
        ("another", "merchant-015"),
    ],
    ids=["flipped", "short", "long", "empty", "another"],
)
def test_corrupt_artefact_is_refused_and_no_other_model_suffers(unharmed: Alone, how: str, model: str) -> None:
    alone = unharmed
    good, other = alone.published.path(model).read_bytes(), alone.published.path("merchant-002").read_bytes()
    bad = {
        "flipped": good[:100] + bytes([good[100] ^ 1]) + good[101:], "short": good[:-1], "long": good + b"\0", "empty": b"",
        "another": other,
    }[how]  # fmt: skip
    with damaged(alone, model, bad):
        for _ in range(2):
            status, message = alone.fails(model)
            assert status == 502
            assert message.startswith(f"Model refused: {model}: the registry's bytes are not those of the catalogue")
        alone.right("merchant-002")
        alone.right(FIRST)
        assert model not in alone.resident()


def test_damage_on_the_pods_own_disk_is_fetched_anew(start: Start) -> None:
    alone = start(models=2)
    alone.right("merchant-001")
    cached = alone.program.log.parent / "cache" / alone.published.path("merchant-001").name
    assert cached.is_file()
    cached.write_bytes(b"damaged")
    for model in ("merchant-002", "merchant-003"):  # it leaves memory
        alone.right(model)
    assert "merchant-001" not in alone.resident()
    alone.right("merchant-001")
    assert cached.read_bytes() == alone.published.path("merchant-001").read_bytes()
    assert "merchant-001: damaged on this disk, fetched again" in alone.log


@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGKILL], ids=["hangs", "is-gone"])
def test_models_that_are_here_answer_without_the_registry(start: Start, how: signal.Signals) -> None:
    alone = start(models=3)
    for model in MODELS[:6]:
        alone.right(model)
    assert alone.resident() == list(MODELS[3:6])
    alone.store.send(how)
    for model in (*MODELS[3:6], *MODELS[:3], *MODELS[3:6]):  # the first from memory, the others from disk
        alone.right(model)
    status, message = alone.fails("merchant-100")
    assert (status, message.partition(":")[0]) == (503, "merchant-100")
    assert "the registry does not answer" in message
    alone.right(MODELS[3])
    if how is signal.SIGSTOP:
        alone.store.send(signal.SIGCONT)
        alone.right("merchant-100")


def test_pod_that_starts_without_the_registry_serves_what_its_disk_holds(start: Start) -> None:
    alone = start()
    alone.right("merchant-001")
    alone.store.kill()
    alone.program.kill()
    alone.program.start()
    alone.right("merchant-001")
    assert alone.fails("merchant-002")[0] == 503


def test_full_disk_costs_nothing_but_the_cache(start: Start) -> None:
    tools_needed = [shutil.which("unshare"), shutil.which("mount")]
    if None in tools_needed or not _may_mount():
        pytest.skip("mounting in a namespace of one's own is not allowed here")

    def on_small_disk(command: list[str]) -> list[str]:
        script = 'mkdir -p cache && mount -t tmpfs -o size=32k tmpfs cache && exec "$@"'
        return ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", *command]

    alone = start(models=5, inside=on_small_disk)
    for model in MODELS[:30]:
        alone.right(model)
    assert "not kept on disk: [Errno 28] No space left on device" in alone.log
    for model in MODELS[:30]:
        alone.right(model)


def _may_mount() -> bool:
    try:
        tools.run(["unshare", "--mount", "--map-root-user", "mount", "-t", "tmpfs", "tmpfs", "/mnt"])
    except ToolError:
        return False
    return True


def test_file_that_is_no_model_is_refused_though_its_digest_is_right(published: Published, tmp_path: Path) -> None:
    lying = published.with_bytes(tmp_path / "lying", "merchant-001", b"no model")
    store, url = s3(tmp_path, lying)
    (port,) = free_ports(1)
    program = pod(tmp_path / "pod", lying, url, port=port, budget_bytes=1 << 30)
    try:
        program.start()
        alone = Alone(lying, program, store)
        status, message = alone.fails("merchant-001")
        assert (status, message.split(": ")[:3]) == (502, ["Model refused", "merchant-001", "cannot be loaded"])
        alone.right("merchant-002")
        assert "merchant-001" not in alone.resident()
        alone.close()
    finally:
        program.stop()
        store.stop()


def test_what_a_pod_evicts_is_what_was_used_longest_ago(start: Start) -> None:
    """A server against the definition of LRU, for 600 random requests; sizes differ little enough for ten models to fit, never eleven."""
    alone, draw = start(models=10), random.Random(7)
    used = [FIRST]
    for step in range(600):
        model = draw.choice(MODELS[:25])
        alone.right(model)
        used = [one for one in used if one != model] + [model]
        if step % 10 == 0:
            there = alone.resident()
            assert set(there) == set(used[-len(there) :])
            assert len(there) >= min(10, len(used))
        del used[:-25]


def test_repository_api_loads_and_unloads(start: Start) -> None:
    alone = start()
    assert alone.resident() == [FIRST]
    assert alone.repository("merchant-001", "load") == 200
    assert alone.resident() == [FIRST, "merchant-001"]
    assert alone.repository(FIRST, "unload") == 200
    assert alone.resident() == ["merchant-001"]
    assert alone.repository("merchant-999", "load") == 404
    assert alone.repository("merchant-999", "unload") == 404
    alone.right(FIRST)


def test_models_need_less_memory_than_is_counted(start: Start) -> None:
    alone = start()
    assert alone.program.process is not None
    alone.right("merchant-001")
    before = memory_bytes(alone.program.process.pid)
    for model in OTHERS:
        assert alone.repository(model, "load") == 200
    grown = memory_bytes(alone.program.process.pid) - before
    counted = sum(alone.published.entries[model].resident_bytes for model in OTHERS)
    assert len(alone.resident()) == len(MODELS)
    assert 0 < grown < counted, "the budget would not hold"
    assert counted < 8 * grown, "the budget would hold far fewer models than it could"


def test_model_larger_than_the_budget_is_told_so(start: Start) -> None:
    alone = start(budget_bytes=1_000)
    status, message = alone.fails("merchant-001")
    assert (status, message.split(" of ")[0]) == (503, "merchant-001")
    assert "bytes does not fit" in message
