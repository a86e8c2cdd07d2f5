"""A bare Kubernetes API server on loopback: etcd and kube-apiserver of the pinned builds, no node, no controller, no root.

Its admission is the region's: the flags that decide it are read from `clusters/embedded/node`. Whoever starts it may be killed:
both programs ask the kernel to end with their parent.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import ssl
import time
import urllib.parse
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.root import ROOT
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded.builds.go_programs import build
from tidegate.embedded.machines.facts import SupervisedPrograms
from tidegate.facts.inventory.read import read_fact

TOKEN = "of-a-server-that-lives-for-one-test-run"
_ADMISSION_FLAGS = ("--authorization-mode=", "--anonymous-auth=", "--enable-admission-plugins=")
_START_SECONDS = 120
_WARNING = re.compile(r'^299 \S+ "(.*)"$')


@dataclass(frozen=True)
class Answer:
    """What the API server said: its status code, the object or Status it sent, and its warnings."""

    code: int
    body: Any
    warnings: tuple[str, ...]
    seconds: float

    @property
    def message(self) -> str:
        return str(self.body.get("message", "")) if self.code >= 400 else ""


class ApiServer:
    """Requests over one kept connection, as platform engineer unless another user is named."""

    def __init__(self, port: int, certificate: Path) -> None:
        context = ssl.create_default_context(cafile=str(certificate))
        context.check_hostname = False  # the certificate, made by the server itself, is trusted by its bytes
        self._connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=60)
        self.port, self.certificate = port, certificate
        self._audit_log = certificate.parent / "audit.log"
        self._resources: dict[tuple[str, str], tuple[str, bool]] = {}

    def close(self) -> None:
        self._connection.close()

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        content_type: str = "application/json",
        user: str = "",
        groups: Sequence[str] = (),
    ) -> Answer:
        headers = [("Authorization", f"Bearer {TOKEN}"), ("Content-Type", content_type)]
        if user:
            headers += [("Impersonate-User", user), *(("Impersonate-Group", group) for group in groups)]
        payload = json.dumps(body).encode() if body is not None else b""
        try:
            seconds, response, text = self._exchange(method, path, headers, payload)
        except (http.client.HTTPException, OSError):  # the server closes connections that were idle for a while
            self._connection.close()
            seconds, response, text = self._exchange(method, path, headers, payload)
        is_json = "json" in response.getheader("Content-Type", "")
        answered = json.loads(text) if is_json else {"message": text.decode(errors="replace")}
        warnings = tuple(_WARNING.sub(r"\1", line).replace('\\"', '"') for line in response.headers.get_all("Warning") or ())
        return Answer(response.status, answered, warnings, seconds)

    def _exchange(
        self, method: str, path: str, headers: Sequence[tuple[str, str]], payload: bytes
    ) -> tuple[float, http.client.HTTPResponse, bytes]:
        self._connection.putrequest(method, path)
        for name, value in (*headers, ("Content-Length", str(len(payload)))):
            self._connection.putheader(name, value)
        started = time.perf_counter()
        self._connection.endheaders(payload)
        response = self._connection.getresponse()
        text = response.read()
        return time.perf_counter() - started, response, text

    def collection(self, api_version: str, kind: str, namespace: str | None) -> str:
        """The path of all objects of a kind; `KeyError` when the server does not know it."""
        key = (api_version, kind)
        root = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
        if key not in self._resources:
            for one in self.request("GET", root).body.get("resources", ()):
                if "/" not in one["name"]:
                    self._resources[api_version, one["kind"]] = (one["name"], one["namespaced"])
        plural, namespaced = self._resources[key]
        return f"{root}/namespaces/{namespace}/{plural}" if namespaced and namespace else f"{root}/{plural}"

    def path(self, manifest: Mapping[str, Any]) -> str:
        metadata = manifest["metadata"]
        return f"{self.collection(manifest['apiVersion'], manifest['kind'], metadata.get('namespace'))}/{metadata['name']}"

    def create(self, manifest: Mapping[str, Any], *, dry_run: bool = False, user: str = "", groups: Sequence[str] = ()) -> Answer:
        collection = self.collection(manifest["apiVersion"], manifest["kind"], manifest["metadata"].get("namespace"))
        return self.request("POST", f"{collection}{_options(dry_run)}", manifest, user=user, groups=groups)

    def apply(self, manifest: Mapping[str, Any], *, dry_run: bool = False, user: str = "", groups: Sequence[str] = ()) -> Answer:
        """Server-side apply, as Argo CD does it."""
        path = f"{self.path(manifest)}{_options(dry_run)}&fieldManager=argocd-controller&force=true"
        return self.request("PATCH", path, manifest, content_type="application/apply-patch+yaml", user=user, groups=groups)

    def must_apply(self, manifest: Mapping[str, Any]) -> None:
        answer = self.apply(manifest)
        assert answer.code in {200, 201}, f"{manifest['kind']} {manifest['metadata']['name']}: {answer.message}"

    def audit_events(self) -> list[dict[str, Any]]:
        """What the audit log holds so far, by the region's audit policy."""
        return [json.loads(line) for line in self._audit_log.read_text(encoding="utf-8").splitlines()]

    def metrics(self) -> str:
        return str(self.request("GET", "/metrics").body["message"])


def _options(dry_run: bool) -> str:
    asked = {"fieldValidation": "Strict", **({"dryRun": "All"} if dry_run else {})}
    return f"?{urllib.parse.urlencode(asked)}"


@contextlib.contextmanager
def running_api_server(folder: Path, *, without: Sequence[str] = ()) -> Generator[ApiServer]:
    """Starts both programs with everything they keep below `folder`, and ends them; `without` names admission plugins to leave out."""
    programs = build(Checkout(ROOT), lambda _subject, _what: None, only=("etcd", "kube-apiserver"))
    client, peer, port = _free_ports(3)
    etcd = f"http://127.0.0.1:{client}"
    started = [
        start_program(
            [
                str(programs["etcd"]), f"--data-dir={folder / 'etcd'}", f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}",
                f"--listen-peer-urls=http://127.0.0.1:{peer}", f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
                f"--initial-cluster=default=http://127.0.0.1:{peer}", "--unsafe-no-fsync", "--log-level=warn",
            ],
            folder / "etcd.log",
        )
    ]  # fmt: skip
    try:
        _write_credentials(folder)
        command = _api_server_command(programs["kube-apiserver"], folder, etcd, port)
        if without:
            command.append(f"--disable-admission-plugins={','.join(without)}")
        started.append(start_program(command, folder / "kube-apiserver.log"))
        with contextlib.closing(_ready(started[1], port, folder)) as api:
            yield api
    finally:
        for server in reversed(started):
            tools.stop_server(server, grace_seconds=2)


def _api_server_command(program: Path, folder: Path, etcd: str, port: int) -> list[str]:
    region = read_fact(ROOT, Path("clusters/embedded/node/programs.yaml"), SupervisedPrograms).programs["kube-apiserver"].command
    return [
        str(program),
        *(flag for flag in region if flag.startswith(_ADMISSION_FLAGS)),
        f"--admission-control-config-file={ROOT / 'clusters/embedded/node/admission.yaml'}",
        f"--audit-policy-file={ROOT / 'clusters/embedded/node/audit-policy.yaml'}",
        f"--audit-log-path={folder / 'audit.log'}",
        f"--etcd-servers={etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={folder / 'accounts.pub'}",
        f"--service-account-signing-key-file={folder / 'accounts.key'}",
        "--service-cluster-ip-range=10.255.0.0/24",
        "--endpoint-reconciler-type=none",
        "--allow-privileged=true",  # as in production; otherwise such pods are refused before any policy sees them
        "--profiling=false",
    ]


def _write_credentials(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    (folder / "accounts.key").write_bytes(private)
    (folder / "accounts.pub").write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    (folder / "tokens.csv").write_text(f'{TOKEN},platform-engineer,1,"system:masters"\n', encoding="utf-8")


def start_program(command: Sequence[str], log: Path) -> tools.ServerProcess:
    # Not even `kill -9` of the tests leaves it behind: the kernel sends it the signal when its parent ends.
    return tools.start_server(["setpriv", "--pdeathsig", "KILL", *command], log_path=log)


def _ready(server: tools.ServerProcess, port: int, folder: Path) -> ApiServer:
    log = folder / "kube-apiserver.log"
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        assert tools.is_running(server), f"kube-apiserver ended:\n{log.read_text(encoding='utf-8')[-2000:]}"
        with contextlib.suppress(OSError, http.client.HTTPException):
            if (certificate := folder / "apiserver.crt").exists():
                with contextlib.closing(ApiServer(port, certificate)) as found:
                    if found.request("GET", "/readyz").code == 200:
                        return ApiServer(port, certificate)
        time.sleep(0.1)
    raise AssertionError(f"kube-apiserver was not ready after {_START_SECONDS} s:\n{log.read_text(encoding='utf-8')[-2000:]}")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(one.getsockname()[1]) for one in sockets]
