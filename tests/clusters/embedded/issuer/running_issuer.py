"""The token issuer as a process with the packages of its lock, and a client of it."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tidegate import tools
from tidegate.checkout import find_checkout
from tidegate.embedded.identity import token_issuer
from tidegate.embedded.images import python_site
from tidegate.facts import inventory

CHECKOUT = find_checkout(Path(__file__).parent)
PLATFORM = inventory.load(CHECKOUT.root)
SERVER = CHECKOUT.root / "clusters" / "embedded" / "issuer" / "server.py"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
GRANT = {"grant_type": "client_credentials"}


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("issuer", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass(frozen=True)
class Issuer:
    """A running issuer, and the folder of its machine."""

    machine: Path
    listens_on: Path
    log: Path

    def ask(
        self, method: str, path: str, body: str | bytes = "", headers: Mapping[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = UnixConnection(self.listens_on)
        try:
            connection.request(method, f"/tidegate{path}", body or None, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def basic(self, subject: str = "card-authorisation", secret: str = "") -> dict[str, str]:
        proof = f"{subject}:{secret or token_issuer.secret_of(self.machine, subject)}"
        return {"Authorization": f"Basic {base64.b64encode(proof.encode()).decode()}"}

    def token(self, **asked: str) -> str:
        status, _, body = self.ask("POST", "/token", urlencode({**GRANT, **asked}), {**FORM, **self.basic()})
        assert status == 200, body
        return json.loads(body)["access_token"]

    def keys(self) -> dict[str, rsa.RSAPublicKey]:
        status, _, body = self.ask("GET", "/keys")
        assert status == 200
        return {one["kid"]: rsa.RSAPublicNumbers(number(one["e"]), number(one["n"])).public_key() for one in json.loads(body)["keys"]}

    def verified(self, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims, after checking the signature with the key that the header names."""
        head, payload, signature = token.split(".")
        header = json.loads(decoded(head))
        self.keys()[header["kid"]].verify(decoded(signature), f"{head}.{payload}".encode(), padding.PKCS1v15(), hashes.SHA256())
        return header, json.loads(decoded(payload))


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def number(part: str) -> int:
    return int.from_bytes(decoded(part), "big")


@contextmanager
def started(machine: Path) -> Generator[Issuer]:
    """The process, until it has been asked to end."""
    settings = token_issuer.write_settings(machine, PLATFORM) / "settings.json"
    made = Issuer(machine, machine / "issuer.sock", machine / "issuer.log")
    site = python_site.site_folder(CHECKOUT, "locks/issuer.txt", lambda _line: None)
    process = tools.start_server(
        [str(CHECKOUT.python), "-S", str(SERVER), str(settings), str(made.listens_on)], log_path=made.log,
        env={"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "error"},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                made.ask("GET", "/keys")
                break
            except OSError:
                assert tools.is_running(process), made.log.read_text()
                assert time.monotonic() < deadline, made.log.read_text()
                time.sleep(0.05)
        yield made
    finally:
        tools.stop_server(process)
