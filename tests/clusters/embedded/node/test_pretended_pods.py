"""Of a pod that is only pretended Knative hears that nobody asks it; the rest of the machine answers nothing there."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import importlib.util
import socket
import threading
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any

import pytest

from tests.root import ROOT

SOURCE = ROOT / "clusters/embedded/node/pretended_pods.py"


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    spec = importlib.util.spec_from_file_location("pretended_pods", SOURCE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    answers: list[Any] = []
    answer = module.Answer

    def noted(pods: IPv4Network) -> asyncio.Protocol:
        answers.append(answer(pods))
        return answers[-1]

    monkeypatch.setattr(module, "Answer", noted)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(module.serve("0.0.0.0", 0, IPv4Network("127.7.0.0/16")))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield server.sockets[0].getsockname()[1]

    async def close() -> None:
        """Until Python 3.12 a server that is closed leaves its connections open."""
        server.close()
        for answer in answers:
            answer._transport.abort()
        await asyncio.sleep(0.1)

    asyncio.run_coroutine_threadsafe(close(), loop).result(timeout=10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def ask(address: str, port: int, path: str = "/metrics") -> tuple[int, str | None, bytes]:
    connection = http.client.HTTPConnection(address, port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    found = answer.status, answer.headers.get("Content-Type"), answer.read()
    connection.close()
    return found


def test_every_pretended_pod_says_that_nothing_is_under_way(port: int) -> None:
    day = b"1\0\0\0\0\x00\x18\xf5\x40"
    assert ask("127.7.0.1", port) == (200, "application/protobuf", b"\n\x09127.7.0.1" + day)
    assert ask("127.7.3.199", port) == (200, "application/protobuf", b"\n\x0b127.7.3.199" + day)


def test_other_addresses_and_paths_say_nothing(port: int) -> None:
    assert ask("127.0.0.1", port)[0] == 404
    assert ask("127.7.0.1", port, "/quitquitquit")[0] == 404


def test_connection_that_is_kept_answers_again(port: int) -> None:
    connection = http.client.HTTPConnection("127.7.0.1", port, timeout=5)
    for _ in range(2):
        connection.request("GET", "/metrics")
        assert connection.getresponse().read().startswith(b"\n\x09127.7.0.1")
    connection.close()


def test_request_without_an_end_is_cut_off(port: int) -> None:
    with socket.create_connection(("127.7.0.1", port), timeout=5) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nX: " + b"a" * 20_000)
        with contextlib.suppress(ConnectionResetError):  # how the kernel ends a connection with bytes that nobody has read
            assert connection.recv(10) == b""
