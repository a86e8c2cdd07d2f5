"""What every test of Vault runs with: its program as it is built for regions, and an AWS to ask."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from tests.root import ROOT
from tidegate.checkout import Checkout
from tidegate.embedded.builds.go_programs import build


@pytest.fixture(scope="module")
def program() -> Path:
    return build(Checkout(ROOT), lambda _program, _happened: None, ["vault"])["vault"]


@pytest.fixture(scope="module")
def aws() -> Generator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
