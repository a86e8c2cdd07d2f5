"""A program of a pool as a process, and a caller of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.clusters.workloads.dense_pool.published import CHECKOUT, request_body
from tidegate import tools
from tidegate.embedded.images import python_site
from tidegate.facts.names import HEADER_SUBJECT
from tidegate.tools.processes import send_signal

START_SECONDS = 120
HERE = "127.0.0.1"
MONITORING = "merchant-monitoring"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and how long it took."""

    status: int
    body: bytes
    seconds: float
    headers: dict[str, str]

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class Client:
    """One caller with one connection, which is made anew when the server closed it."""

    def __init__(self, port: int, subject: str | None = MONITORING, host: str = HERE) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=60)
        self._headers = {"Content-Type": "application/json"} | ({HEADER_SUBJECT: subject} if subject else {})

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        started = time.perf_counter()
        for again in (True, False):
            try:
                self._connection.request(method, path, body, self._headers | (headers or {}))
                answer = self._connection.getresponse()
                content = answer.read()
                return Answer(answer.status, content, time.perf_counter() - started, dict(answer.getheaders()))
            except (http.client.HTTPException, ConnectionError):
                self._connection.close()
                if not again:
                    raise
        raise AssertionError

    def infer(self, model: str) -> Answer:
        """Asks `model` for the rows that every answer is known of."""
        return self.ask("POST", f"/v2/models/{model}/infer", request_body())

    def close(self) -> None:
        self._connection.close()


@cache
def site(lock: str) -> Path:
    """What a lock of Python packages installs."""
    return python_site.site_folder(CHECKOUT, lock, lambda _line: None)


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on just now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def await_status(address: tuple[str, int], path: str, process: tools.ServerProcess, log: Path, status: int = 200) -> None:
    """Waits until `path` answers `status`."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        client = Client(address[1], host=address[0])
        with contextlib.suppress(OSError, http.client.HTTPException):
            if client.ask("GET", path).status == status:
                client.close()
                return
        client.close()
        assert tools.is_running(process), log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


@dataclass
class Program:
    """A process that can be killed, frozen and started again in the same place."""

    command: Sequence[str]
    log: Path
    port: int
    alive_path: str
    environment: dict[str, str] = field(default_factory=dict[str, str])
    host: str = HERE
    process: tools.ServerProcess | None = None

    def start(self, *, wait: bool = True) -> None:
        self.process = tools.start_server(self.command, log_path=self.log, env=self.environment, cwd=self.log.parent)
        if wait:
            self.wait()

    def wait(self) -> None:
        assert self.process is not None
        await_status((self.host, self.port), self.alive_path, self.process, self.log)

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        send_signal(self.process, number)

    def kill(self) -> None:
        """As the kernel does it when memory is short."""
        assert self.process is not None
        self.send(signal.SIGKILL)
        while tools.is_running(self.process):
            time.sleep(0.01)

    def stop(self) -> None:
        if self.process is not None:
            self.send(signal.SIGCONT)
            tools.stop_server(self.process)


def resident(port: int, host: str = HERE) -> list[str]:
    """What the pod on `port` has in memory."""
    with contextlib.closing(Client(port, host=host)) as client:
        answer = client.ask("POST", "/v2/repository/index", b'{"ready": true}')
    return [item["name"] for item in answer.document]
