"""One command at a time in a checkout: a lock that the kernel gives back when its holder, and what it had started, have ended.

The programs that a command waits for inherit the lock. When the command is killed they go on for a moment; whoever comes next ends
them first, so that no two ever write in one checkout.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from tidegate.errors import BusyError
from tidegate.host_refusals import naming
from tidegate.tools import processes

SAY_EVERY_SECONDS = 10.0
_LOOK_EVERY_SECONDS = 0.2
_GRACE_SECONDS = 10.0
"""For what a killed command had started: terraform finishes the call that it is in and writes its state."""

shared: set[int] = set()
"""Descriptors of the locks that this process holds: what it starts and waits for inherits them."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who is at work: the command as it was typed, its process, where that pid is valid, and since when, in UTC."""

    command: str
    pid: int
    since: str
    start_ticks: int
    pid_namespace: str

    def __str__(self) -> str:
        return f"`{self.command}` is at work in this checkout since {self.since} (pid {self.pid})"

    @property
    def has_ended(self) -> bool:
        """Whether it is certain that this very process runs no more; of another container's processes nothing is."""
        return self.pid_namespace == _pid_namespace() and not processes.is_running(processes.ServerProcess(self.pid, self.start_ticks))


@contextmanager
def alone(
    path: Path, command: str, on_wait: Callable[[str], None] | None = None, say: Callable[[str], None] = lambda _line: None
) -> Generator[None]:
    """Holds the lock in the file `path` for `command` while what is inside runs.

    With `on_wait` it waits for whoever holds it, and says for whom at once and every 10 s; otherwise raises `BusyError`, which names them.
    The file stays: what is in it counts only as long as somebody holds the lock. What a killed holder had started is ended first, after
    `say` was called with its names.
    """
    lock = _acquire(path, on_wait, say)
    shared.add(lock)
    try:
        with naming(path):
            us = processes.itself()
            since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            _write(lock, Holder(command, us.pid, since, us.start_ticks, _pid_namespace()))
        yield
    finally:
        shared.discard(lock)
        fcntl.flock(lock, fcntl.LOCK_UN)  # closing would leave it to those who inherited it and go on, as a hook of Git's does
        os.close(lock)


def _acquire(path: Path, on_wait: Callable[[str], None] | None, say: Callable[[str], None]) -> int:
    told = float("-inf")
    while True:
        lock, holder = _try(path)
        if lock is not None:
            return lock
        if isinstance(holder, Holder) and holder.has_ended and (left := processes.sharing_lock(path, holder.pid)):
            what = ", ".join(f"{processes.command_line(each.pid)} (pid {each.pid})" for each in left)
            say(f"`{holder.command}` (pid {holder.pid}) was killed; ending what it had started: {what}")
            processes.interrupt(left, grace_seconds=_GRACE_SECONDS)
            continue
        if on_wait is None:
            raise BusyError(f"{holder}; let it end, or add --wait")
        if time.monotonic() - told >= SAY_EVERY_SECONDS:
            told = time.monotonic()
            on_wait(str(holder))
        time.sleep(_LOOK_EVERY_SECONDS)


def _try(path: Path) -> tuple[int | None, Holder | str]:
    """The lock's descriptor, or None and who holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)  # only who is meant to inherits it
    try:
        if os.fstat(lock).st_uid == os.geteuid():
            os.fchmod(lock, 0o666)  # what root brought up, the checkout's owner may render
        with naming(path):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with suppress(ValueError, TypeError):
            return None, Holder(**json.loads(os.pread(lock, 4096, 0)))
        return None, "another command is at work in this checkout"  # it has not written yet who it is
    else:
        with suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(lock).st_ino:
                held, lock = lock, -1
                return held, ""
        return _try(path)  # the file was deleted meanwhile, as `make clean` does
    finally:
        if lock >= 0:
            os.close(lock)


def _write(lock: int, holder: Holder) -> None:
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps(asdict(holder)).encode() + b"\n", 0)


def _pid_namespace() -> str:
    """Where our pids are valid; empty where nobody can tell."""
    with suppress(OSError):
        return str(Path("/proc/self/ns/pid").readlink())
    return ""
