"""The one door to the outside: every process Tidegate starts is started here.

Commands are argument lists, never shell text; each is logged quoted, so that a reader can run it again. Failures carry
stderr. What a command waits for shares its lock (`tidegate.tools.one_at_a_time`), so that nobody works beside it when the command
is killed. Long-running servers, which outlive the command, do not, and are started in a session of their own. How processes are found
and ended is in `tidegate.tools.processes`; callers have all of it from here.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tidegate.errors import ProgramError, TidegateError, ToolError, ToolMissingError
from tidegate.facts import numerals
from tidegate.host_refusals import refusal_of
from tidegate.tools.environments import child_environment
from tidegate.tools.one_at_a_time import shared
from tidegate.tools.processes import (
    ServerProcess,
    awaited,
    children,
    command_line,
    descendants,
    interrupt,
    is_running,
    itself,
    listens,
    mentioning,
    remembered,
    stop_server,
    working_in,
)

__all__ = [
    "INTERRUPTED", "TIMED_OUT", "Finished", "ServerProcess", "become", "children", "command_line", "descendants", "find", "interrupt_streams",
    "is_running", "itself", "listens", "mentioning", "quoted", "run", "run_program", "start_server", "stop_server", "stream", "working_in",
]  # fmt: skip

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ended well: what it printed and how long it took (seconds of the monotonic clock)."""

    stdout: str
    stderr: str
    seconds: float


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
    without: Sequence[str] = (),
    timeout_seconds: float = 600,
    stdin: str = "",
) -> Finished:
    """Runs `command` to its end and returns what it printed.

    `env` is added to our own environment, of which variables that begin with one of `without` are left out first; `stdin` is what it
    reads. Raises `ToolError` when it exits with anything but 0 or takes longer than `timeout_seconds`, `ToolMissingError` when the
    program does not exist.
    """
    logger.debug("run %s", quoted(command))
    started = time.monotonic()
    try:
        done = subprocess.run(  # noqa: PLW1510 - the exit code is judged below, with stderr in the error
            list(command), cwd=cwd, env=child_environment(env, without), capture_output=True, encoding="utf-8", errors="replace",
            timeout=timeout_seconds, input=stdin, pass_fds=tuple(shared),
        )  # fmt: skip
    except OSError as error:
        raise _not_started(command, cwd, error) from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(quoted(command), TIMED_OUT, f"not finished after {numerals.seconds(timeout_seconds)}") from error
    if done.returncode != 0:
        raise ToolError(quoted(command), done.returncode, done.stderr or done.stdout[-4000:])
    return Finished(done.stdout, done.stderr, time.monotonic() - started)


def run_program(
    python: Path, module: str, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, without: Sequence[str] = (),
    timeout_seconds: float = 600,
) -> Finished:  # fmt: skip
    """Runs a program of this repository. Raises `ProgramError` with its own lines when it refuses, and otherwise as `run` does."""
    try:
        return run([str(python), "-m", module, *arguments], cwd=cwd, env=env, without=without, timeout_seconds=timeout_seconds)
    except ToolMissingError:
        raise
    except ToolError as error:
        raise ProgramError(error) from error


def _not_started(command: Sequence[str], cwd: Path | None, error: OSError) -> TidegateError:
    """Why there is no process: no program, no folder to start it in, or the system refuses."""
    if cwd and not cwd.is_dir() and (refused := refusal_of(error)):
        return refused
    if refused := refusal_of(OSError(error.errno, error.strerror)):  # without the program's name: the machine lacks something
        return refused
    if isinstance(error, FileNotFoundError):
        return ToolMissingError(quoted(command), command[0])
    why = "is a folder" if Path(command[0]).is_dir() else (error.strerror or "cannot be started").lower()
    return ToolError(quoted(command), _NOT_EXECUTABLE, f"{command[0]}: {why}; name a program that may be executed")


_NOT_EXECUTABLE = 126
"""What shells answer for a file that cannot be executed."""


def stream(
    command: Sequence[str],
    on_line: Callable[[str], None],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
    remembered_lines: int = 200,
    timeout_seconds: float | None = None,
) -> float:
    """Runs `command`, handing each line of its output (both streams, in order) to `on_line`; returns the seconds.

    Raises `ToolError` with the last `remembered_lines` lines, also when it takes longer than `timeout_seconds`. When we are interrupted the process is asked to stop and
    waited for, so that terraform can write its state.
    """
    logger.debug("stream %s", quoted(command))
    started = time.monotonic()
    lines: list[str] = []
    try:
        process = subprocess.Popen(
            list(command), cwd=cwd, env=child_environment(env, without), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
            pass_fds=tuple(shared), start_new_session=True,  # so that Ctrl-C reaches it once, through us, and not twice: terraform then gives up its state
        )  # fmt: skip
    except OSError as error:
        raise _not_started(command, cwd, error) from error
    server = remembered(process.pid)
    with process, _streaming(server), _limited(server, timeout_seconds) as is_late:
        try:
            for line in process.stdout or ():
                lines.append(line.rstrip("\n"))
                del lines[:-remembered_lines]
                on_line(lines[-1])
            exit_code = process.wait()
        except BaseException:
            interrupt_streams()
            raise
    if is_late.is_set():
        raise ToolError(quoted(command), TIMED_OUT, "\n".join([f"not finished after {numerals.seconds(timeout_seconds or 0)}", *lines]))
    if server in _interrupted:
        _interrupted.discard(server)
        exit_code = INTERRUPTED
    if exit_code != 0:
        raise ToolError(quoted(command), exit_code, "\n".join(lines))
    return time.monotonic() - started


TIMED_OUT = 124
"""The exit code of a program that took too long, as `timeout` of coreutils has it."""

INTERRUPTED = 130
"""The exit code of a program that we asked to stop, whatever it said itself."""

_interrupted: set[ServerProcess] = set()


@contextlib.contextmanager
def _streaming(server: ServerProcess) -> Generator[None]:
    awaited.add(server)
    try:
        yield
    finally:
        awaited.discard(server)


@contextlib.contextmanager
def _limited(server: ServerProcess, timeout_seconds: float | None) -> Generator[threading.Event]:
    """Has the program stopped when it takes longer; the event then is set."""
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        interrupt([server], grace_seconds=10)

    timer = threading.Timer(timeout_seconds or 0, end)
    timer.daemon = True
    if timeout_seconds is not None:
        timer.start()
    try:
        yield is_late
    finally:
        timer.cancel()


def interrupt_streams(*, grace_seconds: float = 120) -> None:
    """Asks every program that `stream` runs now, and all it started, to stop, and waits until they have.

    The grace is long because terraform finishes the call it is in and then writes its state; what still runs after it is
    killed.
    """
    streams = [server for server in tuple(awaited) if is_running(server)]
    _interrupted.update(streams)
    interrupt(streams, grace_seconds=grace_seconds)


def become(command: Sequence[str]) -> NoReturn:
    """Replaces this process by `command`, which then owns the terminal. Raises `ToolMissingError` when it does not exist."""
    logger.debug("become %s", quoted(command))
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvp(command[0], list(command))  # noqa: S606 - no shell is wanted
    except OSError as error:
        raise _not_started(command, None, error) from error


def start_server(
    command: Sequence[str], *, log_path: Path, cwd: Path | None = None, env: Mapping[str, str] | None = None, without: Sequence[str] = ()
) -> ServerProcess:
    """Starts `command` in a session of its own, its output appended to `log_path`, and leaves it running."""
    logger.debug("start %s", quoted(command))
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as log:
        try:
            process = subprocess.Popen(
                list(command), cwd=cwd, env=child_environment(env, without), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise _not_started(command, cwd, error) from error
    server = remembered(process.pid)
    process.returncode = 0  # it is left running on purpose: without this Python warns when it forgets the object
    return server
