"""What the attack relies on is rendered: identity from verified tokens only, and a log line for every refusal."""

from __future__ import annotations

import functools
from typing import Any, cast

import pytest

from clusters.components.network import edge_limits, mesh, request_log
from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.facts.platform import Platform


@functools.cache
def platform() -> Platform:
    return inventory.load(ROOT)


def rendered(region: str, kind: str) -> list[dict[str, Any]]:
    cluster = platform().clusters[region]
    found = [*edge_limits.objects(platform(), cluster), *mesh.objects(platform(), cluster)]
    return [cast("dict[str, Any]", one) for one in found if one["kind"] == kind]


@pytest.mark.parametrize("region", sorted(platform().clusters))
def test_token_is_taken_from_one_header_only(region: str) -> None:
    """Without `fromHeaders` Istio takes `access_token` from the query too."""
    [authentication] = rendered(region, "RequestAuthentication")
    for rule in authentication["spec"]["jwtRules"]:
        assert rule["fromHeaders"] == [{"name": "Authorization", "prefix": "Bearer "}]
        assert "fromParams" not in rule
        assert "fromCookies" not in rule


@pytest.mark.parametrize("region", sorted(platform().clusters))
def test_verified_identity_goes_on_as_headers(region: str) -> None:
    [authentication] = rendered(region, "RequestAuthentication")
    issuer = platform().clusters[region].token_issuer
    for rule in authentication["spec"]["jwtRules"]:
        claims = {one["header"]: one["claim"] for one in rule["outputClaimToHeaders"]}
        assert claims == {"x-tidegate-tenant": issuer.tenant_claim, "x-tidegate-subject": "sub"}


@pytest.mark.parametrize("region", sorted(platform().clusters))
def test_every_proxy_logs_what_it_refuses(region: str) -> None:
    telemetry, edge = sorted(rendered(region, "Telemetry"), key=lambda one: one["metadata"]["name"])
    assert edge["spec"]["accessLogging"] == [{"providers": [{"name": request_log.NAME}]}], "the edge writes every request, without a filter"
    assert telemetry["metadata"]["namespace"] == "istio-system", "the root namespace is for every proxy"
    assert "selector" not in telemetry["spec"]
    [log] = telemetry["spec"]["accessLogging"]
    assert log["filter"]["expression"] == "response.code_details != 'via_upstream'"
