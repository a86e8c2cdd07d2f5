"""The emulated AWS is started once per checkout, found again by its record, and stopped by pid."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tidegate import tools
from tidegate.checkout import Checkout, find_checkout
from tidegate.embedded import emulator


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    (tmp_path / ".venv").symlink_to(find_checkout(Path(__file__).parent).root / ".venv")
    return Checkout(tmp_path)


def test_emulator_starts_once_and_is_found_again(checkout: Checkout) -> None:
    try:
        first, is_new = emulator.ensure_running(checkout)
        again, is_new_again = emulator.ensure_running(checkout)
        assert (is_new, is_new_again) == (True, False)
        assert again == first == emulator.find_running(checkout)
        assert first.endpoint.startswith("http://127.0.0.1:")
    finally:
        assert emulator.stop(checkout)
    assert not tools.is_running(first.process)
    assert emulator.find_running(checkout) is None
    assert not emulator.stop(checkout)


def test_record_of_a_dead_process_whose_pid_lives_on_is_not_believed(checkout: Checkout) -> None:
    checkout.embedded.mkdir(parents=True)
    record = {"port": 5570, "process": {"pid": os.getpid(), "start_ticks": 1}}
    (checkout.embedded / "emulator.json").write_text(json.dumps(record))
    assert emulator.find_running(checkout) is None
    assert not emulator.stop(checkout), "the process with that pid is ours, and it must live"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"port": "x", "process": {}}'], ids=["empty", "cut-off", "list", "wrong"])
def test_damaged_record_counts_as_no_emulator(checkout: Checkout, text: str) -> None:
    checkout.embedded.mkdir(parents=True)
    (checkout.embedded / "emulator.json").write_text(text)
    assert emulator.find_running(checkout) is None
