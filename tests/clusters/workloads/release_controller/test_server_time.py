"""The API server's time: as exact as its Date, and not to be trusted after a jump of either clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from clusters.workloads.release_controller.server_time import ServerTime, monotonic

BEGIN = datetime(2026, 11, 30, 19, 0, tzinfo=UTC)


class Clocks:
    """Ours, the wall's beside it, and the server's."""

    def __init__(self) -> None:
        self.now, self.wall_ahead, self.server_ahead = 1000.0, 0.0, 0.0
        self.time = ServerTime(lambda: self.now, lambda: BEGIN.timestamp() + self.now + self.wall_ahead)

    @property
    def server(self) -> datetime:
        return BEGIN + timedelta(seconds=self.now + self.server_ahead)

    def ask(self, seconds: float = 0.1) -> None:
        """A request that takes so long; the server looks at its clock in the middle of it."""
        asked = self.now
        self.now += seconds / 2
        date = format_datetime(self.server.replace(microsecond=0), usegmt=True)
        self.now += seconds / 2
        self.time.heard(date, asked, self.now)

    def error(self) -> float:
        return (self.time.now() - self.server).total_seconds()


def test_time_is_exact_to_a_second_and_gets_better() -> None:
    clocks = Clocks()
    clocks.now += 0.3
    clocks.ask()
    assert abs(clocks.error()) <= 0.6
    for _ in range(40):
        clocks.now += 3.7
        clocks.ask()
    assert abs(clocks.error()) <= 0.15
    assert clocks.time.is_trusted()


def test_nothing_is_trusted_before_the_server_was_heard_and_long_after() -> None:
    clocks = Clocks()
    assert not clocks.time.is_trusted()
    clocks.ask()
    assert clocks.time.is_trusted()
    clocks.now += 119
    assert clocks.time.is_trusted()
    clocks.now += 2
    assert not clocks.time.is_trusted()


def test_jump_of_the_server_is_followed_and_not_trusted_for_a_while() -> None:
    for jump in (3600.0, -3600.0, 7.0):
        clocks = Clocks()
        clocks.ask()
        clocks.server_ahead = jump
        clocks.ask()
        assert abs(clocks.error()) <= 1
        assert not clocks.time.is_trusted()
        clocks.now += 29
        assert not clocks.time.is_trusted()
        clocks.now += 2
        assert clocks.time.is_trusted()


def test_jump_of_this_machine_is_not_trusted_for_a_while() -> None:
    clocks = Clocks()
    clocks.ask()
    assert clocks.time.is_trusted()
    clocks.wall_ahead = -60
    assert not clocks.time.is_trusted()
    clocks.now += 31
    assert clocks.time.is_trusted()
    assert abs(clocks.error()) <= 1, "the server's time does not hang on the wall's clock"


def test_slow_answer_and_a_date_that_is_none_are_no_jump() -> None:
    clocks = Clocks()
    clocks.ask()
    clocks.ask(seconds=20)
    clocks.time.heard("yesterday", clocks.now, clocks.now)
    assert clocks.time.is_trusted()
    assert abs(clocks.error()) <= 1


def test_clock_of_the_machine_runs_forward() -> None:
    assert monotonic() <= monotonic()
