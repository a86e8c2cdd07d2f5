"""A server on loopback whose latencies are known, to the hundredth of a millisecond: `python known_server.py <facts as JSON>`.

Each request gets the next latency of a seeded distribution, counted from when its last byte was read. A freeze lets nothing be read or
written for a while. It runs in a process of its own, and prints its port.
"""

from __future__ import annotations

import contextlib
import ctypes
import heapq
import json
import os
import random
import select
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

V2 = {"model_name": "m", "outputs": [{"name": "p", "shape": [1], "datatype": "FP64", "data": [0.5]}]}
_LIBC = ctypes.CDLL(None)


class Timer:
    """A descriptor that becomes readable at a moment; epoll's own timeout counts whole milliseconds."""

    def __init__(self) -> None:
        self.number: int = _LIBC.timerfd_create(1, os.O_NONBLOCK | os.O_CLOEXEC)

    def set(self, moment: float) -> None:
        seconds = int(moment)
        _LIBC.timerfd_settime(self.number, 1, (ctypes.c_long * 4)(0, 0, seconds, int((moment - seconds) * 1e9) or 1), None)


def answer_of(facts: dict[str, Any]) -> bytes:
    body = json.dumps(facts.get("body", V2)).encode()
    return b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (facts.get("status", 200), len(body)) + body


def latencies(facts: dict[str, Any], chance: random.Random) -> Iterator[float]:
    """Seconds, one after the other: `lognormal` by median and sigma, `bimodal` as two of them, `fixed`."""
    while True:
        match facts["latency"]:
            case {"fixed_ms": fixed}:
                yield fixed / 1000
            case {"share_slow": share, "fast": fast, "slow": slow}:
                median, sigma = slow if chance.random() < share else fast
                yield chance.lognormvariate(0, sigma) * median / 1000
            case {"median_ms": median, "sigma": sigma}:
                yield chance.lognormvariate(0, sigma) * median / 1000
            case other:
                raise SystemExit(f"unknown latency {other}")


class Server:
    def __init__(self, facts: dict[str, Any]) -> None:
        self.answer, self.next = answer_of(facts), latencies(facts, random.Random(facts.get("seed", 1)))
        self.freezes = [tuple(one) for one in facts.get("freezes", [])]  # seconds after the first request, and for how long
        self.is_preferred = bool(facts.get("preferred"))  # before all other work of the machine, so that what it gives is what is true
        self.first = 0.0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.setblocking(False)
        self.poll, self.timer = select.epoll(), Timer()
        self.poll.register(self.listener, select.EPOLLIN)
        self.poll.register(self.timer.number, select.EPOLLIN)
        self.open: dict[int, socket.socket] = {}
        self.read: dict[int, bytes] = {}
        self.due: list[tuple[float, int]] = []
        self.set_for = 0.0

    def run(self) -> None:
        if self.is_preferred:
            with contextlib.suppress(PermissionError):
                os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        print(self.listener.getsockname()[1], flush=True)  # noqa: T201 - whoever started it reads the port
        while True:
            for number, _ in self.poll.poll():
                if number == self.listener.fileno():
                    self.accept()
                elif number == self.timer.number:
                    os.read(number, 8)
                    self.set_for = 0.0
                else:
                    self.take(number)
            self.freeze()
            self.send()

    def freeze(self) -> None:
        if self.first and self.freezes and time.monotonic() - self.first >= self.freezes[0][0]:
            time.sleep(self.freezes.pop(0)[1])

    def accept(self) -> None:
        while True:
            try:
                one, _ = self.listener.accept()
            except BlockingIOError:
                return
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.setblocking(False)
            self.open[one.fileno()] = one
            self.read[one.fileno()] = b""
            self.poll.register(one, select.EPOLLIN)

    def take(self, number: int) -> None:
        try:
            part = self.open[number].recv(65536)
        except BlockingIOError:
            return
        except ConnectionResetError:
            part = b""
        if not part:
            self.poll.unregister(number)
            self.open.pop(number).close()
            return
        head, ended, body = (self.read[number] + part).partition(b"\r\n\r\n")
        if not ended or len(body) < int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]):
            self.read[number] += part
            return
        self.read[number] = b""
        now = time.monotonic()
        self.first = self.first or now
        heapq.heappush(self.due, (now + next(self.next), number))

    def send(self) -> None:
        now = time.monotonic()
        while self.due and self.due[0][0] <= now:
            _, number = heapq.heappop(self.due)
            if number in self.open:
                try:
                    self.open[number].sendall(self.answer)
                except OSError:
                    continue
        if self.due and (not self.set_for or self.due[0][0] < self.set_for):
            self.set_for = self.due[0][0]
            self.timer.set(self.set_for)


if __name__ == "__main__":
    Server(json.loads(sys.argv[1])).run()
