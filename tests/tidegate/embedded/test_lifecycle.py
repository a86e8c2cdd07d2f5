"""The two halves of a bring-up: whichever fails first is told, and neither goes on without the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest

from tests.root import ROOT
from tests.tidegate.embedded.builds.scratch_builds import make_checkout, stand_in_for_go
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded import edge_addresses, emulated_cloud, emulator, lifecycle, regions
from tidegate.embedded.builds import go_programs
from tidegate.endings import ExitCode, exit_code
from tidegate.errors import Finding, MachineError, ManifestError, StateError, UsageError
from tidegate.facts import inventory

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


def test_cloud_begins_nothing_more_when_the_regions_have_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted = Event()

    def fail(*_: object) -> None:
        raise MachineError("the machine has no disk")

    def begin(_checkout: object, _platform: object, tell: Callable[[str, str], None], **_: object) -> None:
        assert interrupted.wait(10)  # between two programs, when there is none to interrupt
        tell("all stacks", "synthesising")
        raise AssertionError("the cloud went on")

    monkeypatch.setattr(tools, "interrupt_streams", interrupted.set)
    with pytest.raises(MachineError, match="the machine has no disk"):
        bring_up(monkeypatch, begin, fail)


def test_platform_without_a_cluster_for_this_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "missing", lambda _checkout: [])  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.setattr(lifecycle, "open_local", lambda *_: SimpleNamespace(regions=[], addresses=SimpleNamespace(regions={"live-1": 1})))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    with pytest.raises(UsageError, match="none of the clusters live-1, live-2 can run here; name one of them live-1"):
        lifecycle.bring_up(Checkout(ROOT), lambda _subject, _what: None)


def test_no_machine_is_started_for_what_production_could_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Told at once, although something is being built meanwhile."""
    built = Event()

    def refuse(*_: object) -> None:
        raise ManifestError([Finding("a.yaml", "", "rule", "is wrong", "change it")])

    def prepare(_checkout: object, say: Callable[[str, str], None]) -> None:
        for _ in range(100):
            time.sleep(0.05)
            say("images", "building")
        built.set()

    monkeypatch.setattr(regions, "render_and_validate", refuse)
    monkeypatch.setattr(regions.bring_up, "prepare", prepare)
    monkeypatch.setattr(regions.bring_up, "start_machines", refuse)
    with pytest.raises(ManifestError, match="is wrong"):
        regions.bring_up_regions(Checkout(ROOT), inventory.load(ROOT), "http://127.0.0.1:1", Future(), lambda _subject, _what: None)
    assert not built.is_set()


def test_build_is_interrupted_by_what_production_could_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The finding is told, within seconds, with its own exit code, and no thread ends with a traceback."""
    (scratch := tmp_path / "scratch").mkdir()
    stand_in_for_go(scratch, monkeypatch, f'if [ "$1" = build ]; then touch {tmp_path}/going; exec sleep 60; fi')
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(go_programs, "SIGN_OF_LIFE_SECONDS", 0.02)

    def refuse(*_: object) -> None:
        while not (tmp_path / "going").exists():
            time.sleep(0.02)
        raise ManifestError([Finding("a.yaml", "", "rule", "is wrong", "change it")])

    def prepare(_checkout: object, say: Callable[[str, str], None]) -> None:
        go_programs.build(make_checkout(tmp_path / "checkout"), say)

    def wait(*_: object, **__: object) -> None:
        tools.stream(["sleep", "60"], print)  # as terraform, which is interrupted too

    monkeypatch.setattr(regions, "render_and_validate", refuse)
    monkeypatch.setattr(regions.bring_up, "prepare", prepare)
    started = time.monotonic()
    with pytest.raises(ManifestError, match="is wrong") as refused:
        bring_up(monkeypatch, wait, regions.bring_up_regions)
    assert time.monotonic() - started < 30
    assert exit_code(refused.value) == ExitCode.REFUSED


def test_regions_hear_that_the_registries_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[object] = []

    def apply(*_: object, on_awaited: Callable[[], None], **__: object) -> None:
        on_awaited()

    def upload(_checkout: object, _platform: object, _endpoint: object, registries: Future[None], *_: object) -> object:
        heard.append(registries.result(10))
        return SimpleNamespace(production=None)

    def write(_account: object, _clusters: object, addresses: dict[str, str]) -> dict[str, str]:
        heard.append(sorted(addresses))
        return {}

    monkeypatch.setattr(edge_addresses, "write", write)
    bring_up(monkeypatch, apply, upload)
    assert heard == [None, ["live-1", "live-2"]], "the zone is written to last"
