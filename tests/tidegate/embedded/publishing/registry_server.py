"""A real image registry (go-containerregistry's) behind a door that asks for a password, cuts uploads off and counts them."""

from __future__ import annotations

import base64
import http.client
import http.server
import json
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.http_server import Server
from tests.root import ROOT
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded.images import Image, layout
from tidegate.embedded.images.store import Store
from tidegate.embedded.publishing.publish import Built
from tidegate.embedded.publishing.registry import Registry
from tidegate.tools.waiting import wait_until

RIGHT = "publisher:right"
_PASSED_ON = ("Content-Type", "Content-Length", "Content-Range", "Accept", "Authorization")
_PASSED_BACK = ("Content-Type", "Content-Length", "Location", "Range", "Docker-Content-Digest")


@dataclass
class Door:
    """How the door behaves, and what passed through it."""

    cuts: bool = False
    """Ends the connection in the middle of a blob."""
    swaps: bytes = b""
    """What it stores in place of each manifest."""
    written: list[str] = field(default_factory=list[str])
    """Every write that the registry took."""


@dataclass(frozen=True)
class Served:
    """A running registry and its door."""

    registry: Registry
    door: Door
    folder: Path

    def log_in(self, who: str) -> dict[str, str]:
        """What `docker login` leaves behind, as a variable."""
        folder = self.folder / who.replace(":", "-")
        folder.mkdir(exist_ok=True)
        auths = {self.registry.host: {"auth": base64.b64encode(who.encode()).decode()}}
        (folder / "config.json").write_text(json.dumps({"auths": auths}))
        return {"DOCKER_CONFIG": str(folder)}


@contextmanager
def served(folder: Path) -> Generator[Served]:
    """The registry for as long as the block takes; empty at its beginning."""
    door, log = Door(), folder / "registry.log"
    registry = Registry.opened(Checkout(ROOT), "", lambda _subject, _what: None)
    behind = tools.start_server([str(registry.crane), "registry", "serve", "--address", "127.0.0.1:0"], log_path=log)
    try:
        wait_until(lambda: "serving on port" in log.read_text(), "the registry", patience_seconds=30)
        port = re.search(r"serving on port (\d+)", log.read_text())
        assert port
        server = Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"port": int(port[1]), "door": door}))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield Served(Registry(registry.crane, f"127.0.0.1:{server.server_port}"), door, folder)
        finally:
            server.shutdown()
            server.server_close()
    finally:
        tools.stop_server(behind)


class _Handler(http.server.BaseHTTPRequestHandler):
    """The door; what it stands before is in the classes that are made of it."""

    port: int
    door: Door
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        if self.headers.get("Authorization") != f"Basic {base64.b64encode(RIGHT.encode()).decode()}":
            self._answer(401, {"WWW-Authenticate": 'Basic realm="registry"'}, b'{"errors": [{"code": "UNAUTHORIZED", "message": "no"}]}')
            return
        body = self._body()
        if body is None:
            self.close_connection = True
            return
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {name: value for name in _PASSED_ON if (value := self.headers.get(name))}
        asked.request(self.command, self.path, body, {**headers, "Content-Length": str(len(body))})
        answer = asked.getresponse()
        if self.command in {"PUT", "PATCH", "POST"} and answer.status < 300:
            self.door.written.append(f"{self.command} {self.path.partition('?')[0]}")
        self._answer(answer.status, {name: value for name in _PASSED_BACK if (value := answer.headers.get(name))}, answer.read())
        asked.close()

    def _body(self) -> bytes | None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            content = b""
            while size := int(self.rfile.readline(), 16):
                content += self.rfile.read(size)
                self.rfile.readline()
                if self.door.cuts and content:
                    return None
            self.rfile.readline()
        else:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.door.cuts and self.command == "PATCH":
                return None
        return self.door.swaps if self.door.swaps and self.command == "PUT" and "/manifests/" in self.path else content

    def _answer(self, code: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(code)
        for name, value in {**headers, **({} if self.command == "HEAD" else {"Content-Length": str(len(body))})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = handle_any  # noqa: N815 - the names that the standard library looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Nothing."""


def built(folder: Path, name: str, content: bytes, tag: str = "1.7.1") -> Built:
    """A small image of one layer, with a bill about it."""
    repository = f"registry.example.com/tidegate/{name}"
    store = Store(folder / "store")
    manifest = layout.write_manifest(store, [store.add_bytes(content)], layout.Running(["/x"], [], {}, 1000, "/"))
    where = folder / "layouts" / manifest.digest[7:19]
    layout.write_layout(store, manifest, f"{repository}:{tag}", where)
    return Built(Image(name, tag, repository, manifest.digest, where), bill(repository, manifest.digest))


def bill(repository: str, digest: str, **more: object) -> bytes:
    """As much of CycloneDX as says what it is about."""
    return json.dumps({"bomFormat": "CycloneDX", "metadata": {"component": {"name": repository, "version": digest}}, **more}).encode()
