"""A build that is killed, doubled or slow: never half a program, never two builds, never silence."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tidegate.embedded.builds.scratch_builds import left_in_cache, quietly, said_by, stand_in_for_go
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded.builds import go_programs

BUILD_IN_A_PROCESS = """
import sys
from pathlib import Path
from tidegate.checkout import Checkout
from tidegate.embedded.builds.go_programs import build
build(Checkout(Path(sys.argv[1])), lambda *told: print(*told, flush=True), ["greeter"])
"""


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_killed_build_leaves_nothing_that_is_taken_for_a_program(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Half a program is at the place that go was told to write to, and go goes on writing, when we are killed.
    pid_file = tmp_path / "go-pid"
    half = f'if [ "$1" = build ]; then while [ "$1" != -o ]; do shift; done; echo half > "$2"; echo $$ > {pid_file}; exec sleep 60; fi'
    folder = stand_in_for_go(tmp_path, monkeypatch, half)
    killed = tools.start_server([sys.executable, "-c", BUILD_IN_A_PROCESS, str(checkout.root)], log_path=tmp_path / "log")
    wait_until(lambda: pid_file.is_file() and pid_file.read_text().endswith("\n"))
    os.kill(killed.pid, signal.SIGKILL)
    wait_until(lambda: not tools.is_running(killed))
    assert "greeter" in left_in_cache()
    shutil.rmtree(folder)
    (program,) = go_programs.build_programs(checkout, quietly, ["greeter"])
    assert program.seconds is not None
    assert said_by(program.path) == "hello."
    assert left_in_cache() == {".lock", "greeter"}
    os.kill(int(pid_file.read_text()), signal.SIGKILL)


def test_two_at_once_build_once(
    checkout: Checkout, tmp_path: Path, go_calls: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = [tmp_path / "first", tmp_path / "second"]
    gate = tmp_path / "gate"
    wait = f'if [ "$1" = build ]; then for _ in $(seq 600); do [ -e {gate} ] || sleep 0.05; done; fi'
    stand_in_for_go(tmp_path / "checkout", monkeypatch, wait)
    command = [sys.executable, "-c", BUILD_IN_A_PROCESS, str(checkout.root)]
    both = [tools.start_server(command, log_path=log) for log in logs]
    wait_until(lambda: any("waiting for another process" in log.read_text() for log in logs if log.is_file()))
    gate.touch()
    wait_until(lambda: not any(map(tools.is_running, both)))
    assert sorted(log.read_text().splitlines()[0] for log in logs) == [
        "greeter building (1 of 1)",
        "greeter waiting for another process that builds it",
    ]
    assert go_calls().count("build") == 1
    assert left_in_cache() == {".lock", "greeter"}


def test_long_build_gives_signs_of_life(checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    wait = f'if [ "$1" = build ]; then echo "go: downloading example.org/big v1.0.0"; for _ in $(seq 600); do [ -e {seen} ] || sleep 0.05; done; fi'
    stand_in_for_go(tmp_path, monkeypatch, wait)
    monkeypatch.setattr(go_programs, "SIGN_OF_LIFE_SECONDS", 0.02)
    signs: list[tuple[str, str]] = []

    def on_progress(program: str, happened: str) -> None:
        if happened.startswith("still building") and "downloading" in happened:
            signs.append((program, re.sub(r"\d+ s", "N s", happened)))
            seen.touch()

    go_programs.build(checkout, on_progress, ["greeter"])
    assert signs == [("greeter", "still building, N s (downloading example.org/big v1.0.0)")]
