"""A wait says every ten seconds for what and why, and ends early when the cause will not pass by itself."""

from __future__ import annotations

import pytest

from tidegate.errors import MachineError
from tidegate.tools import waiting
from tidegate.tools.waiting import Obstacle, wait_until

CRASH = Obstacle("pod vault/vault-0", "container vault of pod vault/vault-0 crashes", "see `kubectl -n vault logs vault-0`")
STARTING = Obstacle("pod vault/vault-0", "pod vault/vault-0 is starting", "see `kubectl -n vault describe pod vault-0`", passes=True)
ENDED = Obstacle("machine live-1", "machine live-1 has ended", "run `tidegate up` again", ends_now=True)


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(waiting, "time", clock)
    return clock


def test_what_is_done_already_costs_no_time(clock: Clock) -> None:
    assert wait_until(lambda: True, "nothing", patience_seconds=1) == 0
    assert clock.now == 1000


def test_every_ten_seconds_it_says_for_what_and_why(clock: Clock) -> None:
    said: list[str] = []
    wait_until(lambda: clock.now >= 1035, "Vault", patience_seconds=60, say=said.append, why_not=lambda: "no route")
    assert said == [f"waiting for Vault, {seconds} s: no route" for seconds in (10, 20, 30)]


def test_obstacle_is_told_instead_of_the_symptom(clock: Clock) -> None:
    said: list[str] = []
    wait_until(
        lambda: clock.now >= 1015,
        "Vault",
        patience_seconds=60,
        say=said.append,
        why_not=lambda: "InvalidPath",
        find_obstacle=lambda: STARTING,
    )
    assert said == ["waiting for Vault, 10 s: pod vault/vault-0 is starting; see `kubectl -n vault describe pod vault-0`"]


def test_failure_that_stays_ends_the_wait_with_cause_and_command(clock: Clock) -> None:
    with pytest.raises(MachineError) as refused:
        wait_until(lambda: False, "Vault", patience_seconds=600, find_obstacle=lambda: CRASH)
    assert str(refused.value) == (
        "gave up on Vault after 130 s: container vault of pod vault/vault-0 crashes; see `kubectl -n vault logs vault-0`"
    )
    assert clock.now == pytest.approx(1130, abs=1)


def test_failure_that_passes_meanwhile_is_forgotten(clock: Clock) -> None:
    def find() -> Obstacle | None:
        return None if 1095 < clock.now < 1105 else CRASH

    wait_until(lambda: clock.now >= 1210, "Vault", patience_seconds=600, find_obstacle=find)


def test_what_is_only_starting_is_waited_for_to_the_end(clock: Clock) -> None:
    with pytest.raises(MachineError, match=r"^Vault did not happen within 300 s: pod vault/vault-0 is starting; see"):
        wait_until(lambda: False, "Vault", patience_seconds=300, find_obstacle=lambda: STARTING)
    assert clock.now >= 1300


def test_machine_that_has_ended_ends_the_wait_at_the_first_look(clock: Clock) -> None:
    with pytest.raises(MachineError, match=r"^gave up on Vault after 10 s: machine live-1 has ended; run `tidegate up` again$"):
        wait_until(lambda: False, "Vault", patience_seconds=600, find_obstacle=lambda: ENDED)
    assert clock.now < 1011
