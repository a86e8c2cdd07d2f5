"""One API server over kept connections, with the platform engineer's certificate: kubectl would start a process for each question."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit


class ApiClient:
    """From a kubeconfig in JSON as `tidegate up` writes it; to be closed. Each thread has a connection of its own."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text(encoding="utf-8"))
        server, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._address = urlsplit(str(server["server"]))
        self._tls = ssl.create_default_context(cadata=base64.b64decode(server["certificate-authority-data"]).decode())
        with tempfile.NamedTemporaryFile(suffix=".pem") as both:  # readable by its owner only
            both.write(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
            both.flush()
            self._tls.load_cert_chain(both.name)
        self._own = threading.local()
        self._all: list[http.client.HTTPSConnection] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends every connection."""
        for connection in self._all:
            connection.close()

    def fetch(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 60,
    ) -> tuple[int, bytes]:  # fmt: skip
        """Status and answer as it came. Raises `OSError` or `http.client.HTTPException` when there is none."""
        payload = b"" if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", "Accept": "application/json", **(headers or {})}
        for attempt in range(2):
            connection: http.client.HTTPSConnection | None = getattr(self._own, "connection", None)
            if connection is None:
                connection = http.client.HTTPSConnection(self._address.hostname or "", self._address.port, context=self._tls)
                self._own.connection = connection
                self._all.append(connection)
            connection.timeout = timeout_seconds
            if connection.sock:
                connection.sock.settimeout(timeout_seconds)
            try:
                connection.request(method, path, payload, sent)
                answer = connection.getresponse()
                return answer.status, answer.read()
            except TimeoutError:
                connection.close()
                raise
            except (OSError, http.client.HTTPException):  # the server may have closed what was idle
                connection.close()
                if attempt:
                    raise
        raise AssertionError

    def request(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, user: str = "", content_type: str = "application/json",
    ) -> tuple[int, Any]:  # fmt: skip
        """Status and answer; as `user` if given."""
        headers = {"Content-Type": content_type, **({"Impersonate-User": user} if user else {})}
        status, answer = self.fetch(method, path, body, headers=headers)
        return status, json.loads(answer)

    def read(self, path: str) -> Any:
        """What is at a path."""
        status, answer = self.request("GET", path)
        assert status == 200, f"{path}: {answer}"
        return answer
