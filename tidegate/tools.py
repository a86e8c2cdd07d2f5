"""The one door to the outside: every process Tidegate starts is started here.

Commands are argument lists, never shell text; each is logged quoted, so that a reader can run it again. Failures carry
stderr. Long-running servers are started in a session of their own and remembered by pid and start time, because a pid
alone may have passed to somebody else's process by the time we want to stop it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.errors import ToolError, ToolMissingError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ended well: what it printed and how long it took (seconds of the monotonic clock)."""

    stdout: str
    stderr: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A process left running: its pid and the kernel's start tick, which together name it uniquely."""

    pid: int
    start_ticks: int


def quoted(command: Sequence[str]) -> str:
    """The command as a shell would take it."""
    return shlex.join(command)


def find(program: str) -> Path | None:
    """Where `program` is, None when it is not on PATH."""
    found = shutil.which(program)
    return Path(found) if found else None


def run(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_seconds: float = 600,
) -> Finished:
    """Runs `command` to its end and returns what it printed.

    `env` is added to our own environment. Raises `ToolError` when it exits with anything but 0 or takes longer than
    `timeout_seconds`, `ToolMissingError` when the program does not exist.
    """
    logger.debug("run %s", quoted(command))
    started = time.monotonic()
    try:
        done = subprocess.run(  # noqa: PLW1510 - the exit code is judged below, with stderr in the error
            list(command), cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=timeout_seconds,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise ToolMissingError(quoted(command), command[0]) from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(quoted(command), 124, f"not finished after {timeout_seconds:g} s") from error
    if done.returncode != 0:
        raise ToolError(quoted(command), done.returncode, done.stderr or done.stdout[-4000:])
    return Finished(done.stdout, done.stderr, time.monotonic() - started)


def stream(
    command: Sequence[str],
    on_line: Callable[[str], None],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    remembered_lines: int = 200,
) -> float:
    """Runs `command`, handing each line of its output (both streams, in order) to `on_line`; returns the seconds.

    Raises `ToolError` with the last `remembered_lines` lines. When we are interrupted the process is asked to stop and
    waited for, so that terraform can write its state.
    """
    logger.debug("stream %s", quoted(command))
    started = time.monotonic()
    lines: list[str] = []
    try:
        process = subprocess.Popen(
            list(command), cwd=cwd, env={**os.environ, **(env or {})}, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
        )  # fmt: skip
    except FileNotFoundError as error:
        raise ToolMissingError(quoted(command), command[0]) from error
    with process:
        try:
            for line in process.stdout or ():
                lines.append(line.rstrip("\n"))
                del lines[:-remembered_lines]
                on_line(lines[-1])
            exit_code = process.wait()
        except BaseException:
            process.send_signal(signal.SIGINT)
            process.wait()
            raise
    if exit_code != 0:
        raise ToolError(quoted(command), exit_code, "\n".join(lines))
    return time.monotonic() - started


def start_server(command: Sequence[str], *, log_path: Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> ServerProcess:
    """Starts `command` in a session of its own, its output appended to `log_path`, and leaves it running."""
    logger.debug("start %s", quoted(command))
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as log:
        try:
            process = subprocess.Popen(
                list(command), cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise ToolMissingError(quoted(command), command[0]) from error
    return ServerProcess(process.pid, _start_ticks(process.pid) or 0)


def is_running(server: ServerProcess) -> bool:
    """Whether that very process is still there (a zombie is not)."""
    return _start_ticks(server.pid) == server.start_ticks


def stop_server(server: ServerProcess, *, grace_seconds: float = 10) -> bool:
    """Stops that very process: a request first, force after `grace_seconds`. False when it was gone already."""
    if not is_running(server):
        return False
    logger.debug("stop pid %d", server.pid)
    os.kill(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while is_running(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    if is_running(server):
        os.kill(server.pid, signal.SIGKILL)
        while is_running(server):
            time.sleep(0.05)
    return True


def _start_ticks(pid: int) -> int | None:
    """Field 22 of /proc/<pid>/stat; None for a process that is gone or a zombie nobody has reaped."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rsplit(")", 1)[1].split()
    if fields[0] == "Z":
        # Reap it if it is our child, so that the table does not fill with the dead.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        return None
    return int(fields[19])
