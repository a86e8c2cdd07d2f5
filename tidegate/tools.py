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
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

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
    stdin: str = "",
) -> Finished:
    """Runs `command` to its end and returns what it printed.

    `env` is added to our own environment; `stdin` is what it reads. Raises `ToolError` when it exits with anything but 0
    or takes longer than `timeout_seconds`, `ToolMissingError` when the program does not exist.
    """
    logger.debug("run %s", quoted(command))
    started = time.monotonic()
    try:
        done = subprocess.run(  # noqa: PLW1510 - the exit code is judged below, with stderr in the error
            list(command), cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=timeout_seconds,
            input=stdin,
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
            start_new_session=True,  # so that Ctrl-C reaches it once, through us, and not twice: terraform then gives up its state
        )  # fmt: skip
    except FileNotFoundError as error:
        raise ToolMissingError(quoted(command), command[0]) from error
    server = ServerProcess(process.pid, _start_ticks(process.pid) or 0)
    with process, _streaming(server):
        try:
            for line in process.stdout or ():
                lines.append(line.rstrip("\n"))
                del lines[:-remembered_lines]
                on_line(lines[-1])
            exit_code = process.wait()
        except BaseException:
            interrupt_streams()
            raise
    if server in _interrupted:
        _interrupted.discard(server)
        exit_code = INTERRUPTED
    if exit_code != 0:
        raise ToolError(quoted(command), exit_code, "\n".join(lines))
    return time.monotonic() - started


INTERRUPTED = 130
"""The exit code of a program that we asked to stop, whatever it said itself."""

_interrupted: set[ServerProcess] = set()
_streams: set[ServerProcess] = set()


@contextlib.contextmanager
def _streaming(server: ServerProcess) -> Generator[None]:
    _streams.add(server)
    try:
        yield
    finally:
        _streams.discard(server)


def interrupt_streams(*, grace_seconds: float = 120) -> None:
    """Asks every program that `stream` runs now, and all it started, to stop, and waits until they have.

    The grace is long because terraform finishes the call it is in and then writes its state; what still runs after it is
    killed.
    """
    streams = [server for server in tuple(_streams) if is_running(server)]
    _interrupted.update(streams)
    started = [child for server in streams for child in descendants(server.pid)]
    deadline = time.monotonic() + grace_seconds
    # What a program started goes first: cdktf, when asked to stop, takes the terminal from under terraform, which then
    # dies with its state unwritten and locked.
    for generation in (started, streams):
        for member in generation:
            _signal(member, signal.SIGINT)
        while any(map(is_running, generation)) and time.monotonic() < deadline:
            time.sleep(0.1)
    for member in (*started, *streams):
        _signal(member, signal.SIGKILL)


def become(command: Sequence[str]) -> NoReturn:
    """Replaces this process by `command`, which then owns the terminal. Raises `ToolMissingError` when it does not exist."""
    logger.debug("become %s", quoted(command))
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvp(command[0], list(command))  # noqa: S606 - no shell is wanted
    except FileNotFoundError as error:
        raise ToolMissingError(quoted(command), command[0]) from error


def descendants(pid: int) -> list[ServerProcess]:
    """Every living process that `pid` started, directly or not."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (fields := _stat_fields(int(folder.name))):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found: list[ServerProcess] = []
    waiting = list(children.get(pid, ()))
    while waiting:
        child = waiting.pop()
        waiting += children.get(child, ())
        if (ticks := _start_ticks(child)) is not None:
            found.append(ServerProcess(child, ticks))
    return found


def children(pid: int) -> list[ServerProcess]:
    """The living processes that `pid` started itself, oldest first."""
    found: list[ServerProcess] = []
    for folder in Path("/proc").iterdir():
        fields = _stat_fields(int(folder.name)) if folder.name.isdigit() else None
        if fields and int(fields[1]) == pid and (ticks := _start_ticks(int(folder.name))) is not None:
            found.append(ServerProcess(int(folder.name), ticks))
    return sorted(found, key=lambda process: (process.start_ticks, process.pid))


def working_in(folder: Path) -> list[int]:
    """Pids of the processes whose working directory is `folder`: how a terraform that outlived its parent is found."""
    found: list[int] = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                if (process / "cwd").readlink() == folder:
                    found.append(int(process.name))
    return sorted(found)


def mentioning(text: str) -> list[int]:
    """Pids of the processes that have `text` in an argument; our own and its parents excepted."""
    ours, pid = set[int](), os.getpid()
    while pid and (fields := _stat_fields(pid)):
        ours.add(pid)
        pid = int(fields[1])
    found: list[int] = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) not in ours:
            with contextlib.suppress(OSError):
                if text.encode() in (process / "cmdline").read_bytes():
                    found.append(int(process.name))
    return sorted(found)


def listens(server: ServerProcess, port: int) -> bool:
    """Whether that very process is the one that listens on loopback `port`; another may have been faster."""
    sockets = {
        fields[9]
        for fields in (line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:])
        if fields[1].endswith(f":{port:04X}") and fields[3] == _LISTENING
    }
    held: set[str] = set()
    with contextlib.suppress(OSError):
        for link in Path(f"/proc/{server.pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # closed since it was listed
                held.add(str(link.readlink()))
    return is_running(server) and any(f"socket:[{inode}]" in held for inode in sockets)


_LISTENING = "0A"
"""TCP_LISTEN in /proc/net/tcp (include/net/tcp_states.h)."""


def itself() -> ServerProcess:
    """This very process, to be remembered in a record."""
    return ServerProcess(os.getpid(), _start_ticks(os.getpid()) or 0)


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
    server = ServerProcess(process.pid, _start_ticks(process.pid) or 0)
    process.returncode = 0  # it is left running on purpose: without this Python warns when it forgets the object
    return server


def is_running(server: ServerProcess) -> bool:
    """Whether that very process is still there (a zombie is not)."""
    return _start_ticks(server.pid) == server.start_ticks


def stop_server(server: ServerProcess, *, grace_seconds: float = 10) -> bool:
    """Stops that very process: a request first, force after `grace_seconds`. False when it was gone already."""
    if not is_running(server):
        return False
    logger.debug("stop pid %d", server.pid)
    _signal(server, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while is_running(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    _signal(server, signal.SIGKILL)
    while is_running(server):
        time.sleep(0.05)
    return True


def _signal(server: ServerProcess, number: signal.Signals) -> None:
    if is_running(server):
        with contextlib.suppress(ProcessLookupError):
            os.kill(server.pid, number)


def _start_ticks(pid: int) -> int | None:
    """Field 22 of /proc/<pid>/stat; None for a process that is gone or a zombie nobody has reaped."""
    fields = _stat_fields(pid)
    if fields is None:
        return None
    if fields[0] == "Z":
        # Reap it if it is a server of ours, so that the table does not fill with the dead. A streamed program is left to
        # its own `wait`, which would otherwise lose the exit code and report success.
        if not any(stream.pid == pid for stream in tuple(_streams)):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        return None
    return int(fields[19])


def _stat_fields(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the state letter (field 3) on; None when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rsplit(")", 1)[1].split()
