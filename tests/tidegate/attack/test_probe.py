"""What runs in an attacker's pod tells refusals, broken connections and answers apart; a wrong word would hide a hole."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tidegate.attack import probe
from tidegate.attack.cells import Call, Outcome

Answer = Callable[[socket.socket], object]


@contextmanager
def server(answer: Answer) -> Generator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


def call(port: int, **changes: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "id": "one", "address": "127.0.0.1", "port": port, "tls": "none", "sni": "", "method": "POST", "path": "/x",
        "headers": (("Host", "h"), ("X-Twice", "a"), ("X-Twice", "b")), "body": "{}", "timeout_seconds": 1,
    }  # fmt: skip
    return Call.model_validate(asked | changes).model_dump()


def attempt(port: int, **changes: Any) -> Outcome:
    return Outcome.model_validate(probe.attempt(call(port, **changes), "/nowhere"))


def test_status_and_body_are_told_without_waiting_for_the_end_of_the_connection() -> None:
    heard: list[bytes] = []
    done = threading.Event()

    def answer(connection: socket.socket) -> None:
        heard.append(connection.recv(4096))
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 19\r\n\r\nRBAC: access denied")
        done.wait(5)

    with server(answer) as port:
        outcome = attempt(port)
        done.set()
    assert (outcome.status, outcome.seen, outcome.detail) == (403, "403", "RBAC: access denied")
    assert heard[0].count(b"X-Twice: ") == 2, "a header that is sent twice is two lines"


def test_connection_that_ends_without_an_answer_is_a_reset() -> None:
    with server(lambda connection: connection.recv(4096)) as port:
        assert attempt(port).seen == "reset"


def test_silence_is_a_timeout() -> None:
    done = threading.Event()
    with server(lambda _connection: done.wait(5)) as port:
        outcome = attempt(port, timeout_seconds=0.2)
        done.set()
    assert outcome.seen == "timeout"


def test_closed_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert attempt(port).seen == "refused"


def test_answer_that_is_no_http_is_garbage() -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"SSH-2.0-something\r\n")

    with server(answer) as port:
        assert attempt(port).seen == "garbage"


def test_plain_answer_to_a_tls_caller_is_not_an_answer() -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with server(answer) as port:
        assert attempt(port, tls="plain").seen in {"tls", "reset"}


def test_program_needs_nothing_but_python() -> None:
    """It is handed to the interpreter in a pod, which has no package of ours."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    asked = json.dumps({"certificates": "", "calls": [call(port), call(port, id="two")]})
    program = Path(probe.__file__).read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], input=asked, capture_output=True, text=True, check=True, timeout=60
    )  # fmt: skip
    outcomes = [Outcome.model_validate_json(line) for line in done.stdout.splitlines()]
    assert [(one.id, one.seen) for one in outcomes] == [("one", "refused"), ("two", "refused")]


@pytest.mark.parametrize(
    ("error", "word"), [(TimeoutError(), "timeout"), (OSError(113, "no route"), "unreachable"), (ValueError(), "garbage")]
)
def test_failures_have_a_word_each(error: Exception, word: str) -> None:
    assert probe.kind(error) == word
