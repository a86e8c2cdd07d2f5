"""Kept connections to one endpoint: as many as there are requests under way, made when none is idle.

Locust's own clients spend half a millisecond of the processor on a request, this one a tenth. The bytes of a request are made once.
Answers are read by the parser that Locust's client uses.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from geventhttpclient.response import HTTPParseError, HTTPResponse

_READ_BYTES = 65_536


class NoAnswerError(Exception):
    """There was no whole answer; the text is the kind under which it is counted."""


class Pool:
    """Connections to where one endpoint listens."""

    def __init__(self, url: str, address: str | None = None, ca_file: str | None = None) -> None:
        parts = urlsplit(url)
        self._name = parts.hostname or ""
        host, port = self._name, parts.port or (443 if parts.scheme == "https" else 80)
        if address:
            host, _, number = address.rpartition(":")
            port = int(number)
        self.host_header = parts.netloc.rpartition("@")[2]
        # Asked once: a resolver's time is no model's.
        self._family, _, _, _, self._address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self._tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
        self._idle: list[socket.socket] = []

    def exchange(self, request: bytes, answer: HTTPResponse) -> None:
        """Sends the request and feeds the answer's bytes to `answer` until it is whole.

        A kept connection that the server had closed meanwhile is replaced once. Raises `NoAnswerError`.
        """
        while self._idle:
            connection = self._idle.pop()  # the one used last, as pools of clients do
            if self._sent(connection, request) and self._read(connection, answer, is_kept=True):
                return
        connection = self._connected()
        if not self._sent(connection, request):
            raise NoAnswerError("connection reset")
        self._read(connection, answer, is_kept=False)

    def close(self) -> None:
        """Those that are idle."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def _connected(self) -> socket.socket:
        connection = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            connection.connect(self._address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._tls.wrap_socket(connection, server_hostname=self._name) if self._tls else connection
        except ConnectionRefusedError as error:
            connection.close()
            raise NoAnswerError("connection refused") from error
        except ssl.SSLError as error:
            connection.close()
            raise NoAnswerError(f"TLS failed: {error.reason}") from error
        except OSError as error:
            connection.close()
            raise NoAnswerError(f"not connected: {error.strerror}") from error
        except BaseException:  # out of time
            connection.close()
            raise

    def _sent(self, connection: socket.socket, request: bytes) -> bool:
        try:
            connection.sendall(request)
        except OSError:
            connection.close()
            return False
        except BaseException:  # out of time
            connection.close()
            raise
        return True

    def _read(self, connection: socket.socket, answer: HTTPResponse, *, is_kept: bool) -> bool:
        """Whether there was an answer; without a byte of it on a kept connection there may be one on another."""
        has_begun = False
        try:
            while not answer.message_complete or answer.get_code() < 200:
                part = connection.recv(_READ_BYTES)
                if not part:
                    _end_of(answer, has_begun=has_begun)
                    break
                has_begun = True
                answer.feed(part)
        except ConnectionError as error:
            connection.close()
            if is_kept and not has_begun:
                return False
            raise NoAnswerError("answer broken off" if has_begun else "connection reset") from error
        except HTTPParseError as error:
            connection.close()
            raise NoAnswerError("answer is no HTTP") from error
        except BaseException:  # out of time, or broken off
            connection.close()
            raise
        if answer.should_close():
            connection.close()
        else:
            self._idle.append(connection)
        return True


def _end_of(answer: HTTPResponse, *, has_begun: bool) -> None:
    """The server closed the connection: that ends an answer without a length, and breaks any other off."""
    if not has_begun:
        raise ConnectionResetError
    try:
        answer.feed(b"")
    except HTTPParseError as error:
        raise NoAnswerError("answer broken off") from error
    if not answer.message_complete:
        raise NoAnswerError("answer broken off")


def request_bytes(path: str, host: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A whole POST of JSON."""
    fields = {"Host": host, "Content-Type": "application/json", "User-Agent": "tidegate-loadtests", **headers}
    if odd := [name for name, value in fields.items() if any(sign in name + value for sign in "\r\n\0")]:
        raise ValueError(f"header {odd[0]!r} has a line break")
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
