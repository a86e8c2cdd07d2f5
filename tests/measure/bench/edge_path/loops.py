"""Two kinds of callers: one that waits for each answer, and many that ask at given moments whatever became of those before.

A latency of the second kind counts from the moment at which the request was due: what a slow answer keeps waiting is counted too.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import select
import time
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.measure.bench.edge_path.connections import Asked, Connection

CONNECTIONS = 16
"""Kept open by the callers of the open loop. Beyond so many requests under way the next one waits, and its latency counts on."""

GRACE_SECONDS = 2
"""For the last answers of a burst."""


@dataclass
class Burst:
    """What one burst of requests saw: milliseconds of answers, failures, and how late each request began by the generator's own fault."""

    answered_ms: list[float] = field(default_factory=list[float])
    late_ms: list[float] = field(default_factory=list[float])
    failed: int = 0

    def add(self, other: Burst) -> None:
        """Counts another one in."""
        self.answered_ms += other.answered_ms
        self.late_ms += other.late_ms
        self.failed += other.failed

    def count(self, status: int, milliseconds: float) -> None:
        """One answer."""
        if status == 200:
            self.answered_ms.append(milliseconds)
        else:
            self.failed += 1


def schedule(rate_per_second: float, seconds: float, seed: int) -> list[float]:
    """Seconds from the begin at which independent callers ask, the same for the same seed."""
    chance, now, found = random.Random(seed), 0.0, list[float]()
    while (now := now + chance.expovariate(rate_per_second)) < seconds:
        found.append(now)
    return found


@contextlib.contextmanager
def preferred(pids: Iterable[int]) -> Generator[bool]:
    """Lets these processes run before all others of the machine, and the callers before these, where this is allowed; says whether.

    What else the machine does is no part of the path, and real callers have a machine of their own. By the kernel's class of real time: a nice
    value would only count among the processes of one session. The path's own processes keep each other waiting as ever.
    """
    before, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(2))
    except OSError:
        yield False
        return
    try:
        for pid in pids:
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(ProcessLookupError):  # ended since it was listed
                    os.sched_setscheduler(int(thread.name), os.SCHED_RR, os.sched_param(1))
        yield True
    finally:
        os.sched_setscheduler(0, before, parameters)


@contextlib.contextmanager
def _without_collection() -> Generator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def closed(connection: Connection, requests: int) -> Burst:
    """One caller that asks again as soon as it has its answer."""
    burst = Burst()
    with _without_collection():
        for _ in range(requests):
            began = time.perf_counter()
            status, _body = connection.exchange()
            burst.count(status, 1000 * (time.perf_counter() - began))
    return burst


class Callers:
    """The open loop's connections to one hop, made anew where one was lost."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._idle: deque[Connection] = deque()
        self._busy: dict[int, tuple[Connection, float]] = {}

    def close(self) -> None:
        """All of them."""
        for connection in (*self._idle, *(one for one, _ in self._busy.values())):
            connection.close()
        self._idle.clear()
        self._busy.clear()

    def warm(self) -> None:
        """Opens what is missing and sends a request over each, which nobody counts."""
        kept, self._idle = self._idle, deque()
        for connection in kept:
            try:
                self._warm(connection)
            except OSError:  # closed by the server since
                connection.close()
        while len(self._idle) < CONNECTIONS:
            self._warm(Connection(self._asked))

    def _warm(self, connection: Connection) -> None:
        connection.exchange()
        connection.socket.setblocking(False)
        self._idle.append(connection)

    def ask(self, arrivals: Sequence[float]) -> Burst:
        """A burst: one request at each moment of `arrivals`, in one thread, so that nothing of its own delays a start."""
        burst, due, coming = Burst(), deque[float](), deque(arrivals)
        with _without_collection():
            began = time.perf_counter()
            while coming or due or self._busy:
                now = time.perf_counter() - began
                if now > arrivals[-1] + GRACE_SECONDS:
                    break
                while coming and coming[0] <= now:
                    burst.late_ms.append(1000 * (now - coming[0]))
                    due.append(coming.popleft())
                while due and self._idle:
                    self._begin(began + due.popleft(), burst)
                pause = (coming[0] if coming else arrivals[-1] + GRACE_SECONDS) - (time.perf_counter() - began)
                readable, _, _ = select.select(list(self._busy), [], [], max(0.0, pause))
                for number in readable:
                    self._finish(number, burst)
        burst.failed += len(coming) + len(due) + len(self._busy)
        burst.late_ms += [1000 * (time.perf_counter() - began - one) for one in coming]
        for connection, _ in self._busy.values():
            connection.close()
        self._busy.clear()
        return burst

    def _begin(self, intended: float, burst: Burst) -> None:
        connection = self._idle.pop()  # the one used last, as pools of clients do
        try:
            connection.begin()
        except OSError:
            burst.failed += 1
            connection.close()
            return
        self._busy[connection.fileno()] = (connection, intended)

    def _finish(self, number: int, burst: Burst) -> None:
        connection, intended = self._busy[number]
        try:
            found = connection.look()
        except OSError:
            burst.failed += 1
            del self._busy[number]
            connection.close()
            return
        if found:
            burst.count(found[0], 1000 * (time.perf_counter() - intended))
            del self._busy[number]
            self._idle.append(connection)
