"""Locks between the processes of one run: files under `flock`, which the kernel frees when a process dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tests.suite.plan import Needs

_PAUSE_SECONDS = 0.1


class Holder(BaseModel):
    """Who holds something: a unit, by the process that runs it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: str
    process: int
    needs: Needs


class Waiting:
    """Tells, after `first_seconds` and then from time to time, what is waited for."""

    def __init__(self, tell: Callable[[str], None], first_seconds: float = 10, then_seconds: float = 60) -> None:
        self._tell, self._started, self._then = tell, time.monotonic(), then_seconds
        self._due = self._started + first_seconds

    def wait(self, what: Callable[[], str]) -> None:
        """A short pause; `what` is asked only when it is told."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + self._then
            self._tell(f"waits {now - self._started:.0f} s so far for {what()}")
        time.sleep(_PAUSE_SECONDS)


class Locks:
    """Everything that units of one run keep from each other, in `folder`."""

    def __init__(self, folder: Path, tell: Callable[[str], None], first_seconds: float = 10) -> None:
        self._folder, self._tell, self._first_seconds = folder, tell, first_seconds

    @contextmanager
    def held(self, unit: str, needs: Needs) -> Generator[None]:
        """Waits until everything is free for `unit`, and keeps it.

        Locks are taken in the order of their names, so that no two processes wait for each other. Before each there is a
        turnstile, taken while its lock is waited for: whoever wants it alone is not overtaken by those that share it.
        """
        waiting = Waiting(lambda text: self._tell(f"{unit} {text}"), self._first_seconds)
        with ExitStack() as taken:
            for name in sorted(needs.alone | needs.shared):
                with ExitStack() as passing:
                    self._take(passing, f"{name}.turn", fcntl.LOCK_EX, waiting, needs)
                    self._take(taken, f"{name}.lock", fcntl.LOCK_EX if name in needs.alone else fcntl.LOCK_SH, waiting, needs)
            note = self._folder / f"{os.getpid()}.holder"
            written = note.with_suffix(".new")
            written.write_text(Holder(unit=unit, process=os.getpid(), needs=needs).model_dump_json(), encoding="utf-8")
            written.replace(note)
            try:
                yield
            finally:
                note.unlink(missing_ok=True)

    def _take(self, into: ExitStack, name: str, kind: int, waiting: Waiting, needs: Needs) -> None:
        path = self._folder / name.replace("/", "-")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        into.callback(os.close, descriptor)
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting.wait(lambda: f"{name.rpartition('.')[0]}, held by {self._holders(needs)}")
            else:
                return

    def _holders(self, needs: Needs) -> str:
        names: list[str] = []
        for path in sorted(self._folder.glob("*.holder")):
            with suppress(FileNotFoundError):  # it has just let go
                holder = Holder.model_validate_json(path.read_text(encoding="utf-8"))
                if holder.needs.clashes(needs) and Path(f"/proc/{holder.process}").exists():
                    names.append(holder.unit)
        return ", ".join(names) or "one that waits itself"
