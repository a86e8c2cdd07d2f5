"""Which processes there are, read from /proc, and how one of them is asked to end.

A process is remembered by pid and start time, because a pid alone may have passed to somebody else's process by the time
we want to stop it. Nothing is started here.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A process left running: its pid and the kernel's start tick, which together name it uniquely."""

    pid: int
    start_ticks: int


awaited: set[ServerProcess] = set()
"""Programs that somebody waits for, and so reaps."""


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
        if (ticks := start_ticks_of(child)) is not None:
            found.append(ServerProcess(child, ticks))
    return found


def children(pid: int) -> list[ServerProcess]:
    """The living processes that `pid` started itself, oldest first."""
    found: list[ServerProcess] = []
    for folder in Path("/proc").iterdir():
        fields = _stat_fields(int(folder.name)) if folder.name.isdigit() else None
        if fields and int(fields[1]) == pid and (ticks := start_ticks_of(int(folder.name))) is not None:
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


def sharing_lock(path: Path, taken_by: int) -> list[ServerProcess]:
    """The processes that hold the lock of the file `path`, which the ended process `taken_by` took, by a descriptor inherited from it.

    Who took the lock since, or waits for it, has the file open too, and is none of them. Of other users' processes root alone sees it.
    """
    running = [process for process in Path("/proc").iterdir() if process.name.isdigit()] if Path("/proc").is_dir() else []
    return [remembered(int(process.name)) for process in running if _shares_lock(process, path, taken_by)]


def _shares_lock(process: Path, path: Path, taken_by: int) -> bool:
    with contextlib.suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with contextlib.suppress(OSError):  # closed since it was listed
                if not descriptor.samefile(path):
                    continue
                # The locks that were taken through this very opening of the file: `lock: 1: FLOCK ADVISORY WRITE <pid> ...`. In a
                # container the pid of a process that is gone is 0.
                fields = [line.split() for line in (process / "fdinfo" / descriptor.name).read_text(encoding="ascii").splitlines()]
                if any(line[0] == "lock:" and line[2] == "FLOCK" and line[5] in {str(taken_by), "0"} for line in fields):
                    return True
    return False


def command_line(pid: int) -> str:
    """What a process was started with, for a message; `ended` when it is there no more."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return "ended"
    return b" ".join(words).decode(errors="replace").strip()[:200] or "ended"


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
    return remembered(os.getpid())


def remembered(pid: int) -> ServerProcess:
    """The process that has `pid` now; one that is gone is never found running again.

    One that has ended and waits for its parent is left to it: who reaped it here would take its exit code from whoever waits for it.
    """
    fields = _stat_fields(pid)
    return ServerProcess(pid, int(fields[19]) if fields else 0)


def is_running(server: ServerProcess) -> bool:
    """Whether that very process is still there (a zombie is not)."""
    return start_ticks_of(server.pid) == server.start_ticks


def stop_server(server: ServerProcess, *, grace_seconds: float = 10) -> bool:
    """Stops that very process: a request first, force after `grace_seconds`. False when it was gone already."""
    if not is_running(server):
        return False
    logger.debug("stop pid %d", server.pid)
    send_signal(server, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while is_running(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    send_signal(server, signal.SIGKILL)
    while is_running(server):
        time.sleep(0.05)
    return True


def send_signal(server: ServerProcess, number: signal.Signals) -> None:
    """Signals that very process; nothing happens when it is gone."""
    if is_running(server):
        with contextlib.suppress(ProcessLookupError):
            os.kill(server.pid, number)


def interrupt(programs: Collection[ServerProcess], *, grace_seconds: float) -> None:
    """Asks `programs`, and all they started, to stop, and waits until they have; kills what still runs after the grace.

    What a program started goes first: cdktf, when asked to stop, takes the terminal from under terraform, which then dies with its
    state unwritten and locked.
    """
    started = {child for program in programs for child in descendants(program.pid)}
    deadline = time.monotonic() + grace_seconds
    generations = (started, set(programs) - started)
    for generation in generations:
        for member in generation:
            send_signal(member, signal.SIGINT)
        while any(map(is_running, generation)) and time.monotonic() < deadline:
            time.sleep(0.1)
    for member in (*generations[0], *generations[1]):
        send_signal(member, signal.SIGKILL)


def start_ticks_of(pid: int) -> int | None:
    """Field 22 of /proc/<pid>/stat; None for a process that is gone or a zombie nobody has reaped."""
    fields = _stat_fields(pid)
    if fields is None:
        return None
    if fields[0] == "Z":
        # Reap it if it is a server of ours, so that the table does not fill with the dead. A program that is waited for is left
        # to that `wait`, which would otherwise lose the exit code and report success.
        if not any(program.pid == pid for program in tuple(awaited)):
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
