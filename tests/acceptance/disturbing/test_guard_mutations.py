"""Each guard is needed: without it a cell of the attack turns red, and with it back all are as expected again.

It opens holes on purpose and waits long, so `make soak` runs it and `make test` does not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.acceptance.running_platform import INVENTORY, REGIONS, Running, tell
from tidegate.attack.attack import attack
from tidegate.attack.cells import Cell
from tidegate.embedded.attacked_regions import attacked_regions
from tidegate.facts import names

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(3600),
]

REGION = REGIONS[0]
SKIP = "argocd.argoproj.io/skip-reconcile"
SETTLE_SECONDS = 20
"""Until every proxy has a changed policy and has drained the connections of before."""


@dataclass(frozen=True)
class Guard:
    """An object, the Application that owns it, what is put in its place, and the attack that it stops."""

    kind: str
    namespace: str
    name: str
    application: str
    source: str
    target: str
    path: str
    """What the names of the cells that must turn red begin with."""
    instead: dict[str, Any] | None = None
    """A new spec; the object is deleted when there is none."""


_EVERYBODY: dict[str, Any] = {"action": "ALLOW", "rules": [{}]}
_ANY = "authorizationpolicies.security.istio.io"
_PEERS = "peerauthentications.security.istio.io"
_PLAIN: dict[str, Any] = {"mtls": {"mode": "PERMISSIVE"}}

GUARDS = {
    # Without an ALLOW policy of its own a workload falls back to `allow-nothing`, so an open one takes its place.
    "edge-admission": Guard(_ANY, names.NAMESPACE_EDGE, "tenants", "platform-edge", "merchants", "fraud", "edge", {
        "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": names.GATEWAY_EDGE}], **_EVERYBODY,
    }),
    "edge-tokens": Guard(
        "requestauthentications.security.istio.io", names.NAMESPACE_EDGE, "tokens", "platform-edge", "fraud", "fraud", "edge"
    ),
    "local-gateway": Guard(_ANY, names.NAMESPACE_EDGE, "local-gateway", "platform-mesh", "merchants", "fraud", "local gateway", {
        "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": names.GATEWAY_LOCAL}], **_EVERYBODY,
    }),
    "activator": Guard(_ANY, names.NAMESPACE_KNATIVE, "activator", "platform-mesh", "merchants", "fraud", "activator by host", {
        "selector": {"matchLabels": {"app": "activator"}}, **_EVERYBODY,
    }),
    "autoscaler": Guard(_ANY, names.NAMESPACE_KNATIVE, "autoscaler", "platform-mesh", "merchants", "fraud", "autoscaler", {
        "selector": {"matchLabels": {"app": "autoscaler"}}, **_EVERYBODY,
    }),
    "tenants-callers": Guard(_ANY, "tenant-fraud", "callers", "guard-rails-fraud", "merchants", "fraud", "pod, port 8012", _EVERYBODY),
    "tenants-mtls": Guard(_PEERS, "tenant-fraud", "strict", "guard-rails-fraud", "fraud", "fraud", "pod, port 8012", _PLAIN),
    "mesh-mtls": Guard(_PEERS, names.NAMESPACE_MESH, "strict", "platform-mesh", "merchants", "fraud", "activator by host", _PLAIN),
}  # fmt: skip
"""`allow-nothing` and `activator-headers` stand behind others and turn nothing red alone; each is tried together with the guard in front of it."""

BEHIND = {
    "allow-nothing": ("tenants-callers", Guard(_ANY, names.NAMESPACE_MESH, "allow-nothing", "platform-mesh", "", "", "")),
    "activator-headers": ("activator", Guard(_ANY, names.NAMESPACE_KNATIVE, "activator-headers", "platform-mesh", "", "", "")),
}


@contextmanager
def without(platform: Running, guard: Guard) -> Generator[None]:
    """The guard away or opened, Argo CD looking elsewhere; put back from what it was, then Argo CD looks again."""
    cluster = platform.cluster(REGION)
    where = [guard.kind, guard.name, f"--namespace={guard.namespace}"]
    before: dict[str, Any] = json.loads(cluster.run("get", *where, "--output=json"))
    kept = {key: before[key] for key in ("apiVersion", "kind")} | {
        "metadata": {key: before["metadata"].get(key, {}) for key in ("name", "namespace", "labels", "annotations")}, "spec": before.get("spec", {}),
    }  # fmt: skip
    for application in (names.ROOT_APPLICATION, guard.application):
        _annotate(platform, application, f"{SKIP}=true")
    try:
        cluster.run("delete", *where)
        if guard.instead is not None:
            cluster.run("create", "--filename=-", stdin=json.dumps({**kept, "spec": guard.instead}))
        time.sleep(SETTLE_SECONDS)
        yield
    finally:
        cluster.run("delete", *where, "--ignore-not-found")
        cluster.run("create", "--filename=-", stdin=json.dumps(kept))
        for application in (guard.application, names.ROOT_APPLICATION):
            _annotate(platform, application, f"{SKIP}-")
        time.sleep(SETTLE_SECONDS)


def _annotate(platform: Running, application: str, annotation: str) -> None:
    platform.cluster(REGION).run(
        "annotate", "applications.argoproj.io", application, f"--namespace={names.NAMESPACE_ARGOCD}", annotation, "--overwrite"
    )


def cells(platform: Running, guard: Guard) -> list[Cell]:
    """The part of the matrix that the guard is for."""
    told: Callable[[str, str], None] = lambda _subject, what: tell(what)  # noqa: E731
    found = attack(
        INVENTORY, attacked_regions(platform.local, platform.programs, platform.models), [REGION], told, source=guard.source, target=guard.target
    )  # fmt: skip
    return [cell for cell in found.cells if cell.path.startswith(guard.path)]


def red(found: list[Cell]) -> list[str]:
    return [f"{cell.mode}, {cell.path}: {cell.seen}" for cell in found if not cell.as_expected]


@pytest.mark.parametrize("name", sorted(GUARDS))
def test_without_the_guard_a_cell_turns_red(platform: Running, name: str, record_property: Callable[[str, object], None]) -> None:
    guard = GUARDS[name]
    assert red(cells(platform, guard)) == [], "red before anything was taken away"
    with without(platform, guard):
        open_now = red(cells(platform, guard))
    record_property("red", open_now)
    assert open_now, f"{name} can be taken away and nobody notices"
    assert red(cells(platform, guard)) == [], "red although the guard is back"


@pytest.mark.parametrize("name", sorted(BEHIND))
def test_guard_behind_a_guard_holds_alone_and_is_needed(platform: Running, name: str) -> None:
    front, behind = BEHIND[name]
    guard = GUARDS[front]
    with without(platform, behind):
        assert red(cells(platform, guard)) == [], "the guard in front does not hold alone"
        with without(platform, guard):
            assert red(cells(platform, guard)), f"{name} and {front} are both away and nobody notices"


@pytest.mark.parametrize("region", REGIONS)
def test_without_the_packet_filter_sidecars_answer_strangers(platform: Running, region: str) -> None:
    table = "inet", "tidegate-sidecar-ports"
    rules = platform.inside(region, "nft", "list", "table", *table)
    guard = Guard("", "", "", "", "merchants", "fraud", "pod, sidecar's port")
    platform.inside(region, "nft", "flush", "chain", *table, "forward")
    try:
        told: Callable[[str, str], None] = lambda _subject, what: tell(what)  # noqa: E731
        found = attack(
            INVENTORY, attacked_regions(platform.local, platform.programs, platform.models), [region], told, source=guard.source, target=guard.target
        ).cells  # fmt: skip
        assert red([cell for cell in found if cell.path.startswith(guard.path)])
    finally:
        platform.inside(region, "sh", "-c", f"nft delete table {' '.join(table)} && printf '%s\\n' \"$1\" | nft -f -", "sh", rules)
    assert platform.inside(region, "nft", "list", "table", *table) == rules
