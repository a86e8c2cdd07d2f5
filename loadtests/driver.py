"""Sends one process's share of a plan: every request at its moment, in a greenlet of its own, whatever became of those before."""

from __future__ import annotations

import contextlib
import gc
import os
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import gevent

from loadtests.alarm import Alarm
from loadtests.connections import NoAnswerError
from loadtests.plan import Endpoint, Plan
from loadtests.recorder import Recorder
from loadtests.recording import ProcessPart
from loadtests.shapes import part
from loadtests.users import USERS, InferenceUser

LEAD_SECONDS = 0.5
"""From the order to begin to the begin, so that the first requests are not late already."""

BEHIND_SHARE, BEHIND_SECONDS = 0.2, 2.0
"""How far behind its schedule a generator may fall before it gives up: what it then did not begin makes the run invalid."""

IN_FLIGHT_MAX = 4000
"""Of one process. Beyond so many requests under way another has failed: memory and file descriptors have an end."""

Told = Callable[[Endpoint, float, str], None]
"""Is called with an endpoint, the milliseconds of a request, and why it failed, if it did."""


@contextlib.contextmanager
def _preferred(wanted: bool) -> Generator[None]:
    """By the kernel's class of real time, where that is allowed; a nice value would count among the processes of one session only."""
    before, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        if wanted:
            with contextlib.suppress(PermissionError):
                os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        yield
    finally:
        os.sched_setscheduler(0, before, parameters)


@dataclass
class _Line:
    """One endpoint while it is asked."""

    endpoint: Endpoint
    user: InferenceUser
    recorder: Recorder
    begin: float
    arrivals: Iterator[float]
    in_flight: int = 0


class Driver:
    """One process's share of a run."""

    def __init__(self, plan: Plan, process: int, told: Told) -> None:
        self._plan, self._process, self._told = plan, process, told
        self._timeout = plan.answer_timeout_seconds
        self._lines: list[_Line] = []

    def run(self) -> ProcessPart:
        """Sends all of it, waits for the last answers, and says what it saw."""
        with _preferred(self._plan.preferred):
            return self._run()

    def _run(self) -> ProcessPart:
        monotonic, wall = time.monotonic(), time.time()
        begin = monotonic + LEAD_SECONDS
        for number, endpoint in enumerate(self._plan.endpoints):
            arrivals = endpoint.arrivals.seconds(endpoint.duration_seconds, self._plan.seed + number)
            mine = part(iter(arrivals), self._process, self._plan.processes)
            user = USERS[endpoint.protocol](endpoint)
            self._lines.append(_Line(endpoint, user, Recorder(endpoint), begin + endpoint.begin_seconds, mine))
        gc.collect()
        gc.freeze()  # what is there by now is not looked through again, which would take tens of milliseconds
        senders: list[gevent.Greenlet[..., None]] = [gevent.spawn(self._send, line) for line in self._lines]
        for sender in senders:
            sender.get()
        self._drain()
        for line in self._lines:
            line.user.close()
        return ProcessPart(
            process=self._process, monotonic_seconds=time.monotonic() - monotonic, wall_seconds=time.time() - wall,
            begin_monotonic=begin, endpoints=tuple(line.recorder.part() for line in self._lines),
        )  # fmt: skip

    def _send(self, line: _Line) -> None:
        alarm, recorder = Alarm(), line.recorder
        give_up = line.begin + line.endpoint.duration_seconds * (1 + BEHIND_SHARE) + BEHIND_SECONDS
        for arrival in line.arrivals:
            recorder.due += 1
            due = line.begin + arrival
            now = time.monotonic()
            if now > give_up:
                continue
            if due > now:
                alarm.wait_until(due)
            else:
                gevent.sleep(0)  # answers are read even when the schedule is behind
            line.in_flight += 1
            gevent.spawn_raw(self._ask, line, due)
        alarm.close()

    def _ask(self, line: _Line, due: float) -> None:
        begun = time.monotonic()
        line.recorder.begin(due, begun, begun - line.begin)
        failed, tokens = self._answer(line, max(0.001, due + self._timeout - begun))
        line.in_flight -= 1
        ended = time.monotonic()
        if failed:
            line.recorder.failures[failed] += 1
        else:
            line.recorder.answer(due, begun, ended, tokens)
        line.recorder.keep(due - line.begin, begun - line.begin, ended - line.begin, failed)
        self._told(line.endpoint, 1000 * (ended - due), failed)

    def _answer(self, line: _Line, seconds: float) -> tuple[str, list[float]]:
        """Why there is no answer, empty when there is one; and when its tokens came."""
        if line.in_flight > IN_FLIGHT_MAX:
            return f"not sent: {IN_FLIGHT_MAX} requests were under way", []
        limit = gevent.Timeout(seconds)
        limit.start()
        try:
            return "", line.user.ask()
        except NoAnswerError as error:
            return str(error), []
        except gevent.Timeout:
            return f"no answer within {self._timeout:g} s", []
        except Exception as error:  # noqa: BLE001 - whatever it was, this request had no answer, and the others continue
            return f"unexpected: {error!r}"[:200], []
        finally:
            limit.close()

    def _drain(self) -> None:
        """Every request ends by its own timeout."""
        while any(line.in_flight for line in self._lines):
            gevent.sleep(0.02)
