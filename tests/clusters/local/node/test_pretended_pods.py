"""Of a pod that is only pretended Knative hears that nobody asks it; the rest of the machine answers nothing there."""

from __future__ import annotations

import http.client
import importlib.util
import threading
from collections.abc import Iterator
from ipaddress import IPv4Network

import pytest

from tests.root import ROOT

SOURCE = ROOT / "clusters/local/node/pretended_pods.py"


@pytest.fixture
def port() -> Iterator[int]:
    spec = importlib.util.spec_from_file_location("pretended_pods", SOURCE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    server = module.server("0.0.0.0", 0, IPv4Network("127.7.0.0/16"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


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
