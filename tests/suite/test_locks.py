"""Locks of a run: who shares, who waits, and what a dead process leaves."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tests.root import ROOT
from tests.suite.locks import Locks
from tests.suite.plan import Needs
from tidegate import tools

ALONE = Needs(alone=frozenset({"live-1"}))
SHARED = Needs(shared=frozenset({"live-1"}))


def silent(_text: str) -> None: ...


def enters(folder: Path, needs: Needs, *, name: str = "other", seconds: float = 0.5) -> bool:
    """Whether another one gets in within that time."""
    is_in = threading.Event()

    def go() -> None:
        with Locks(folder, silent).held(name, needs):
            is_in.set()

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    thread.join(seconds)
    return is_in.is_set()


@pytest.mark.parametrize(
    ("first", "second", "beside"),
    [
        (SHARED, SHARED, True), (SHARED, ALONE, False), (ALONE, SHARED, False), (ALONE, ALONE, False),
        (ALONE, Needs(alone=frozenset({"live-2"})), True),
    ],
    ids=["both-share", "wants-it-alone", "has-it-alone", "both-want-it-alone", "other-regions"],
)  # fmt: skip
def test_what_goes_on_beside_what(tmp_path: Path, first: Needs, second: Needs, *, beside: bool) -> None:
    with Locks(tmp_path, silent).held("one", first):
        assert enters(tmp_path, second) is beside
    assert enters(tmp_path, second)


def test_who_wants_it_alone_is_not_overtaken_by_those_who_share(tmp_path: Path) -> None:
    order: list[str] = []

    def go(name: str, needs: Needs) -> None:
        with Locks(tmp_path, silent).held(name, needs):
            order.append(name)

    with Locks(tmp_path, silent).held("first", SHARED):
        alone = threading.Thread(target=go, args=("alone", ALONE))
        alone.start()
        time.sleep(0.3)
        later = threading.Thread(target=go, args=("later", SHARED))
        later.start()
        time.sleep(0.3)
        assert order == []
    alone.join(5)
    later.join(5)
    assert order == ["alone", "later"]


def test_two_who_want_the_same_things_do_not_wait_for_each_other(tmp_path: Path) -> None:
    both = Needs(alone=frozenset({"live-1", "live-2"}))
    done: list[str] = []

    def go(name: str) -> None:
        for _ in range(20):
            with Locks(tmp_path, silent).held(name, both):
                done.append(name)

    threads = [threading.Thread(target=go, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(done) == 40


def test_whoever_waits_is_told_who_holds_it(tmp_path: Path) -> None:
    told: list[str] = []
    with Locks(tmp_path, silent).held("disturbing/test_rollout", ALONE):
        thread = threading.Thread(
            target=lambda: Locks(tmp_path, told.append, first_seconds=0.2).held("disturbing/test_vault", SHARED).__enter__(), daemon=True
        )
        thread.start()
        deadline = time.monotonic() + 5
        while not told and time.monotonic() < deadline:
            time.sleep(0.05)
    assert told
    assert told[0].startswith("disturbing/test_vault waits 0 s so far for live-1, held by disturbing/test_rollout")


HOLD = """
import sys, time
from pathlib import Path
from tests.suite.locks import Locks
from tests.suite.plan import Needs
with Locks(Path(sys.argv[1]), print).held("doomed", Needs(alone=frozenset({"live-1"}))):
    print("held", flush=True)
    time.sleep(60)
"""


def test_killed_process_lets_go(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [str(ROOT / ".venv/bin/python"), "-c", HOLD, str(tmp_path)]
    process = tools.start_server(command, log_path=log, cwd=ROOT)
    try:
        deadline = time.monotonic() + 20
        while "held" not in log.read_text(encoding="utf-8") and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not enters(tmp_path, ALONE)
    finally:
        tools.stop_server(process, grace_seconds=0)
    assert enters(tmp_path, ALONE, seconds=5)
