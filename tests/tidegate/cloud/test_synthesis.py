"""Synthesis can be interrupted, says that it goes on, and does not go on for ever."""

from __future__ import annotations

import re
import time
from pathlib import Path
from threading import Timer

import pytest

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.cloud import synthesis
from tidegate.cloud.account import Account
from tidegate.cloud.synthesis import synthesise
from tidegate.endings import ExitCode, exit_code
from tidegate.errors import ProgramError, ToolError


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """One whose synthesis says something and then hangs."""
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").write_text("#!/bin/sh\necho starting jsii\nexec sleep 60\n")
    (tmp_path / ".venv/bin/python").chmod(0o755)
    return Checkout(tmp_path)


def test_synthesis_is_interrupted(checkout: Checkout) -> None:
    Timer(1, tools.interrupt_streams).start()
    started = time.monotonic()
    with pytest.raises(ToolError) as caught:
        synthesise(checkout, Account(None))
    assert caught.value.exit_code == tools.INTERRUPTED
    assert time.monotonic() - started < 30


def test_synthesis_that_hangs_is_told_and_ended(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesis, "SIGN_OF_LIFE_SECONDS", 0.5)
    monkeypatch.setattr(synthesis, "PATIENCE_SECONDS", 3)
    said: list[str] = []
    with pytest.raises(ProgramError) as late:
        synthesise(checkout, Account(None), on_progress=lambda subject, what: said.append(f"{subject}: {what}"))
    assert re.fullmatch(r"all stacks: still synthesising, \d s \(starting jsii\)", said[0])
    assert len(said) >= 3
    assert str(late.value) == (
        "infra = it said starting jsii: synthesis not finished after 3 s; look at what it waits for with `tidegate --verbose`, "
        "which prints the command, and run it again [synthesis-late]"
    )
    assert exit_code(late.value) == ExitCode.REFUSED


def test_nothing_is_silent_for_longer_than_ten_seconds() -> None:
    assert synthesis.SIGN_OF_LIFE_SECONDS <= 10
