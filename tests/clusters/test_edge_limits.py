"""The rendered rate limits, in a real Envoy: each tenant's own, whatever others do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clusters.components.network import edge_limits
from clusters.components.network.envoy_filters import PATCHES_MAX
from tests.measure.bench.edge_rules import Proxy, running
from tests.measure.bench.many_tenants import CLUSTER, platform_of
from tests.root import ROOT
from tidegate.facts.platform import Platform

FRAUD, ASSISTANT = "fraud.live-1.models.example.com", "assistant.live-1.models.example.com"


@pytest.fixture
def proxy(platform: Platform, tmp_path: Path) -> Iterator[Proxy]:
    """The edge's limits of the committed tenants, at one of three proxies: 200 a second for fraud, 7 for assistant."""
    slower = platform.tenants["fraud"].model_copy(update={"requests_per_second": 60})
    with running(tmp_path, replace(platform, tenants={**platform.tenants, "fraud": slower}), rules=False) as started:
        yield started


def test_burst_above_a_tenants_limit_is_refused_and_limits_nobody_else(proxy: Proxy) -> None:
    found = proxy.ask(ASSISTANT, count=30)
    assert found[200] >= 7
    assert found[429] > 10
    assert proxy.ask(FRAUD, count=20) == {200: 20}


def test_requests_that_no_route_takes_are_limited_too(proxy: Proxy) -> None:
    found = proxy.ask(FRAUD, "/no-such-model", count=30)
    assert found[404] >= 7
    assert found[429] > 10
    assert proxy.ask(FRAUD, count=20) == {200: 20}, "what no model takes uses up what the models are for"


def test_limits_of_many_tenants_are_several_filters() -> None:
    platform = platform_of(ROOT, PATCHES_MAX, 1)
    found = [one for one in edge_limits.objects(platform, platform.clusters[CLUSTER]) if one["kind"] == "EnvoyFilter"]
    assert [one["metadata"]["name"] for one in found] == ["rate-limits", "rate-limits-2", "rate-limits-3"]  # pyright: ignore[reportIndexIssue] - metadata is a mapping
