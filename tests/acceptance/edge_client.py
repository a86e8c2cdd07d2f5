"""Callers of the edge: one that sends whatever it is told to, and many that send without a pause and note every answer."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.acceptance.running_platform import Running, model_of
from tidegate.embedded import prediction
from tidegate.embedded.fleet import internet
from tidegate.embedded.machines import network
from tidegate.embedded.model_index import Sample

_CONNECT_SECONDS = 5


def connect(running: Running, region: str, server_name: str, *, timeout_seconds: float = 60) -> ssl.SSLSocket:
    """TLS to a region's edge, verified with the internet machine's authority. Raises `OSError`."""
    authority = internet.own_authority(running.local.machine(network.INTERNET)).certificate_pem.decode()
    plain = plain_connection(running, region)
    try:
        secured = ssl.create_default_context(cadata=authority).wrap_socket(plain, server_hostname=server_name)
    except OSError:
        plain.close()
        raise
    secured.settimeout(timeout_seconds)
    return secured


def plain_connection(running: Running, region: str) -> socket.socket:
    """TCP to a region's edge through its loopback relay."""
    return socket.create_connection(("127.0.0.1", running.ports[f"edge-{region}"]), timeout=_CONNECT_SECONDS)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def document(self) -> Any:
        """The body, which must be JSON."""
        return json.loads(self.body)


def ask(connection: socket.socket, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
    """One request over a connection, which stays open unless the edge wants it closed. Raises `OSError` or `http.client.HTTPException`."""
    client = http.client.HTTPConnection(headers.get("Host", ""))
    client.sock = connection
    client.request(method, path, body or None, dict(headers))
    answer = client.getresponse()
    told = {name.lower(): value for name, value in answer.getheaders()}
    return Answer(answer.status, told, answer.read().decode(errors="replace"))


def exchange(connection: socket.socket, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> tuple[int, str]:
    """Status and body of `ask`."""
    answer = ask(connection, method, path, headers, body)
    return answer.status, answer.body


def send(
    running: Running, region: str, server_name: str, path: str, headers: Mapping[str, str], *, method: str = "POST", body: bytes = b"",
) -> tuple[int, str]:  # fmt: skip
    """One request over a connection of its own: status and body."""
    with connect(running, region, server_name) as connection:
        return exchange(connection, method, path, headers, body)


@dataclass
class Seen:
    """What the callers saw: how many of each outcome, and the milliseconds of the good ones.

    An outcome is a status, or the name of the error of a request that had no answer. `values` counts the answers' own
    values, rounded, by text.
    """

    outcomes: Counter[str] = field(default_factory=Counter[str])
    milliseconds: list[float] = field(default_factory=list[float])
    values: Counter[str] = field(default_factory=Counter[str])
    first_bad: list[str] = field(default_factory=list[str])

    @property
    def sent(self) -> int:
        return self.outcomes.total()

    @property
    def bad(self) -> dict[str, int]:
        return {outcome: count for outcome, count in sorted(self.outcomes.items()) if outcome != "200"}

    def percentile(self, share: float) -> float:
        """Milliseconds that `share` of the good answers took at most, 0 when there is none."""
        ordered = sorted(self.milliseconds) or [0.0]
        return ordered[int(len(ordered) * share)]

    def told(self) -> dict[str, object]:
        return {
            "sent": self.sent, "not answered well": self.bad, "p50_ms": round(self.percentile(0.5), 1),
            "p99_ms": round(self.percentile(0.99), 1), "worst_ms": round(max(self.milliseconds, default=0.0), 1), "first": self.first_bad,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who sends one request again and again over a connection that is kept, and notes what comes back."""

    running: Running
    region: str
    reference: str
    pause_seconds: float
    timeout_seconds: float
    seen: Seen
    stop: threading.Event
    telling: threading.Lock

    def call_on(self) -> None:
        tenant, _ = model_of(self.reference)
        sample = self.running.sample(self.reference)
        host = tenant.host_in(self.running.local.platform.clusters[self.region].domain)
        bearer = prediction.token_for(self.running.local, tenant, self.region)
        headers = {"Host": host, "Content-Type": "application/json", "Authorization": f"Bearer {bearer}"}
        path, body = f"/{self.reference.split('/')[1]}{sample.path}", json.dumps(sample.request).encode()
        connection: ssl.SSLSocket | None = None
        due = time.monotonic()
        while not self.stop.is_set():
            started = time.monotonic()
            try:
                if connection is None or connection.fileno() == -1:
                    connection = connect(self.running, self.region, host, timeout_seconds=self.timeout_seconds)
                status, text = exchange(connection, "POST", path, headers, body)
                self._note(sample, str(status), (time.monotonic() - started) * 1000, text)
            except (OSError, http.client.HTTPException) as error:
                if connection:
                    connection.close()
                connection = None
                self._note(sample, type(error).__name__, 0, str(error))
            due = max(due + self.pause_seconds, time.monotonic())
            self.stop.wait(max(due - time.monotonic(), 0))
        if connection:
            connection.close()

    def _note(self, sample: Sample, outcome: str, milliseconds: float, text: str) -> None:
        with self.telling:
            self.seen.outcomes[outcome] += 1
            if outcome == "200":
                self.seen.milliseconds.append(milliseconds)
                self.seen.values[rounded(sample.values_in(json.loads(text)))] += 1
            elif len(self.seen.first_bad) < 5:
                self.seen.first_bad.append(f"{time.strftime('%H:%M:%S')} {outcome}: {text[:200]}")


def rounded(values: tuple[object, ...]) -> str:
    """Values as text that is the same for the same prediction."""
    return str([round(value, 6) if isinstance(value, float) else value for value in values])


@contextlib.contextmanager
def load(
    running: Running, region: str, reference: str, *, per_second: float = 20, callers: int = 4, timeout_seconds: float = 15,
) -> Generator[Seen]:  # fmt: skip
    """Callers who send the model's sample all the while, `per_second` together."""
    seen, stop = Seen(), threading.Event()
    caller = Caller(running, region, reference, callers / per_second, timeout_seconds, seen, stop, threading.Lock())
    threads = [threading.Thread(target=caller.call_on, name=f"caller-{number}") for number in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()
