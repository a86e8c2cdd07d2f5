"""Who carries a request: over HTTP to any address, with a connection of its own for each, as there are few and large ones."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from tidegate.errors import UsageError

TIMEOUT_SECONDS = 120
"""A model at zero needs its server started first."""

NOT_IN_TIME, BROKEN_OFF = "no answer in time", "broken off"


class NoReplyError(Exception):
    """Nothing came back; the text is the kind under which its rows are counted."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A status and a body."""

    status: int
    body: bytes
    retry_after: str = ""


class Caller(Protocol):
    """Sends a body to a path of one model."""

    def __call__(self, path: str, body: bytes) -> Reply:
        """Raises `NoReplyError`."""
        ...


class HttpCaller:
    """Calls what answers at `url`, for example `https://fraud.models.example.com/scorer`."""

    def __init__(self, url: str, *, token: str = "", address: str = "", ca_file: Path | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UsageError(f"{url!r} is no address; write it like https://fraud.models.example.com/scorer")
        self._name, self._path = parts.hostname, parts.path.rstrip("/")
        self._host, self._port = self._name, parts.port or (443 if parts.scheme == "https" else 80)
        if address:
            host, _, number = address.rpartition(":")
            if not host or not number.isdecimal():
                raise UsageError(f"{address!r} is no host:port; write it like 192.0.2.7:443")
            self._host, self._port = host, int(number)
        try:
            self._tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
        except OSError as error:
            raise UsageError(f"{ca_file} holds no certificates: {error}; name a file in PEM form") from error
        self._headers = {"Host": parts.netloc.rpartition("@")[2], "Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def __call__(self, path: str, body: bytes) -> Reply:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(self._name)
        connection.sock = self._connected()
        return exchanged(connection, f"{self._path}{path}", body, self._headers)

    def _connected(self) -> socket.socket:
        try:
            plain = socket.create_connection((self._host, self._port), timeout=TIMEOUT_SECONDS)
        except ConnectionRefusedError as error:
            raise NoReplyError("connection refused") from error
        except OSError as error:
            raise NoReplyError(f"not connected: {error.strerror or error}") from error
        try:
            return self._tls.wrap_socket(plain, server_hostname=self._name) if self._tls else plain
        except OSError as error:
            plain.close()
            reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else error.strerror or str(error)
            raise NoReplyError(f"TLS failed: {reason}") from error


def exchanged(connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]) -> Reply:
    """The reply on a connection that is open, which is closed then. Raises `NoReplyError`."""
    with contextlib.closing(connection):
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return Reply(answer.status, answer.read(), answer.headers.get("Retry-After", ""))
        except TimeoutError as error:
            raise NoReplyError(NOT_IN_TIME) from error
        except (OSError, http.client.HTTPException) as error:
            raise NoReplyError(BROKEN_OFF) from error
