"""Waits for the platform: says every ten seconds for what and why, and gives up early when waiting will not help."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from tidegate.errors import MachineError, TidegateError
from tidegate.facts import numerals

SIGN_OF_LIFE_SECONDS = 10.0
"""How long a wait may be silent."""

HOPELESS_SECONDS = 120.0
"""How long the same failure may be seen before a wait ends. Programs and pods that start in the wrong order fail too, and are
well again within a minute on two busy cores."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps something from happening, and the command that shows more.

    `key` names the failing part, so that a message that changes is still the same failure. `passes` is true while waiting alone
    may help, as for a pod that is still starting; `ends_now` when it certainly does not, as for a machine that has ended.
    """

    key: str
    cause: str
    command: str
    passes: bool = False
    ends_now: bool = False

    def __str__(self) -> str:
        return f"{self.cause}; {self.command}"


def nothing_known() -> Obstacle | None:
    """For waits whose cause nobody can tell."""
    return None


def wait_until(
    is_done: Callable[[], bool], what: str, *, patience_seconds: float, pause_seconds: float = 0.2, why_not: Callable[[], str] = lambda: "",
    say: Callable[[str], None] = lambda _line: None, find_obstacle: Callable[[], Obstacle | None] = nothing_known,
) -> float:  # fmt: skip
    """Waits for `is_done` and returns the seconds it took.

    `say` gets, every `SIGN_OF_LIFE_SECONDS`, what is waited for and what is in the way: the obstacle, else `why_not`. Raises
    `MachineError` with both after `patience_seconds`, and earlier when one obstacle stays that does not pass by itself.
    """
    started = time.monotonic()
    said, first_seen, key = started, started, ""
    while not is_done():
        now = time.monotonic()
        is_late = now - started > patience_seconds
        if is_late or now - said >= SIGN_OF_LIFE_SECONDS:
            said = now
            obstacle = find_obstacle()
            if obstacle is None or obstacle.key != key:
                first_seen, key = now, obstacle.key if obstacle else ""
            reason = str(obstacle) if obstacle else why_not()
            because = f": {reason}" if reason else ""
            if obstacle and (obstacle.ends_now or (not obstacle.passes and now - first_seen >= HOPELESS_SECONDS)):
                raise MachineError(f"gave up on {what} after {now - started:.0f} s{because}")
            if is_late:
                raise MachineError(f"{what} did not happen within {numerals.seconds(patience_seconds)}{because}")
            say(f"waiting for {what}, {now - started:.0f} s{because}")
        time.sleep(pause_seconds)
    return time.monotonic() - started


@contextmanager
def signs_of_life(say: Callable[[float, str], None], every_seconds: float = SIGN_OF_LIFE_SECONDS) -> Generator[Callable[[str], None]]:
    """While what is inside runs, calls `say` now and then, from another thread, with the seconds that passed and the last line of output.

    What is yielded takes the output line by line. A `TidegateError` of `say` ends the calls and nothing else: nobody wants to hear more, and
    who made it so interrupts what runs.
    """
    ended = threading.Event()
    printed: list[str] = []
    started = time.monotonic()

    def beat() -> None:
        while not ended.wait(every_seconds):
            line = printed[-1] if printed else ""
            printed.clear()
            try:
                say(time.monotonic() - started, line)
            except TidegateError:
                return

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield printed.append
    finally:
        ended.set()
        thread.join()
