"""The two halves of a bring-up: whichever fails first is told, and neither goes on without the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Event
from types import SimpleNamespace

import pytest

from tests.root import ROOT
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded import emulated_cloud, emulator, lifecycle, regions
from tidegate.errors import MachineError, StateError

Half = Callable[..., object]


def bring_up(monkeypatch: pytest.MonkeyPatch, cloud: Half, of_regions: Half) -> None:
    monkeypatch.setattr(lifecycle, "missing", lambda _checkout: [])  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.setattr(emulator, "ensure_running", lambda _checkout: (SimpleNamespace(endpoint="http://127.0.0.1:1"), False))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.setattr(emulated_cloud, "bring_up", cloud)
    monkeypatch.setattr(regions, "bring_up_regions", of_regions)
    lifecycle.bring_up(Checkout(ROOT), lambda _subject, _what: None)


def wait_for_stop(*given: object) -> None:
    stop = given[-1]
    assert isinstance(stop, Event)
    assert stop.wait(10)
    raise MachineError("interrupted; run the same command again to continue")


def test_error_of_the_cloud_is_told_and_not_that_the_regions_were_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StateError("the real cause")

    monkeypatch.setattr(tools, "interrupt_streams", lambda: time.sleep(0.3))  # the regions end meanwhile
    with pytest.raises(StateError, match="the real cause"):
        bring_up(monkeypatch, fail, wait_for_stop)


def test_error_of_the_regions_is_told_and_not_that_the_cloud_was_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted = Event()

    def fail(*_: object) -> None:
        raise MachineError("the machine has no disk")

    def wait(*_: object, **__: object) -> None:
        assert interrupted.wait(10)
        time.sleep(0.1)
        raise StateError("interrupted")

    monkeypatch.setattr(tools, "interrupt_streams", interrupted.set)
    with pytest.raises(MachineError, match="the machine has no disk"):
        bring_up(monkeypatch, wait, fail)


def test_regions_hear_that_the_registries_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[object] = []

    def apply(*_: object, on_awaited: Callable[[], None], **__: object) -> None:
        on_awaited()

    def upload(_checkout: object, _platform: object, _endpoint: object, registries: Future[None], *_: object) -> object:
        heard.append(registries.result(10))
        return SimpleNamespace(production=None)

    bring_up(monkeypatch, apply, upload)
    assert heard == [None]
