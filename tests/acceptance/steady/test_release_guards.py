"""Whoever may write everything may not move a model's users past a release, and what the platform's own controllers write goes through."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clusters.components.admission.awaited_policies import awaited
from tests.acceptance.running_platform import INVENTORY, REGIONS, Running
from tidegate.contracts.release_names import GUARD_CONFIG_MAP, live_route
from tidegate.errors import ToolError
from tidegate.facts import names

pytestmark = [pytest.mark.timeout(600), pytest.mark.touches(asks=[])]

MODEL = "scorer"
NAMESPACE = INVENTORY.tenants["fraud"].namespace_name
PREDICTOR = names.inference_part(MODEL, "predictor")
USERS, PARAMETER = {"name": live_route(MODEL), "namespace": NAMESPACE}, {"name": GUARD_CONFIG_MAP, "namespace": NAMESPACE}
NEWEST = {"traffic": [{"configurationName": PREDICTOR, "latestRevision": True, "percent": 100}]}
MADE = {
    "forbid-foreign-knative-routes": {"apiVersion": "serving.knative.dev/v1", "kind": "Route", "metadata": USERS, "spec": NEWEST},
    "forbid-foreign-releases": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": PARAMETER, "data": {f"{MODEL}.stable": PREDICTOR}},
}
CHANGED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "forbid-foreign-knative-routes": (
        "routes.serving.knative.dev",
        PREDICTOR,
        {"spec": {"traffic": [{**NEWEST["traffic"][0], "tag": "mine"}]}},
    ),
    "forbid-foreign-status": ("inferenceservices", MODEL, {"status": {"conditions": []}}),
    "forbid-unreleased-files": ("inferenceservices", MODEL, {"metadata": {"annotations": {"serving.kserve.io/stop": "true"}}}),
    "forbid-canary-percent": ("inferenceservices", MODEL, {"spec": {"predictor": {"canaryTrafficPercent": 0}}}),
}


def said(platform: Running, region: str, *arguments: str, stdin: str = "") -> str:
    with pytest.raises(ToolError) as refused:
        platform.cluster(region).run(*arguments, "--dry-run=server", stdin=stdin)
    return refused.value.stderr


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("policy", MADE)
def test_platform_engineer_makes_no_route_and_approves_no_share(platform: Running, region: str, policy: str) -> None:
    assert policy in said(platform, region, "create", "--filename=-", stdin=json.dumps(MADE[policy]))


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("policy", [policy for policy in CHANGED if policy not in awaited()])
def test_platform_engineer_changes_nothing_that_moves_users(platform: Running, region: str, policy: str) -> None:
    resource, name, patch = CHANGED[policy]
    status = ["--subresource=status"] if "status" in patch else []
    arguments = ["patch", resource, name, f"--namespace={NAMESPACE}", "--type=merge", f"--patch={json.dumps(patch)}", *status]
    assert policy in said(platform, region, *arguments)


@pytest.mark.parametrize("region", REGIONS)
def test_policies_hinder_none_of_the_platforms_controllers(platform: Running, region: str) -> None:
    """Their refusals are events of the objects that they could not write."""
    ours = {
        "forbid-foreign-knative-routes",
        "forbid-foreign-releases",
        "forbid-foreign-status",
        "forbid-reused-revision-names",
        "limit-release-traffic",
    }
    events: list[dict[str, Any]] = platform.read(region, "events", "--all-namespaces")["items"]
    assert [one["message"] for one in events if any(policy in one.get("message", "") for policy in ours)] == []
    routes = platform.read(region, "routes.serving.knative.dev", f"--namespace={NAMESPACE}")["items"]
    assert PREDICTOR in {one["metadata"]["name"] for one in routes}
