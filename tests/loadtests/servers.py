"""Servers on loopback for the load tests: one with known latencies in a process of its own, one that misbehaves as its path says."""

from __future__ import annotations

import contextlib
import http.server
import json
import random
import ssl
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from tests.admission_server import start_program
from tests.http_server import Server
from tests.loadtests import known_server
from tidegate import tools

_START_SECONDS = 60
TOKEN = "token-of-a-test"


@contextlib.contextmanager
def known(folder: Path, facts: Mapping[str, Any]) -> Generator[tuple[int, tools.ServerProcess]]:
    """Port and process of a server whose latencies are those of `facts`."""
    log = folder / f"known-{len(list(folder.iterdir()))}.log"
    process = start_program([sys.executable, known_server.__file__, json.dumps(facts)], log)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not log.exists() or not log.read_text().endswith("\n"):
            assert tools.is_running(process), log.read_text()
            assert time.monotonic() < deadline, "the server did not say its port"
            time.sleep(0.02)
        yield int(log.read_text().split()[0]), process
    finally:
        tools.stop_server(process, grace_seconds=2)


def drawn_seconds(facts: Mapping[str, Any], requests: int) -> list[float]:
    """What such a server gives to its first requests, in their order."""
    return list(islice(known_server.latencies(dict(facts), random.Random(facts.get("seed", 1))), requests))


def injected_ms(facts: Mapping[str, Any], requests: int, quantile: float = 0.99) -> float:
    """The quantile of what such a server gave to so many requests: the truth."""
    drawn = sorted(drawn_seconds(facts, requests))
    return 1000 * drawn[max(0, -int(-requests * quantile // 1) - 1)]


WHOLE = json.dumps(known_server.V2).encode()
DONE = b"data: [DONE]\n\n"


def token_event(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}}]}).encode() + b"\r\n\r\n"


class Misbehaving(http.server.BaseHTTPRequestHandler):
    """Answers as the last part of its path says, each in HTTP/1.1."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        getattr(self, self.path.rpartition("/")[2].replace("-", "_"))()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name http.server gives it
        """Nothing."""

    def reply(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def good(self) -> None:
        self.reply(WHOLE)

    def closing(self) -> None:
        self.reply(WHOLE, Connection="close")

    def closed_silently(self) -> None:
        """As a server that ends idle connections: the next request meets a closed one."""
        self.reply(WHOLE)
        self.close_connection = True

    def until_closed(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + WHOLE)
        self.close_connection = True

    def interim(self) -> None:
        self.wfile.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        self.reply(WHOLE)

    def failing(self) -> None:
        self.reply(b"{}", 500)

    def garbage(self) -> None:
        self.reply(b"outputs")

    def other(self) -> None:
        self.reply(b'{"predictions": [1]}')

    def cut(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        self.close_connection = True

    def nothing(self) -> None:
        self.close_connection = True

    def noise(self) -> None:
        self.wfile.write(b"220 mail.example.com ready\r\n")
        self.close_connection = True

    def slow(self) -> None:
        time.sleep(4.5)
        self.reply(WHOLE)

    def secured(self) -> None:
        is_known = self.headers["Authorization"] == f"Bearer {TOKEN}" and self.headers["Host"].startswith("model.test")
        self.reply(WHOLE, 200 if is_known else 401)

    def stream(self) -> None:
        """Five tokens: the first after 60 ms, then one every 20 ms, each in two pieces."""
        self.events([0.06, 0.02, 0.02, 0.02, 0.02])

    def stream_cut(self) -> None:
        self.events([0.01], end=b"")

    def stream_error(self) -> None:
        self.events([], end=b'data: {"error": {"message": "out of memory"}}\n\n' + DONE)

    def stream_empty(self) -> None:
        self.events([])

    def events(self, pauses: list[float], end: bytes = DONE) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.piece(b'data: {"choices": [{"delta": {"role": "assistant"}}]}\n\n')
        for pause in pauses:
            time.sleep(pause)
            event = token_event("a word")
            self.piece(event[:10])
            self.piece(event[10:])
        if end:
            self.piece(end)
        self.piece(b"")

    def piece(self, content: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))


@contextlib.contextmanager
def misbehaving(wrap: Callable[[Server], object] = lambda _server: None) -> Generator[int]:
    """The port of a server that answers as `Misbehaving` does."""
    server = Server(("127.0.0.1", 0), Misbehaving)
    wrap(server)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def secured(folder: Path) -> Generator[tuple[int, Path]]:
    """The port of the same with TLS as model.test, and the certificate to trust."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    tools.run(
        [*command, "-subj", "/CN=model.test", "-addext", "subjectAltName=DNS:model.test", "-keyout", str(key), "-out", str(certificate)]
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def wrap(server: Server) -> None:
        server.socket = context.wrap_socket(server.socket, server_side=True)

    with misbehaving(wrap) as port:
        yield port, certificate
