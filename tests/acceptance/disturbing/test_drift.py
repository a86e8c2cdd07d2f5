"""What is changed or deleted by hand is as in Git again soon. All of it is changed at once, and each object is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.acceptance.running_platform import Running, tell, wait_for

REGION = "live-2"
PATIENCE_SECONDS = 120
RecordProperty = Callable[[str, object], None]

pytestmark = [pytest.mark.timeout(900), pytest.mark.touches(regions=[REGION])]


@dataclass(frozen=True, slots=True)
class Drift:
    """An object, how it is edited (a merge patch; without one it is deleted), and the field that shows it."""

    kind: str
    name: str
    namespace: str
    patch: str = ""
    field: str = "{.metadata.uid}"

    def __str__(self) -> str:
        return f"{self.kind} {self.name} of {self.namespace}"

    def look(self, running: Running) -> str:
        """The field now; empty when the object is not there."""
        where = [self.kind, self.name, f"--namespace={self.namespace}", "--ignore-not-found"]
        return running.cluster(REGION).run("get", *where, f"--output=jsonpath={self.field}")

    def make(self, running: Running) -> None:
        """Edits or deletes the object."""
        where = [self.kind, self.name, f"--namespace={self.namespace}"]
        if self.patch:
            running.cluster(REGION).run("patch", *where, "--type=merge", f"--patch={self.patch}")
        else:
            running.cluster(REGION).run("delete", *where, "--wait=false")

    def is_healed(self, before: str, now: str) -> bool:
        """As it was, or another object in place of the one that was deleted."""
        return now == before if self.patch else now not in {"", before}


GATEWAY = "gateways.gateway.networking.k8s.io"

EDITED = {
    "quota": Drift("resourcequota", "quota", "tenant-fraud", '{"spec": {"hard": {"pods": "999"}}}', "{.spec.hard.pods}"),
    "model": Drift("inferenceservice", "scorer", "tenant-fraud", '{"spec": {"predictor": {"maxReplicas": 9}}}', "{.spec.predictor.maxReplicas}"),
    "mesh": Drift("peerauthentication", "strict", "tenant-credit", '{"spec": {"mtls": {"mode": "PERMISSIVE"}}}', "{.spec.mtls.mode}"),
    "gateway": Drift(GATEWAY, "edge", "istio-ingress", '{"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}}', "{.metadata.labels}"),
}  # fmt: skip

DELETED = {
    "network-policy": Drift("networkpolicy", "default-deny", "tenant-fraud"),
    "callers": Drift("authorizationpolicy", "callers", "tenant-credit"),
    "admission-at-the-edge": Drift("authorizationpolicy", "tenants", "istio-ingress"),
    "route": Drift("httproute", "fraud", "istio-ingress"),
}


@pytest.fixture(scope="module")
def healed(platform: Running) -> dict[str, float]:
    """Seconds until each was as in Git again; those are left out that were not within their patience."""
    drifts = EDITED | DELETED
    before = {name: drift.look(platform) for name, drift in drifts.items()}
    assert all(before.values()), before
    made: dict[str, float] = {}
    for name, drift in drifts.items():
        drift.make(platform)
        made[name] = time.monotonic()
    seconds: dict[str, float] = {}
    while len(seconds) < len(drifts) and time.monotonic() - max(made.values()) < PATIENCE_SECONDS:
        for name in drifts.keys() - seconds.keys():
            if drifts[name].is_healed(before[name], drifts[name].look(platform)):
                seconds[name] = round(time.monotonic() - made[name], 2)
                tell(f"{drifts[name]} is as in Git again after {seconds[name]} s")
        time.sleep(0.3)
    return seconds


@pytest.mark.parametrize("name", EDITED)
def test_object_edited_by_hand_is_healed(platform: Running, healed: dict[str, float], record_property: RecordProperty, name: str) -> None:
    assert name in healed, f"{EDITED[name]} is not as in Git within {PATIENCE_SECONDS} s: {EDITED[name].look(platform)}"
    record_property("healed_after_seconds", healed[name])


@pytest.mark.parametrize("name", DELETED)
def test_object_deleted_by_hand_comes_back(platform: Running, healed: dict[str, float], record_property: RecordProperty, name: str) -> None:
    assert name in healed, f"{DELETED[name]} is not back within {PATIENCE_SECONDS} s: {DELETED[name].look(platform)}"
    record_property("back_after_seconds", healed[name])


def test_model_answers_after_all_that_healing(platform: Running) -> None:
    def look() -> int:
        return platform.ask(REGION, "fraud/scorer").status

    wait_for("fraud/scorer answers", look, lambda status: status == 200, 60, 1)
