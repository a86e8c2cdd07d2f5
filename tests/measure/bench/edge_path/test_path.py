"""The callers of `edge_path` count what they should, and its proxies let in and refuse as the platform's do."""

from __future__ import annotations

import contextlib
import http.server
import os
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from tests.clusters.edge_proxies import HOST, Behind, token
from tests.clusters.workloads.dense_pool.programs import free_ports
from tests.measure.bench.edge_path import loops, programs
from tests.measure.bench.edge_path.connections import Asked, Connection
from tests.measure.bench.edge_path.loops import Callers
from tests.measure.bench.edge_path.mesh import SIDECAR, Mesh
from tests.root import ROOT
from tidegate import tools
from tidegate.facts import inventory

REQUEST = b"POST /v2/models/scorer/infer HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\nContent-Length: 2\r\n\r\n{}"
OUTSIDE = REQUEST.replace(b"/v2", b"/scorer/v2", 1)


def believed() -> bytes:
    """With a token of now: one holds for ten minutes, and a whole run of tests takes longer."""
    return OUTSIDE.replace(b"\r\nContent", f"\r\nAuthorization: Bearer {token('card-authorisation')}\r\nContent".encode(), 1)


class Slow(Behind):
    """Takes `seconds` for each answer."""

    seconds: ClassVar[float] = 0

    def do_POST(self) -> None:  # noqa: N802 - the name http.server gives it
        time.sleep(self.seconds)
        super().do_POST()


class Quiet(http.server.ThreadingHTTPServer):
    """Says nothing about callers that are gone before their answer."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[int]:
    Behind.status, Behind.held, Slow.seconds = 200, None, 0
    one = Quiet(("127.0.0.1", 0), Slow)
    threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    yield one.server_port
    one.shutdown()
    one.server_close()
    Behind.status, Slow.seconds = 200, 0


def test_waiting_behind_a_slow_answer_is_counted(server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted from when it is sent at last, the last would have taken 0.1 s."""
    monkeypatch.setattr(loops, "CONNECTIONS", 1)
    with contextlib.closing(Callers(Asked(server, REQUEST))) as callers:
        callers.warm()
        Slow.seconds = 0.1
        burst = callers.ask([0.0, 0.01, 0.02])
    assert burst.failed == 0
    assert [one >= least for one, least in zip(burst.answered_ms, (100, 190, 280), strict=True)] == [True] * 3, burst.answered_ms
    assert len(burst.late_ms) == 3


def test_what_is_refused_or_not_answered_has_no_latency(server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.closing(Callers(Asked(server, REQUEST))) as callers:
        callers.warm()
        Behind.status = 429
        refused = callers.ask([0.0, 0.001])
        Behind.status, Behind.held = 200, threading.Event()
        with monkeypatch.context() as hurried:
            hurried.setattr(loops, "GRACE_SECONDS", 0.1)
            unanswered = callers.ask([0.0, 0.001])
        Behind.held.set()
        Behind.held = None
        callers.warm()
        assert len(callers.ask([0.0]).answered_ms) == 1, "lost connections are made anew"
    assert (refused.answered_ms, refused.failed) == ([], 2)
    assert (unanswered.answered_ms, unanswered.failed) == ([], 2)


def test_preference_ends_with_the_loops() -> None:
    before = os.sched_getscheduler(0)
    with loops.preferred([]) as preferred:
        assert (os.sched_getscheduler(0) & os.SCHED_FIFO != 0) == preferred
    assert os.sched_getscheduler(0) == before


@pytest.fixture
def path(server: int, tmp_path: Path) -> Iterator[tuple[Mesh, dict[str, int]]]:
    """The proxies, with a server of the test in queue-proxy's place."""
    listening = {**dict(zip(programs.PROXIES, free_ports(len(programs.PROXIES)), strict=True)), "queue-proxy": server}
    mesh, started = Mesh(tmp_path / "mesh"), dict[str, tools.ServerProcess]()

    def start(name: str, command: Sequence[str]) -> None:
        started[name] = programs.start_program(command, tmp_path / f"{name}.log")

    try:
        programs.start_proxies(tmp_path, inventory.load(ROOT), mesh, listening, start)
        for name, process in started.items():
            programs.await_port(listening[name], process, tmp_path / f"{name}.log")
        yield mesh, listening
    finally:
        for process in started.values():
            tools.stop_server(process, grace_seconds=2)


def asked(what: Asked) -> tuple[int, bytes]:
    with contextlib.closing(Connection(what)) as connection:
        return connection.exchange()


def status(what: Asked) -> int:
    return asked(what)[0]


def test_path_lets_in_and_refuses_as_the_platform_does(path: tuple[Mesh, dict[str, int]]) -> None:
    mesh, at = path
    outside, inside = mesh.caller_of_edge(), mesh.caller_in_mesh()
    assert status(Asked(at["sidecar"], REQUEST, inside, SIDECAR)) == 200
    assert status(Asked(at["edge"], OUTSIDE, outside, HOST)) == 200
    assert status(Asked(at["edge with checks"], believed(), outside, HOST)) == 200
    assert status(Asked(at["edge with checks"], OUTSIDE, outside, HOST)) == 401
    assert asked(Asked(at["sidecar"], REQUEST, mesh.caller_in_mesh(SIDECAR), SIDECAR)) == (403, b"RBAC: access denied")
    with pytest.raises((ssl.SSLError, ConnectionError)):  # the alert, or the end of the connection before it was read
        status(Asked(at["sidecar"], REQUEST, outside, SIDECAR))
