"""One kept connection of a caller, in plain text or TLS, over which one request at a time is under way."""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass

TIMEOUT_SECONDS = 10
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)")


@dataclass(frozen=True, slots=True)
class Asked:
    """Where a request goes and its bytes; `name` is whom the server's certificate must name, where there is TLS."""

    port: int
    request: bytes
    tls: ssl.SSLContext | None = None
    name: str | None = None


class Connection:
    """Sends one request and reads its answer, at once or bit by bit."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._answer = b""
        plain = socket.create_connection(("127.0.0.1", asked.port), timeout=TIMEOUT_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = asked.tls.wrap_socket(plain, server_hostname=asked.name) if asked.tls else plain

    def fileno(self) -> int:
        """For `select`."""
        return self.socket.fileno()

    def exchange(self) -> tuple[int, bytes]:
        """Status and body of one request, waited for."""
        self.socket.settimeout(TIMEOUT_SECONDS)
        self.begin()
        while (found := self._whole()) is None:
            self._take(self.socket.recv(65536))
        return found

    def begin(self) -> None:
        """Sends the request; it is smaller than any socket's buffer, so nothing waits."""
        self._answer = b""
        self.socket.sendall(self._asked.request)

    def look(self) -> tuple[int, bytes] | None:
        """Status and body, if the answer is there; the socket must not wait (`socket.setblocking(False)`)."""
        try:
            while True:
                self._take(self.socket.recv(65536))
        except (BlockingIOError, ssl.SSLWantReadError):
            return self._whole()

    def close(self) -> None:
        """Whatever is under way."""
        self.socket.close()

    def _take(self, part: bytes) -> None:
        if not part:
            raise ConnectionResetError("the server closed the connection before the answer's end")
        self._answer += part

    def _whole(self) -> tuple[int, bytes] | None:
        head, ended, body = self._answer.partition(b"\r\n\r\n")
        if not ended:
            return None
        length = _LENGTH.search(head)
        if length is None:
            raise ConnectionError(f"an answer without a length: {head[:300]!r}")
        return (int(head.split(b" ", 2)[1]), body) if len(body) >= int(length[1]) else None
