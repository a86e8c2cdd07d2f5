"""An edge and a token issuer on loopback: TLS with the internet machine's authority; they answer as told, and remember who called."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import ssl
import threading
from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.http_server import Server
from tests.root import ROOT
from tests.tidegate.live.canned_cluster import platform
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded.fleet import host, internet
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.fleet.region import read_addresses
from tidegate.embedded.identity import certificates, token_issuer, tokens
from tidegate.embedded.machines import network
from tidegate.embedded.machines.machines import Machine
from tidegate.facts.platform import Platform


@dataclass
class Edge:
    """What it answers, and what it was asked."""

    port: int
    status: int = 200
    body: str = "{}"
    names: list[str | None] = field(default_factory=list[str | None])
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    keys: Path = Path()
    login: tuple[int, str] | None = None
    """What the issuer answers; None for a token."""
    logins: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    """Who asked the issuer: client, secret, tenant."""

    @property
    def claims(self) -> dict[str, Any]:
        """What is in the token of the last request."""
        part = self.asked[-1]["headers"]["Authorization"].removeprefix("Bearer ").split(".")[1]
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class _Handler(BaseHTTPRequestHandler):
    edge: ClassVar[Edge]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Host"] == internet.LOGIN_HOST:
            self._answer(*self._login(body.decode()))
            return
        self.edge.asked.append({"path": self.path, "headers": dict(self.headers), "body": body})
        if self.edge.status == 0:
            return  # ends the connection without a word
        self._answer(self.edge.status, self.edge.body)

    def _login(self, form: str) -> tuple[int, str]:
        assert self.path == "/tidegate/token"
        asked = {name: values[0] for name, values in parse_qs(form, strict_parsing=True).items()}
        assert asked["grant_type"] == "client_credentials"
        subject, secret = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode().split(":")
        self.edge.logins.append((unquote(subject), unquote(secret), asked["scope"]))
        if self.edge.login:
            return self.edge.login
        token = tokens.sign(
            self.edge.keys, issuer="https://login.example.com/tidegate", audience="https://models.example.com", subject=unquote(subject),
            claims={"tenant": asked["scope"]},
        )  # fmt: skip
        return 200, json.dumps({"access_token": token, "expires_in": 3600, "token_type": "Bearer"})

    def _answer(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        del format, args


def make_local(tmp_path: Path, ports: dict[str, int], known: Platform | None = None) -> Local:
    """Machines that seem to run, with relays on the given ports."""
    checkout = Checkout(tmp_path)
    local = Local(checkout, known or platform(), read_addresses(Checkout(ROOT)))
    for name in (host.HOST, network.INTERNET):
        seem_to_run(local.machine(name))
    folder = local.machine(network.INTERNET).folder
    for name, content in zip(tokens.KEY_FILES.values(), _signing_keys(), strict=True):
        certificates.write_secret(folder / "pki" / name, content)
    token_issuer.write_settings(folder, local.platform)
    (checkout.embedded / "ports.json").write_text(json.dumps(ports))
    return local


@functools.cache
def _signing_keys() -> tuple[bytes, bytes]:
    """The same for all tests: making one takes half a second."""
    return (_signing_key(), _signing_key())


def _signing_key() -> bytes:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def seem_to_run(machine: Machine) -> None:
    machine.folder.mkdir(parents=True, exist_ok=True)
    (machine.folder / "process.json").write_text(json.dumps(asdict(tools.itself())))


@contextlib.contextmanager
def serve(tmp_path: Path, *hosts: str) -> Generator[Edge]:
    """An edge whose certificate names `hosts`, and the issuer on the same port."""
    machine = Machine(Checkout(tmp_path), "test", network.INTERNET)
    issued = certificates.issue(internet.own_authority(machine), hosts[0], hosts=[*hosts, internet.LOGIN_HOST])
    (tmp_path / "edge.crt").write_bytes(issued.certificate_pem)
    (tmp_path / "edge.key").write_bytes(issued.key_pem)
    server = Server(("127.0.0.1", 0), type("Handler", (_Handler,), {}))
    edge = Edge(server.server_address[1], keys=machine.folder / "pki")
    server.RequestHandlerClass.edge = edge  # type: ignore[attr-defined]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "edge.crt", tmp_path / "edge.key")
    context.sni_callback = lambda _socket, name, _context: edge.names.append(name)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield edge
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
