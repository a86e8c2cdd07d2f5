"""What keeps a pod's namespaces alive takes care of the dead and goes when it is asked to."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.root import ROOT
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded.builds.go_programs import build


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@pytest.mark.parametrize("child", ["true", "sleep 0.2"], ids=["dead-before-it-listens", "dies-later"])
def test_pause_reaps_a_child_that_is_not_its_own_and_stops_when_asked(tmp_path: Path, child: str) -> None:
    pause = build(Checkout(ROOT), lambda _program, _happened: None, ["pause"])["pause"]
    log = tmp_path / "log"
    # The shell's child becomes a child of the program that the shell turns into, as in a shared process namespace.
    server = tools.start_server(["sh", "-c", f'{child} & echo $!; exec "$0"', str(pause)], log_path=log)
    wait_until(lambda: log.read_text().endswith("\n"))
    wait_until(lambda: not Path("/proc", log.read_text().strip()).exists())
    assert tools.is_running(server)
    os.kill(server.pid, signal.SIGTERM)
    wait_until(lambda: not tools.is_running(server))
