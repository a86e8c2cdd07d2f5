"""A real Vault on loopback, and what stands around it: who reviews tokens, and an AWS that enforces its policies."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tidegate import tools
from tidegate.embedded.vault.vault import sealing_key
from tidegate.embedded.vault.vault_client import Vault
from tidegate.errors import MachineError

_KEY = ec.generate_private_key(ec.SECP256R1())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def account_token(namespace: str, account: str, audience: str = "vault") -> str:
    """A ServiceAccount's token as the API server writes it; our reviewer believes it."""
    user = {"namespace": namespace, "serviceaccount": {"name": account, "uid": f"{namespace}-{account}"}}
    claims = {
        "aud": [audience], "exp": int(time.time()) + 600, "iat": int(time.time()), "iss": "https://kubernetes.default.svc",
        "kubernetes.io": user, "sub": f"system:serviceaccount:{namespace}:{account}",
    }  # fmt: skip
    signed = ".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "ES256", "typ": "JWT"}, claims))
    r, s = decode_dss_signature(_KEY.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{_encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class _Reviewer(BaseHTTPRequestHandler):
    """The API server's TokenReview: says whose token it is, and for whom."""

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        payload = review["spec"]["token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        fits = sorted(set(claims["aud"]) & set(review["spec"].get("audiences") or claims["aud"]))
        user = {"username": claims["sub"], "uid": claims["kubernetes.io"]["serviceaccount"]["uid"]}
        review["status"] = {"authenticated": bool(fits), "user": user, "audiences": fits} if fits else {"authenticated": False}
        body = json.dumps(review).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Says nothing."""


@contextmanager
def reviewer() -> Generator[str]:
    """The address of a TokenReview endpoint."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Reviewer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Server:
    """A Vault process whose data and sealing key are in `folder`."""

    program: Path
    folder: Path
    port: int = field(default_factory=free_port)
    process: tools.ServerProcess | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "vault.log").read_text(encoding="utf-8")

    def start(self, until: str = "") -> None:
        """Returns when it answers unsealed or, where `until` is named, when its log has that text since."""
        config = self.folder / "vault.hcl"
        config.write_text(
            f'disable_mlock = true\ndefault_lease_ttl = "10m"\nstorage "file" {{\n  path = "{self.folder / "data"}"\n}}\n'
            f'listener "tcp" {{\n  address = "127.0.0.1:{self.port}"\n  tls_disable = true\n}}\n'
        )
        sealing_key(self.folder)
        (self.folder / "vault.log").unlink(missing_ok=True)
        self.process = tools.start_server(
            [str(self.program), "server", f"-config={config}"], log_path=self.folder / "vault.log", cwd=self.folder,
            env={"VAULT_SEAL_KEY_FILE": str(self.folder / "vault-seal.key")},
        )  # fmt: skip
        self.wait(until)

    def stop(self) -> None:
        if self.process:
            tools.stop_server(self.process)
            self.process = None

    def wait(self, until: str) -> None:
        vault, deadline = Vault(self.address), time.monotonic() + 60
        while True:
            try:
                if until in self.log if until else not vault.is_initialized() or not vault.is_sealed():
                    return
            except MachineError:
                pass
            assert time.monotonic() < deadline, self.log
            time.sleep(0.1)
