"""A tombstone takes a tenant out of both regions whole, and nobody else notices; without one nothing is rendered at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from tests.acceptance.edge_client import load
from tests.acceptance.running_platform import EXECUTED, INVENTORY, REGIONS, Running, applications_of, is_of_platform, wait_for
from tests.acceptance.served_repository import Renderer
from tidegate.checkout import Checkout
from tidegate.errors import ToolError
from tidegate.facts import names
from tidegate.repository.remove_tenant import remove_tenant

GONE = "scoring"
NAMESPACE = INVENTORY.tenants[GONE].namespace_name
MODEL = f"{GONE}/fraud-shadow"

# The edge's listeners change with the tenant: what takes longer than their drain is cut, such as somebody else's cold start.
pytestmark = [pytest.mark.timeout(1500), pytest.mark.touches(regions=REGIONS, tenant=GONE, alone=False)]

BYSTANDER = "fraud/scorer"
APPLICATIONS = applications_of(GONE)
OTHERS = [(region, reference) for region, reference in EXECUTED if not reference.startswith(f"{GONE}/")]
OWN_KINDS = (
    "configmaps,serviceaccounts,resourcequotas,limitranges,pods,services,roles,rolebindings,networkpolicies,poddisruptionbudgets,"
    "inferenceservices,services.serving.knative.dev,revisions.serving.knative.dev,httproutes,referencegrants,podmonitors,"
    "authorizationpolicies,peerauthentications,requestauthentications,destinationrules"
)
RecordProperty = Callable[[str, object], None]


def test_deletion_without_a_tombstone_is_refused_and_changes_nothing(renderer: Renderer, copy: Checkout) -> None:
    before = [renderer.committed(f"{region}/tenants/{GONE}") for region in REGIONS]
    (copy.root / "gitops" / "tenants" / f"{GONE}.yaml").unlink()
    with pytest.raises(ToolError) as refused:
        renderer.render(copy.root)
    assert refused.value.exit_code == 1
    assert f"gitops/tenants/{GONE}.yaml: it would vanish from {', '.join(REGIONS)}" in refused.value.stderr
    assert "[tenant-removed-without-tombstone]" in refused.value.stderr
    assert renderer.commit("Nothing") is None
    assert [renderer.committed(f"{region}/tenants/{GONE}") for region in REGIONS] == before


@dataclass
class Departure:
    """How a tenant leaves one region: seconds since the commit by what was gone, and whether fences went before models."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    fences_went_first: bool = False

    def note(self, what: str, since: float) -> None:
        self.seconds.setdefault(what, round(time.monotonic() - since, 1))


def watch(running: Running, region: str, since: float, departure: Departure) -> list[str]:
    """What is still there."""
    cluster = running.cluster(region)
    phase = cluster.run("get", "namespace", NAMESPACE, "--ignore-not-found", "--output=jsonpath={.status.phase}")
    # Looked at after the namespace: a model seen now was there when the namespace began to go.
    models = items(running, region, "inferenceservices", f"--namespace={NAMESPACE}")
    departure.fences_went_first |= phase == "Terminating" and bool(models)
    routes = items(running, region, "httproutes", f"--namespace={names.NAMESPACE_EDGE}", f"--selector={names.LABEL_TENANT}={GONE}")
    left = {"models": models, "route": [one["metadata"]["name"] for one in routes], "namespace": phase}
    for what, found in left.items():
        if not found:
            departure.note(what, since)
    return [what for what, found in left.items() if found]


def items(running: Running, region: str, *arguments: str) -> list[Any]:
    return running.read(region, *arguments)["items"]


def applications(running: Running, region: str) -> dict[str, Any]:
    return {one["metadata"]["name"]: one for one in items(running, region, "applications.argoproj.io", "--namespace=argocd")}


def still_to_settle(running: Running, region: str) -> list[str]:
    """The tenant's and the platform's Applications that are not live, and models of others that are not ready."""
    state = running.state(region)
    waiting = [one for one in state.waiting_for if is_of_platform(one) or one in APPLICATIONS]
    return waiting + [one.name for one in state.models if one.executed and not one.ready and not one.name.startswith(f"{GONE}/")]


def test_tombstone_removes_all_of_a_tenant_from_both_regions_and_is_taken_back(
    platform: Running, renderer: Renderer, copy: Checkout, record_property: RecordProperty
) -> None:
    for region in REGIONS:
        assert platform.ask(region, MODEL).status == 200
    remove_tenant(copy, GONE, "maria@example.com", "An end-to-end test removes it for a while.", date(2026, 11, 21))
    departures = {region: Departure() for region in REGIONS}
    with ExitStack() as calling:
        seen = {region: calling.enter_context(load(platform, region, BYSTANDER, per_second=4, callers=1)) for region in REGIONS}
        renderer.render(copy.root)
        started = time.monotonic()
        assert renderer.commit(f"Remove {GONE}")

        def leave(region: str) -> None:
            def look() -> list[str]:
                return watch(platform, region, started, departures[region])

            wait_for(f"{GONE} is gone from {region}", look, lambda left: not left, 400, 0.5)
            wait_for(f"{region} is at rest", lambda: still_to_settle(platform, region), lambda waiting: not waiting, 240, 2)
            departures[region].note("at_rest", started)

        with ThreadPoolExecutor(len(REGIONS)) as regions:
            list(regions.map(leave, REGIONS))
    for region in REGIONS:
        record_property(f"{region}_gone_after_seconds", departures[region].seconds)
        record_property(f"{region}_callers_of_others", seen[region].told())
        assert not departures[region].fences_went_first, f"in {region} models ran while their namespace was going"
        there = applications(platform, region)
        for name in APPLICATIONS:
            assert there[name]["status"]["sync"]["status"] == "Synced"
            assert there[name]["status"]["health"]["status"] == "Healthy"
            assert not there[name]["status"].get("resources"), f"{name} of {region} still owns something"
        labelled = items(platform, region, OWN_KINDS, "--all-namespaces", f"--selector={names.LABEL_TENANT}={GONE}")
        assert [f"{one['kind']} {one['metadata']['name']}" for one in labelled] == []
        assert platform.ask(region, MODEL).status in {403, 404}
        # A new set of listeners may close a connection under a caller; nobody gets a wrong answer.
        assert seen[region].sent > 10
        assert not [outcome for outcome in seen[region].bad if outcome.isdigit()], "; ".join(seen[region].first_bad)
    for region, reference in OTHERS:
        assert platform.ask(region, reference).status == 200, f"{reference} in {region} no longer answers"

    started = time.monotonic()
    renderer.take_back(f"Bring {GONE} back")
    for region in REGIONS:
        platform.wait_until_live(region, of=GONE, patience_seconds=420)
        wait_for(
            f"{MODEL} answers in {region} again", lambda at=region: platform.ask(at, MODEL).status, lambda status: status == 200, 120, 1
        )
        record_property(f"{region}_back_after_seconds", round(time.monotonic() - started, 1))
