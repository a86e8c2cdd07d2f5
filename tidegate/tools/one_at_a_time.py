"""One command at a time in a checkout: a lock that the kernel gives back when its holder ends, however it ends."""

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

SAY_EVERY_SECONDS = 10.0
_LOOK_EVERY_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Holder:
    """Who is at work: the command as it was typed, its process, and since when, in UTC."""

    command: str
    pid: int
    since: str

    def __str__(self) -> str:
        return f"`{self.command}` is at work in this checkout since {self.since} (pid {self.pid})"


@contextmanager
def alone(path: Path, command: str, on_wait: Callable[[str], None] | None = None) -> Generator[None]:
    """Holds the lock in the file `path` for `command` while what is inside runs.

    With `on_wait` it waits for whoever holds it, and says for whom at once and every 10 s; otherwise raises `BusyError`, which names them.
    The file stays: what is in it counts only as long as somebody holds the lock, so nothing is left by who was killed.
    """
    lock = _acquire(path, on_wait)
    try:
        with naming(path):
            _write(lock, Holder(command, os.getpid(), datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")))
        yield
    finally:
        os.close(lock)


def _acquire(path: Path, on_wait: Callable[[str], None] | None) -> int:
    told = float("-inf")
    while True:
        lock, holder = _try(path)
        if lock is not None:
            return lock
        if on_wait is None:
            raise BusyError(f"{holder}; let it end, or add --wait")
        if time.monotonic() - told >= SAY_EVERY_SECONDS:
            told = time.monotonic()
            on_wait(holder)
        time.sleep(_LOOK_EVERY_SECONDS)


def _try(path: Path) -> tuple[int | None, str]:
    """The lock's descriptor, or None and who holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)  # no child gets it: Python's descriptors are not inherited
    try:
        if os.fstat(lock).st_uid == os.geteuid():
            os.fchmod(lock, 0o666)  # what root brought up, the checkout's owner may render
        with naming(path):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with suppress(ValueError, TypeError):
            return None, str(Holder(**json.loads(os.pread(lock, 4096, 0))))
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
