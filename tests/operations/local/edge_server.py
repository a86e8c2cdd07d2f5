"""An edge on loopback: TLS with the internet machine's authority, answers as told, and remembers who called."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import ssl
import threading
from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from canned_cluster import ROOT, platform
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tidegate import tools
from tidegate.model.platform import Platform
from tidegate.operations.checkout import Checkout
from tidegate.operations.local import certificates, host, internet, network
from tidegate.operations.local.bring_up import Local
from tidegate.operations.local.machines import Machine
from tidegate.operations.local.region import read_addresses


@dataclass
class Edge:
    """What it answers, and what it was asked."""

    port: int
    status: int = 200
    body: str = "{}"
    names: list[str | None] = field(default_factory=list[str | None])
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @property
    def claims(self) -> dict[str, Any]:
        """What is in the token of the last request."""
        part = self.asked[-1]["headers"]["Authorization"].removeprefix("Bearer ").split(".")[1]
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class _Handler(BaseHTTPRequestHandler):
    edge: ClassVar[Edge]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.edge.asked.append({"path": self.path, "headers": dict(self.headers), "body": body})
        if self.edge.status == 0:
            return  # ends the connection without a word
        answer = self.edge.body.encode()
        self.send_response(self.edge.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        del format, args


def make_local(tmp_path: Path, ports: dict[str, int], known: Platform | None = None) -> Local:
    """Machines that seem to run, with relays on the given ports."""
    checkout = Checkout(tmp_path)
    local = Local(checkout, known or platform(), read_addresses(Checkout(ROOT)))
    for name in (host.HOST, network.INTERNET):
        seem_to_run(local.machine(name))
    certificates.write_secret(local.machine(network.INTERNET).folder / "pki" / "token-signing.key", _signing_key())
    (checkout.embedded / "ports.json").write_text(json.dumps(ports))
    return local


@functools.cache
def _signing_key() -> bytes:
    """One for all tests: making it takes half a second."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def seem_to_run(machine: Machine) -> None:
    machine.folder.mkdir(parents=True, exist_ok=True)
    (machine.folder / "process.json").write_text(json.dumps(asdict(tools.itself())))


@contextlib.contextmanager
def serve(tmp_path: Path, *hosts: str) -> Generator[Edge]:
    """An edge whose certificate names `hosts`."""
    machine = Machine(Checkout(tmp_path), "test", network.INTERNET)
    issued = certificates.issue(internet.own_authority(machine), hosts[0], hosts=hosts)
    (tmp_path / "edge.crt").write_bytes(issued.certificate_pem)
    (tmp_path / "edge.key").write_bytes(issued.key_pem)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {}))
    edge = Edge(server.server_address[1])
    server.RequestHandlerClass.edge = edge  # type: ignore[attr-defined]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "edge.crt", tmp_path / "edge.key")
    context.sni_callback = lambda _socket, name, _context: edge.names.append(name)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda request, client_address: None  # noqa: ARG005 - refused handshakes are part of the tests
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield edge
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
