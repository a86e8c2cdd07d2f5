"""Two commands in one checkout: the second names the first and ends, or waits for it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.root import ROOT
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.cli import main
from tidegate.endings import expected
from tidegate.errors import BusyError, HostError
from tidegate.tools import one_at_a_time, processes
from tidegate.tools.one_at_a_time import alone

_HOLD = """
import sys, time
from pathlib import Path
from tidegate.tools.one_at_a_time import alone
with alone(Path(sys.argv[1]), "tidegate up"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@contextmanager
def another(lock: Path, seconds: float = 60) -> Generator[subprocess.Popen[str]]:
    """Another process that is at work for so long."""
    command = [sys.executable, "-c", _HOLD, str(lock), str(seconds)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """As much of a checkout as a command needs that is refused."""
    for name in ("cdktf.json", "pyproject.toml", "clusters", "gitops", ".venv"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return Checkout(tmp_path)


@pytest.mark.parametrize(
    "command",
    [
        "up --without-regions", "down", "render", "local stop", "local start", "tenant remove fraud --requested-by=a@example.com --reason=x",
        "tenant new x --tier=batch --owner=a@example.com --github-team=@a/b --artefact=clusters --golden-set=clusters --caller=x",
        "model catalogue fraud", "cost prices refresh --offer-file=absent", "cloud restore-state live-1-network", "cloud unlock live-1-network --id=x",
        "local rotate-credentials live-1",
    ],
)  # fmt: skip
def test_second_command_names_the_first_and_ends_with_75(checkout: Checkout, capsys: pytest.CaptureFixture[str], command: str) -> None:
    with another(checkout.lock) as first:
        assert main.run(command.split()) == 75
    said = capsys.readouterr().err
    assert re.fullmatch(
        rf"`tidegate up` is at work in this checkout since [0-9-]{{10}} [0-9:]{{8}} UTC \(pid {first.pid}\); let it end, or add --wait\n",
        said,
    )


def test_reading_commands_do_not_care(checkout: Checkout) -> None:
    with another(checkout.lock):
        assert main.run(["model", "explain", "fraud/scorer"]) == 0


def test_lock_of_a_killed_command_is_taken_over(tmp_path: Path) -> None:
    with another(tmp_path / "lock") as first:
        first.send_signal(signal.SIGKILL)
        first.wait()
        with alone(tmp_path / "lock", "tidegate down"):
            assert f'"pid": {os.getpid()}' in (tmp_path / "lock").read_text()


def test_waiting_says_for_whom_and_goes_on_when_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_at_a_time, "SAY_EVERY_SECONDS", 0.5)
    said: list[str] = []
    with another(tmp_path / "lock", 1.5) as first, alone(tmp_path / "lock", "tidegate down", said.append):
        assert first.wait() == 0
    assert 2 <= len(said) <= 5
    assert all(line.startswith("`tidegate up` is at work in this checkout since") for line in said)


def test_nothing_waits_longer_than_ten_seconds_in_silence() -> None:
    assert one_at_a_time.SAY_EVERY_SECONDS <= 10


def test_wait_is_an_option_of_the_command(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    with another(checkout.lock, 4):
        assert main.run(["model", "catalogue", "nobody", "--wait"]) == 2  # there is no such tenant, which it finds when it is its turn
    said = capsys.readouterr().err.splitlines()
    assert "waiting                  `tidegate up` is at work in this checkout since" in said[0]
    assert "nobody" in said[1]


def test_first_command_that_has_not_said_who_it_is(tmp_path: Path) -> None:
    with another(tmp_path / "lock"):
        (tmp_path / "lock").write_text("")
        with (
            pytest.raises(BusyError, match="another command is at work in this checkout; let it end, or add --wait"),
            alone(tmp_path / "lock", "x"),
        ):
            pass


def test_deleted_lock_is_made_again(tmp_path: Path) -> None:
    """As by `make clean`; whoever comes then must not hold a file that nobody else finds."""
    with alone(tmp_path / "out/lock", "tidegate up"):
        (tmp_path / "out/lock").unlink()
        with (
            alone(tmp_path / "out/lock", "tidegate down"),
            pytest.raises(BusyError, match="tidegate down"),
            alone(tmp_path / "out/lock", "x"),
        ):
            pass


def test_children_do_not_keep_the_lock(tmp_path: Path) -> None:
    with alone(tmp_path / "lock", "tidegate up"):
        child = subprocess.Popen(["sleep", "30"])
    try:
        started = time.monotonic()
        with alone(tmp_path / "lock", "tidegate down"):
            assert time.monotonic() - started < 5
    finally:
        child.kill()
        child.wait()


_START_AND_HOLD = """
import sys, threading, time
from pathlib import Path
from tidegate import tools
from tidegate.tools.one_at_a_time import alone
with alone(Path(sys.argv[1]), "tidegate up"):
    print(tools.start_server(["sleep", "60"], log_path=Path(sys.argv[2])).pid, flush=True)
    if sys.argv[3] == "stream":
        tools.stream(["sh", "-c", "echo $$; exec sleep 60"], lambda line: print(line, flush=True))
    else:
        tools.run(["sh", "-c", f"echo $$ >{sys.argv[2]}.pid; exec sleep 60"])
"""


@pytest.mark.parametrize("way", ["run", "stream"])
def test_what_a_killed_command_had_started_is_ended_before_the_next_begins(tmp_path: Path, way: str) -> None:
    lock, told = tmp_path / "lock", tmp_path / "log.pid"
    command = [sys.executable, "-c", _START_AND_HOLD, str(lock), str(tmp_path / "log"), way]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        server = tools.ServerProcess(pid := int(killed.stdout.readline()), processes.start_ticks_of(pid) or 0)
        if way == "stream":
            started = int(killed.stdout.readline())
        else:
            while not (told.is_file() and told.read_text().endswith("\n")):
                time.sleep(0.02)
            started = int(told.read_text())
        child = processes.remembered(started)
        killed.kill()
        killed.wait()
    try:
        assert tools.is_running(child)
        said: list[str] = []
        with alone(lock, "tidegate down", say=said.append):
            assert not tools.is_running(child)
            assert tools.is_running(server), "what is to outlive the command was ended"
        assert said == [f"`tidegate up` (pid {killed.pid}) was killed; ending what it had started: sleep 60 (pid {started})"]
    finally:
        for left in (child, server):
            tools.stop_server(left, grace_seconds=0)


def test_command_that_has_just_taken_the_lock_is_not_ended_for_a_killed_one(tmp_path: Path) -> None:
    """Between taking the lock and writing who it is, the file still names the one before it."""
    lock = tmp_path / "lock"
    with another(lock) as killed:
        killed.kill()
        killed.wait()
    before = lock.read_text()
    with another(lock) as second:
        lock.write_text(before)
        with pytest.raises(BusyError, match="is at work"), alone(lock, "tidegate down"):
            pass
        assert second.poll() is None


def test_what_goes_on_after_a_command_has_ended_keeps_nothing_locked(tmp_path: Path) -> None:
    """As a hook of Git's that tells Argo CD of a push."""
    with alone(tmp_path / "lock", "tidegate up"):
        tools.run(["sh", "-c", "sleep 30 >/dev/null 2>&1 </dev/null & echo $! >child"], cwd=tmp_path)
    child = processes.remembered(int((tmp_path / "child").read_text()))
    said: list[str] = []
    try:
        with alone(tmp_path / "lock", "tidegate down", say=said.append):
            assert tools.is_running(child)
        assert said == []
    finally:
        tools.stop_server(child, grace_seconds=0)


def test_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="lock") as caught, alone(tmp_path / "lock", "x"):
        pass
    assert isinstance(expected(caught.value), HostError)
    assert not (tmp_path / "elsewhere").exists()
