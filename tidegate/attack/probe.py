"""What an attacker's pod runs: sends the calls it reads from stdin and prints one JSON line for what became of each.

It is handed to `python3 -c` inside the pod, so it knows nothing of this package and needs nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Any

_AT_ONCE = 4
"""Two cores serve the whole platform."""

_BODY_MAX = 160


def main() -> None:
    """Reads the calls, sends each once and prints the outcomes."""
    asked: dict[str, Any] = json.load(sys.stdin)
    calls: list[dict[str, Any]] = asked["calls"]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for outcome in threads.map(attempt, calls, repeat(str(asked["certificates"]))):
            sys.stdout.write(json.dumps(outcome) + "\n")


def attempt(call: dict[str, Any], certificates: str) -> dict[str, Any]:
    """The outcome of one call: a status, or the kind of failure; never an exception."""
    outcome: dict[str, Any] = {"id": call["id"], "status": 0, "failure": "", "detail": "", "port": 0}
    started = time.monotonic()
    try:
        with socket.create_connection((call["address"], call["port"]), timeout=call["connect_seconds"]) as plain:
            outcome["port"] = plain.getsockname()[1]
            plain.settimeout(call["timeout_seconds"])
            with contextlib.ExitStack() as open_connections:
                connection = plain
                if call["tls"] != "none":
                    connection = open_connections.enter_context(_secure(plain, call, certificates))
                connection.sendall(_request(call))
                outcome["status"], outcome["detail"] = _read(connection)
                if not outcome["status"]:
                    outcome["failure"] = "reset"
    except (OSError, ValueError) as error:
        outcome["failure"], outcome["detail"] = kind(error), str(error)[:_BODY_MAX]
    outcome["milliseconds"] = round((time.monotonic() - started) * 1000, 1)
    return outcome


_KINDS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((TimeoutError,), "timeout"),
    ((ConnectionRefusedError,), "refused"),
    ((ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError, BrokenPipeError), "reset"),
    ((ssl.SSLError,), "tls"),
    ((socket.gaierror,), "no such name"),
    ((OSError,), "unreachable"),
)


def kind(error: Exception) -> str:
    """One word for how a connection failed."""
    return next((word for kinds, word in _KINDS if isinstance(error, kinds)), "garbage")


def _secure(plain: socket.socket, call: dict[str, Any], certificates: str) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # who attacks does not care whom he meets
    context.set_alpn_protocols(["istio-http/1.1", "http/1.1"] if call["tls"] == "mutual" else ["http/1.1"])
    if call["tls"] == "mutual":
        context.load_cert_chain(f"{certificates}/cert-chain.pem", f"{certificates}/key.pem")
    return context.wrap_socket(plain, server_hostname=call["sni"] or None)


def _request(call: dict[str, Any]) -> bytes:
    body = call["body"].encode()
    lines = [f"{call['method']} {call['path']} HTTP/1.1", *(f"{name}: {value}" for name, value in call["headers"])]
    lines += [f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _read(connection: socket.socket) -> tuple[int, str]:
    """The status and the beginning of the body; 0 when the connection ended without an answer."""
    received = b""
    while len(received) < 65536:
        block = connection.recv(16384)
        if not block:
            break
        received += block
        head, end, body = received.partition(b"\r\n\r\n")
        if end and len(body) >= min(_BODY_MAX, _length(head)):  # Envoy keeps a refused connection open for a second
            break
    if not received:
        return 0, "closed without an answer"
    if not received.startswith(b"HTTP/"):
        raise ValueError(f"no HTTP: {received[:40]!r}")
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), body[:_BODY_MAX].decode(errors="replace")


def _length(head: bytes) -> int:
    """What the answer says of its body's length; a chunked one does not say."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return _BODY_MAX


if __name__ == "__main__":
    main()
