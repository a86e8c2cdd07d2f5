"""Which web pages a browser lets call a tenant, with the rendered settings in a real Envoy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from clusters.components.network import cross_origin
from tests.clusters import gateway_patches
from tests.clusters.edge_proxies import CLUSTER, HOST, MOVING_HOST, Behind, exchange, running, token
from tests.clusters.edge_requests import CALLER, PATH, answered, request
from tests.measure.bench.many_tenants import platform_of
from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.facts.platform import Platform
from tidegate.facts.stage import Stage
from tidegate.manifests.sizes import json_bytes

PAGE, STRANGER, LOCAL = "https://app.example.com", "https://app.example.com.evil.example", "http://localhost:3000"
ASKS = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,content-type,traceparent,x-request-id")


def with_origins(platform: Platform, *origins: str, stage: Stage = Stage.PRODUCTION) -> Platform:
    """The platform with fraud's pages, in clusters of `stage`."""
    fraud = platform.tenants["fraud"].model_copy(update={"cors_origins": origins})
    clusters = {name: cluster.model_copy(update={"stage": stage}) for name, cluster in platform.clusters.items()}
    return replace(platform, clusters=clusters, tenants={**platform.tenants, "fraud": fraud})


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running(tmp_path_factory.mktemp("edge"), with_origins(inventory.load(ROOT), PAGE)) as port:
        yield port


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    Behind.status, Behind.asked, Behind.headers_of_its_own = 200, 0, {}
    yield
    Behind.headers_of_its_own = {}


def preflight(origin: str, host: str = HOST, *more: str, path: str = PATH) -> bytes:
    return request(path, f"Origin: {origin}", *(more or ASKS), method="OPTIONS", body="", host=host)


def marks(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("host", [HOST, MOVING_HOST])
def test_preflight_of_a_listed_page_is_answered_without_a_token(edge: int, host: str) -> None:
    status, headers, _ = answered(exchange(edge, preflight(PAGE, host)))
    assert (status, headers["access-control-allow-origin"], headers["access-control-allow-methods"]) == (200, PAGE, "GET, POST")
    assert {"authorization", "content-type", "traceparent", "x-request-id"} <= set(headers["access-control-allow-headers"].split(", "))
    assert headers["access-control-max-age"] == "600"
    assert "access-control-allow-credentials" not in headers, "a token is sent by the page, never by the browser of its own accord"
    assert Behind.asked == 0


REFUSED = {
    "another page": preflight(STRANGER),
    "another scheme": preflight("http://app.example.com"),
    "another port": preflight(f"{PAGE}:8443"),
    "no page": preflight("null"),
    "another tenant's host": preflight(PAGE, "credit.live-1.models.example.com"),
    "the region's host": preflight(PAGE, "live-1.models.example.com"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_preflight_of_another_is_refused_like_a_request_without_a_token(edge: int, case: str) -> None:
    status, headers, body = answered(exchange(edge, REFUSED[case]))
    assert (status, body["reason"], marks(headers)) == (401, "no_token", {})
    assert Behind.asked == 0


def test_what_looks_like_a_preflight_is_none(edge: int) -> None:
    """Only the browser's own question passes without a token: OPTIONS with its two headers. It never comes to a model."""
    assert answered(exchange(edge, preflight(PAGE, HOST, "X-Mine: 1")))[0] == 401
    assert answered(exchange(edge, request(PATH, f"Origin: {PAGE}", *ASKS)))[0] == 401
    assert Behind.asked == 0


def test_answer_to_a_listed_page_can_be_read_by_it(edge: int) -> None:
    status, headers, _ = answered(exchange(edge, request(PATH, CALLER, f"Origin: {PAGE}")))
    assert (status, headers["access-control-allow-origin"]) == (200, PAGE)
    exposed = set(headers["access-control-expose-headers"].split(", "))
    assert {"x-request-id", "tidegate-model", "tidegate-model-sha256", "tidegate-revision", "retry-after"} <= exposed


def test_answer_to_another_page_is_not_marked(edge: int) -> None:
    status, headers, _ = answered(exchange(edge, request(PATH, CALLER, f"Origin: {STRANGER}")))
    assert (status, marks(headers)) == (200, {})


@pytest.mark.parametrize(("origin", "wanted"), [(PAGE, PAGE), (STRANGER, None)])
def test_server_that_welcomes_every_page_is_not_believed(edge: int, origin: str, wanted: str | None) -> None:
    """As vLLM does by default."""
    Behind.headers_of_its_own = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": "true"}
    _, headers, _ = answered(exchange(edge, request(PATH, CALLER, f"Origin: {origin}")))
    assert headers.get("access-control-allow-origin") == wanted
    assert "access-control-allow-credentials" not in headers


ERRORS = {
    "no token": (request(PATH, f"Origin: {PAGE}"), 401),
    "bad token": (request(PATH, "Authorization: Bearer nonsense", f"Origin: {PAGE}"), 401),
    "another caller": (request(PATH, f"Authorization: Bearer {token('somebody')}", f"Origin: {PAGE}"), 403),
    "path not served": (request("/scorer/v2/repository/models/scorer/unload", CALLER, f"Origin: {PAGE}"), 404),
    "too large a body": (request(PATH, CALLER, f"Origin: {PAGE}", body="x" * ((4 << 20) + 1)), 413),
}


@pytest.mark.parametrize("case", ERRORS)
def test_refusal_can_be_read_by_a_listed_page(edge: int, case: str) -> None:
    sent, status = ERRORS[case]
    found, headers, body = answered(exchange(edge, sent))
    assert (found, headers["access-control-allow-origin"]) == (status, PAGE)
    assert "retry-after" in headers["access-control-expose-headers"]
    assert body["request_id"] == headers["x-request-id"]


def test_refusal_by_rate_can_be_read_too(tmp_path: Path, platform: Platform) -> None:
    with running(tmp_path, with_origins(platform, PAGE), limit=1) as port:
        first, second = (answered(exchange(port, request(PATH, CALLER, f"Origin: {PAGE}"))) for _ in range(2))
        asked = answered(exchange(port, preflight(PAGE)))[0]
    assert (first[0], second[0], second[1]["access-control-allow-origin"], second[1]["retry-after"]) == (200, 429, PAGE, "1")
    assert asked == 200, "a preflight is no request of the tenant's"


def test_tenant_without_origins_is_closed(tmp_path: Path, platform: Platform) -> None:
    with running(tmp_path, with_origins(platform)) as port:
        assert answered(exchange(port, preflight(PAGE)))[0] == 401
        assert marks(answered(exchange(port, request(PATH, CALLER, f"Origin: {PAGE}")))[1]) == {}


def origins_of(platform: Platform) -> dict[str, list[str]]:
    found = gateway_patches.of(cross_origin.objects(platform, platform.clusters[CLUSTER]))
    policies = {host: cast("Any", value)["typed_per_filter_config"]["tidegate.cross-origin"] for host, value in found.of_host.items()}
    return {host: [one["exact"] for one in policy["allow_origin_string_match"]] for host, policy in policies.items() if "fraud" in host}


def test_page_on_its_authors_machine_counts_outside_production_only(platform: Platform) -> None:
    assert origins_of(with_origins(platform, PAGE, LOCAL)) == {HOST: [PAGE], MOVING_HOST: [PAGE]}
    staging = with_origins(platform, PAGE, LOCAL, stage=Stage.STAGING)
    assert origins_of(staging) == {HOST: [PAGE, LOCAL], MOVING_HOST: [PAGE, LOCAL]}


def test_two_hundred_tenants_with_five_pages_each_are_a_small_part_of_what_etcd_takes() -> None:
    def bytes_of(tenants: int) -> list[int]:
        found = platform_of(ROOT, tenants, 1)
        pages = tuple(f"https://page-{number}.example.com" for number in range(5))
        many = {name: tenant.model_copy(update={"cors_origins": pages}) for name, tenant in found.tenants.items()}
        return [json_bytes(one) for one in cross_origin.objects(replace(found, tenants=many), found.clusters[CLUSTER])]

    half, whole = bytes_of(100), bytes_of(200)
    assert sum(whole) < 2.1 * sum(half)
    assert max(whole) < 256 * 1024
