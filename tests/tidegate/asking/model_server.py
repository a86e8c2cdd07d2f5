"""A model server on loopback that answers as told, in the three protocols."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar

from tests.http_server import Server

Reply = tuple[int, object]


@dataclass
class ModelServer:
    """What it answers, and what it was asked."""

    answer: Callable[[str, dict[str, Any]], Reply]
    """From path and body; a body of bytes is sent as it is, status 0 ends the connection without a word."""
    asked: list[tuple[str, dict[str, Any], dict[str, str]]] = field(default_factory=list[tuple[str, dict[str, Any], dict[str, str]]])
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/scorer"


def features(body: dict[str, Any]) -> list[list[float]]:
    """Rows of a request of the second protocol."""
    tensor = body["inputs"][0]
    width = tensor["shape"][1]
    return [tensor["data"][begin : begin + width] for begin in range(0, len(tensor["data"]), width)]


class _Handler(BaseHTTPRequestHandler):
    server_of: ClassVar[ModelServer]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server_of.asked.append((self.path, body, dict(self.headers)))
        status, answer = self.server_of.answer(self.path, body)
        if status == 0:
            return
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
        pass


@contextlib.contextmanager
def serve(answer: Callable[[str, dict[str, Any]], Reply]) -> Generator[ModelServer]:
    """Runs while the block does."""
    told = ModelServer(answer)
    server = Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"server_of": told}))
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
