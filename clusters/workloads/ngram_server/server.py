"""Serves an n-gram model as OpenAI's interface does: `python3 server.py [FOLDER] [--model_name NAME] [--http_port PORT]`.

`/v1/completions`, `/v1/chat/completions` (both also streamed), `/v1/models`, `/health` and `/metrics`. Standard library
only, so that a pod started for the first request after idle time answers within a fraction of a second.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType

from clusters.workloads import verified_model
from clusters.workloads.ngram_server.completions import RequestError, answer, chunks, read_question
from clusters.workloads.ngram_server.ngrams import NgramModel

_EXIT_CODE = 99
"""Of a crash on purpose; see `clusters/workloads/mlserver/faults.py`."""

_HIGHEST_BODY_BYTES = 1 << 20
_CHAT = {"/v1/chat/completions": True, "/v1/completions": False, "/openai/v1/chat/completions": True, "/openai/v1/completions": False}


@dataclass
class Served:
    """The model, its faults and what was counted since start."""

    name: str
    version: str
    model: NgramModel
    delay_ms: int
    crash_at_request: int | None
    headers: Mapping[str, str]
    """Which model every answer is of."""
    requests: dict[int, int] = field(default_factory=dict[int, int])
    asked: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, status: int) -> None:
        """One more answer with `status`."""
        with self.lock:
            self.requests[status] = self.requests.get(status, 0) + 1

    def suffer(self) -> None:
        """What a bad version does before it answers."""
        with self.lock:
            self.asked += 1
            asked = self.asked
        if self.crash_at_request is not None and asked >= self.crash_at_request:
            os._exit(_EXIT_CODE)
        time.sleep(self.delay_ms / 1000)


def load(folder: Path, name: str) -> Served:
    """The model in `folder`, as `clusters.embedded.demo.training` writes it."""
    document = json.loads((folder / "ngrams.json").read_bytes())
    settings = json.loads((folder / "server.json").read_bytes())
    model = NgramModel(document["order"], document["followers"])
    return Served(
        name, settings["version"], model, settings["delay_ms"], settings["crash_at_request"], verified_model.answer_headers(folder)
    )


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet per answer instead of one per header
    disable_nagle_algorithm = True
    served: Served

    def do_GET(self) -> None:
        """Health, the list of models and metrics."""
        served = self.served
        if self.path in {"/health", "/v1/health", "/"}:
            self._send(200, {"status": "ok"})
        elif self.path in {"/v1/models", "/openai/v1/models"}:
            self._send(200, {"object": "list", "data": [{"id": served.name, "object": "model", "owned_by": "tidegate", "created": 0}]})
        elif self.path == "/metrics":
            with served.lock:
                lines = [f'ngram_requests_total{{status="{status}"}} {count}\n' for status, count in sorted(served.requests.items())]
            self._send_text(200, "text/plain; version=0.0.4", "# TYPE ngram_requests_total counter\n" + "".join(lines))
        else:
            self._refuse(404, "no such path")

    def do_POST(self) -> None:
        """A completion."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _HIGHEST_BODY_BYTES:
            self.close_connection = True
            self._refuse(413 if length.isdecimal() else 411, f"send at most {_HIGHEST_BODY_BYTES} bytes, with their number")
            return
        body = self.rfile.read(int(length))
        path = self.path.partition("?")[0]
        if path not in _CHAT:
            self._refuse(404, "no such path")
            return
        try:
            question = read_question(body, is_chat=_CHAT[path])
        except RequestError as error:
            self._refuse(400, str(error))
            return
        served = self.served
        served.suffer()
        served.count(200)
        header = {
            "id": f"cmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": served.name,
            "system_fingerprint": f"version-{served.version}",
        }
        if not question.stream:
            self._send(200, answer(served.model, question, header))
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self._name_the_model()
        self.end_headers()
        for chunk in chunks(served.model, question, header):
            self._event(json.dumps(chunk))
        self._event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name http.server gives it
        """Nothing: Envoy and Knative log requests."""

    def _event(self, text: str) -> None:
        data = f"data: {text}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _name_the_model(self) -> None:
        for name, value in self.served.headers.items():
            self.send_header(name, value)

    def _refuse(self, status: int, message: str) -> None:
        self.served.count(status)
        self._send(status, {"error": {"message": message, "type": "invalid_request_error", "code": status}})

    def _send(self, status: int, document: Mapping[str, object]) -> None:
        self._send_text(status, "application/json", json.dumps(document))

    def _send_text(self, status: int, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self._name_the_model()
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Takes what waits in the queue even when many come at once after a start from zero."""

    request_queue_size = 1024
    daemon_threads = True


def main() -> None:
    """Serves until asked to stop."""
    parser = argparse.ArgumentParser(prog="ngram-server")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("/mnt/models"))
    parser.add_argument("--model_name", default="chat")
    parser.add_argument("--http_port", type=int, default=8080)
    arguments = parser.parse_args()
    Handler.served = load(arguments.folder, arguments.model_name)
    server = Server(("", arguments.http_port), Handler)

    def stop(_number: int, _frame: FrameType | None) -> None:
        # `shutdown` waits for the loop, so it must not run in the loop's own thread.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    sys.stderr.write(f"{arguments.model_name} version {Handler.served.version} on port {arguments.http_port}\n")
    with server:
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
