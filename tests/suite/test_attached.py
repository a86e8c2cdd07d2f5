"""Bringing the platform up for tests, and taking it down, is one of the commands that change a checkout one at a time."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest

from tests.acceptance import attached
from tests.root import ROOT
from tidegate.checkout import Checkout
from tidegate.embedded import emulator, lifecycle, regions
from tidegate.errors import BusyError, MachineError
from tidegate.tools.one_at_a_time import alone


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Nothing runs in it."""
    for name in ("clusters/inventory", "clusters/embedded/network", "gitops/tenants"):
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.setattr(attached, "CHECKOUT", Checkout(tmp_path))
    return Checkout(tmp_path)


@pytest.mark.parametrize("what", ["bring_up", "take_down"])
def test_lock_is_held(checkout: Checkout, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    refused: list[str] = []

    def come_between(*_: object, **__: object) -> None:
        with pytest.raises(BusyError) as busy, alone(checkout.lock, "tidegate up"):
            pass
        refused.append(str(busy.value))
        raise MachineError("enough")

    monkeypatch.setattr(attached.times, "phase", lambda _name: contextlib.nullcontext())  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.setattr(lifecycle, what, come_between)
    monkeypatch.setattr(regions, "take_down_regions", lambda *_: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.setattr(emulator, "stop", lambda *_: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    with pytest.raises(MachineError, match="enough"):
        attached.bring_platform_up() if what == "bring_up" else attached.take_platform_down()
    assert [line.partition(" is at work")[0] for line in refused] == ["`make test-acceptance`"]
