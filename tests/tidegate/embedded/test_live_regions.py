"""A bring-up mends what an interrupted one before it has left: revisions that Knative tries no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.root import ROOT
from tests.tidegate.live.canned_cluster import FIRST, SECOND, platform
from tidegate.checkout import Checkout
from tidegate.embedded import live_regions
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.fleet.region import read_addresses
from tidegate.embedded.live_regions import Watched
from tidegate.embedded.region_status import RegionState
from tidegate.live.kubernetes import Kubernetes
from tidegate.live.states import ModelState, unread

GONE = f"delete revisions.serving.knative.dev {FIRST} --namespace=tenant-fraud --cascade=foreground --ignore-not-found --wait=false"


class Recording(Kubernetes):
    """Notes what it is asked to do."""

    def __init__(self, calls: list[str]) -> None:
        super().__init__(Path("kubectl"), Path("kubeconfig"))
        object.__setattr__(self, "calls", calls)  # a frozen dataclass

    calls: list[str]

    def run(self, *arguments: str, stdin: str = "", timeout_seconds: float = 60) -> str:
        del stdin, timeout_seconds
        self.calls.append(" ".join(arguments))
        return ""


def model(*, ready: bool, given_up: tuple[str, ...] = ()) -> ModelState:
    known = unread(platform(), "live-1", platform().tenants["fraud"], "scorer", problem="")
    return replace(known, known=True, ready=ready, given_up=given_up)


def bring_up(monkeypatch: pytest.MonkeyPatch, *looks: ModelState) -> tuple[list[str], list[str]]:
    """What was asked of the cluster and said while the region looked like this, look by look."""
    left = [RegionState("live-1", True, True, {"live-1-node-1": True}, {}, 0.0, (), (one,)) for one in looks]
    calls: list[str] = []
    said: list[str] = []

    def read(_local: Local, _name: str, _programs: object) -> RegionState:
        return left.pop(0)

    def until(is_right: Callable[[], bool], *_arguments: object, **_options: object) -> None:
        while not is_right():
            pass

    def cluster_of(_local: Local, _name: str, _programs: object) -> Kubernetes:
        return Recording(calls)

    monkeypatch.setattr(live_regions, "read_region", read)
    monkeypatch.setattr(live_regions, "wait_until", until)
    monkeypatch.setattr(live_regions, "cluster_of", cluster_of)
    Watched(Local(Checkout(ROOT), platform(), read_addresses(Checkout(ROOT))), "live-1", {}, said.append).wait_until_live()
    assert not left
    return calls, said


def test_revision_that_knative_gave_up_is_made_anew_once(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = model(ready=False, given_up=(FIRST,))
    calls, said = bring_up(monkeypatch, failed, failed, model(ready=False), model(ready=True))
    assert calls == [GONE]
    assert f"fraud/scorer: Knative gave up on {FIRST} before, so it is made again" in said


def test_canary_that_was_given_up_is_made_anew_though_the_region_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, _ = bring_up(monkeypatch, model(ready=True, given_up=(SECOND,)))
    assert calls == [GONE.replace(FIRST, SECOND)]


def test_model_that_only_starts_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, _ = bring_up(monkeypatch, model(ready=False), model(ready=True))
    assert calls == []
