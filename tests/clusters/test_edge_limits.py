"""The rendered rate limits, in a real Envoy: each tenant's and each caller's own, whatever others do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from clusters.components.network import edge_limits, rate_limits
from tests.clusters import gateway_patches
from tests.measure.bench.edge_rules import Proxy, running
from tests.measure.bench.many_tenants import CLUSTER, platform_of
from tests.root import ROOT
from tidegate.facts.callers.caller import Caller
from tidegate.facts.platform import Platform
from tidegate.manifests.sizes import json_bytes

FRAUD, ASSISTANT = "fraud.live-1.models.example.com", "assistant.live-1.models.example.com"
MOVING = "assistant.models.example.com"
PORTAL, DESK = "staff-portal", "support-desk"


def with_rates(platform: Platform, **rates: int) -> Platform:
    """Assistant with other rates, those of one proxy: of the tenant (`whole`), the portal and the desk."""
    proxies = platform.clusters[CLUSTER].edge.replicas
    callers = tuple(Caller(subject=name, requests_per_second=rates[key] * proxies) for key, name in (("portal", PORTAL), ("desk", DESK)))
    changed = {"requests_per_second": rates["whole"] * proxies, "callers": callers}
    return replace(platform, tenants={**platform.tenants, "assistant": platform.tenants["assistant"].model_copy(update=changed)})


@pytest.fixture
def proxy(platform: Platform, tmp_path: Path) -> Iterator[Proxy]:
    """One of three proxies: 200 requests a second for fraud, 40 for assistant, of which the portal may take 20 and the desk 10."""
    with running(tmp_path, with_rates(platform, whole=40, portal=20, desk=10), rules=False) as started:
        yield started


def test_burst_above_a_tenants_limit_is_refused_and_limits_nobody_else(platform: Platform, tmp_path: Path) -> None:
    with running(tmp_path, with_rates(platform, whole=7, portal=7, desk=7), rules=False) as proxy:
        found = proxy.ask(ASSISTANT, count=30, subject=PORTAL)
        assert found[200] >= 7
        assert found[429] > 10
        assert proxy.ask(FRAUD, count=20) == {200: 20}


def test_caller_that_floods_takes_its_share_only(proxy: Proxy) -> None:
    found = proxy.ask(ASSISTANT, count=100, subject=PORTAL)
    assert 20 <= found[200] < 40
    assert found[429] > 40
    assert proxy.ask(ASSISTANT, count=10, subject=DESK) == {200: 10}, "one caller has used up what is another's"


def test_hosts_of_a_tenant_share_one_bucket(proxy: Proxy) -> None:
    first, second = proxy.ask(ASSISTANT, count=40, subject=PORTAL), proxy.ask(MOVING, count=40, subject=PORTAL)
    assert first[200] + second[200] < 40, "each host gave the whole rate"
    assert second[429] > 20


def test_requests_that_no_route_takes_use_up_the_callers_own_rate(proxy: Proxy) -> None:
    found = proxy.ask(ASSISTANT, "/no-such-model", count=100, subject=PORTAL)
    assert found[404] >= 20
    assert found[429] > 40
    assert proxy.ask(ASSISTANT, count=10, subject=DESK) == {200: 10}
    assert proxy.ask(FRAUD, count=20) == {200: 20}


def limiters(platform: Platform) -> list[Any]:
    found = list(rate_limits.objects(platform.clusters[CLUSTER], platform.tenants_of(CLUSTER)))
    return [one["typed_config"] for one in gateway_patches.of(reversed(found)).filters]


def buckets(limiter: Any) -> dict[tuple[str, ...], int]:
    return {tuple(entry["value"] for entry in one["entries"]): one["token_bucket"]["max_tokens"] for one in limiter["descriptors"]}


def test_callers_are_asked_before_their_tenants_whatever_is_older(platform: Platform) -> None:
    """Istio puts filters in by priority, then by age: what a caller is refused must take nothing of the tenant's."""
    callers, tenants = limiters(platform)
    assert buckets(callers) == {("assistant", PORTAL): 5, ("assistant", DESK): 2}, "a third of 15 and 5 a second"
    assert buckets(tenants)[("assistant",)] == 7
    assert ("fraud", "card-authorisation") not in buckets(callers), "the only caller may take the whole rate"


def test_limits_of_many_tenants_are_several_filters() -> None:
    platform = platform_of(ROOT, rate_limits.BUCKETS_MAX + 1, 1)
    found = [one for one in edge_limits.objects(platform, platform.clusters[CLUSTER]) if one["kind"] == "EnvoyFilter"]
    assert [cast("Any", one)["metadata"]["name"] for one in found] == ["rate-limits", "rate-limits-2"]


def test_two_hundred_tenants_with_five_callers_each_are_a_small_part_of_what_etcd_takes() -> None:
    def bytes_of(tenants: int) -> tuple[int, int]:
        platform = platform_of(ROOT, tenants, 1)
        callers = tuple(Caller(subject=f"caller-{number}") for number in range(5))
        many = [tenant.model_copy(update={"callers": callers}) for tenant in platform.tenants.values()]
        sizes = [json_bytes(one) for one in rate_limits.objects(platform.clusters[CLUSTER], many)]
        return sum(sizes), max(sizes)

    (half, _), (whole, largest) = bytes_of(100), bytes_of(200)
    assert whole < 2.1 * half, "grows faster than the tenants"
    assert whole < 300_000
    assert largest < 256 * 1024
