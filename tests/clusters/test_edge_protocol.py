"""What the gateways answer and pass on, with the rendered settings in a real Envoy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clusters.components.network import http_protocol
from tests.clusters.edge_proxies import CONTINUE, HOST, Behind, exchange, running, token
from tests.clusters.edge_requests import CALLER, PATH, after_continue, answered, request
from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.facts.platform import Platform

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
REGION = "live-1.models.example.com"


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running(tmp_path_factory.mktemp("edge"), inventory.load(ROOT)) as port:
        yield port


@pytest.fixture(autouse=True)
def usual() -> None:
    Behind.status, Behind.seen = 200, {}


HEALTH = request("/healthz/ready", method="GET", body="", host=REGION)


def test_a_good_request_reaches_the_model_with_an_id_of_ours_and_the_callers(edge: int) -> None:
    told = ("x-request-id: mine-1", "tidegate-caller-request-id: forged", f"traceparent: {TRACE}")
    status, headers, body = answered(exchange(edge, request(PATH, CALLER, *told)))
    assert (status, body) == (200, {"outputs": []})
    assert headers["x-request-id"] == Behind.seen["x-request-id"] != "mine-1"
    assert Behind.seen["tidegate-caller-request-id"] == "mine-1"
    assert Behind.seen["traceparent"] == TRACE
    assert answered(exchange(edge, request(PATH, CALLER)))[1]["x-request-id"] != headers["x-request-id"]
    assert "tidegate-caller-request-id" not in Behind.seen


REFUSED: dict[str, tuple[bytes, int, str, dict[str, str]]] = {
    "no token": (request(), 401, "no_token", {"www-authenticate": 'Bearer realm="models"'}),
    "bad token": (
        request(PATH, "Authorization: Bearer nonsense"), 401, "invalid_token",
        {"www-authenticate": 'Bearer realm="models", error="invalid_token"'},
    ),
    "forged header, no token": (request(PATH, "x-tidegate-subject: card-authorisation"), 401, "no_token", {}),
    "another caller": (request(PATH, f"Authorization: Bearer {token('somebody')}"), 403, "not_admitted", {}),
    "no subject": (request(PATH, f"Authorization: Bearer {token(None)}"), 403, "not_admitted", {}),
    "kubelet": (request(PATH, CALLER, "User-Agent: kube-probe/1.36"), 400, "reserved_user_agent", {}),
    "path not served": (request("/scorer/v2/repository/models/scorer/unload", CALLER), 404, "path_not_served", {}),
    "no such model": (request("/nothing/v2/models/nothing/infer", CALLER), 404, "model_not_found", {}),
    "another protocol": (request(PATH, CALLER, "Upgrade: irc", "Connection: Upgrade"), 400, "upgrade_refused", {}),
}  # fmt: skip
"""What the edge answers itself: the request, the status, the reason and headers."""


@pytest.mark.parametrize("case", REFUSED)
def test_refusal_has_one_form(edge: int, case: str) -> None:
    sent, status, reason, told = REFUSED[case]
    found, headers, body = answered(exchange(edge, sent))
    assert (found, body["reason"], body["code"]) == (status, reason, status)
    assert body["error"] == body["message"]
    assert body["request_id"] == headers["x-request-id"]
    assert headers["content-type"] == "application/json"
    assert told.items() <= headers.items()


def test_headers_are_refused_here_before_a_later_hop_breaks_off(edge: int) -> None:
    many = [f"x-{number}: 1" for number in range(http_protocol.HEADERS)]
    large = "x" * (http_protocol.HEADERS_KIB << 10)
    for fits, beyond in ((many[:-10], many), ([f"x-large: {large[:-1000]}"], [f"x-large: {large}"])):
        assert answered(exchange(edge, request(PATH, CALLER, *fits)))[0] == 200
        status, _, body = answered(exchange(edge, request(PATH, CALLER, *beyond)))
        assert (status, body["reason"]) == (431, "headers_too_large")
        assert f"more than {http_protocol.HEADERS} headers" in body["message"]
        assert f"larger than {http_protocol.HEADERS_KIB} KiB" in body["message"]


def test_openai_clients_get_their_own_form(edge: int) -> None:
    status, _, body = answered(exchange(edge, request("/chat/v1/chat/completions")))
    assert status == 404
    assert body["error"]["reason"] == body["error"]["type"] == "path_not_served"
    assert isinstance(body["error"]["message"], str)
    assert isinstance(answered(exchange(edge, request("/scorer/v1/models/scorer:predict")))[2]["error"], str)


@pytest.mark.parametrize("status", [404, 422, 500, 503])
def test_what_a_model_answers_passes_unchanged(edge: int, status: int) -> None:
    Behind.status = status
    found, _, body = answered(exchange(edge, request(PATH, CALLER)))
    assert (found, body) == (status, {"error": "the model's own words"})


def test_too_many_requests_are_told_when_to_come_again_and_health_is_not_among_them(tmp_path: Path, platform: Platform) -> None:
    with running(tmp_path, platform, limit=3) as port:
        healthy = [answered(exchange(port, HEALTH))[0] for _ in range(5)]
        answers = [answered(exchange(port, request(PATH, CALLER))) for _ in range(5)]
    assert healthy == [200] * 5
    assert [status for status, _, _ in answers] == [200] * 3 + [429] * 2
    _, headers, body = answers[-1]
    assert (headers["retry-after"], body["reason"]) == ("1", "rate_limited")


UPGRADES = ["TLS/1.2", "tls/1.0", "websocket", "h2c", "TLS/1.2, HTTP/2.0"]


@pytest.mark.parametrize("upgrade", UPGRADES)
def test_offered_upgrade_is_ignored(edge: int, upgrade: str) -> None:
    status, _, _ = answered(exchange(edge, request(PATH, CALLER, f"Upgrade: {upgrade}", "Connection: Upgrade")))
    assert status == 200


def test_offered_upgrades_are_ignored_where_callers_in_the_mesh_come_in(tmp_path: Path, platform: Platform) -> None:
    with running(tmp_path, platform, at=1) as port:
        asked = [request(PATH.removeprefix("/scorer"), f"Upgrade: {upgrade}", "Connection: Upgrade") for upgrade in UPGRADES]
        assert [answered(exchange(port, one))[0] for one in asked] == [200] * len(UPGRADES)


def test_http_1_0_is_answered_with_and_without_a_host(edge: int) -> None:
    assert answered(exchange(edge, request(PATH, CALLER, version="1.0")))[0] == 200
    assert answered(exchange(edge, b"GET /healthz/ready HTTP/1.0\r\n\r\n"))[0] == 200


@pytest.mark.parametrize("status", [200, 422, 500])
def test_expect_changes_no_status(edge: int, status: int) -> None:
    """The server behind never sees the header: Knative's queue-proxy would take its interim answer for the final one."""
    Behind.status = status
    answer = exchange(edge, request(PATH, CALLER, "Expect: 100-continue"))
    assert answer.startswith(CONTINUE)
    assert answered(after_continue(answer))[0] == status
    assert "expect" not in Behind.seen


MIB = 1 << 20


@pytest.mark.parametrize("size", [4 * MIB, 4 * MIB + 1])
@pytest.mark.parametrize("told", ["Expect: 100-continue", "x-plain: yes"])
def test_body_is_taken_up_to_the_limit(edge: int, size: int, told: str) -> None:
    status, _, body = answered(after_continue(exchange(edge, request(PATH, CALLER, told, body="x" * size))))
    assert (status, body.get("reason")) == ((200, None) if size == 4 * MIB else (413, "body_too_large"))


def test_body_without_a_length_has_the_same_limit(edge: int) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: {HOST}\r\n{CALLER}\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = f"{MIB:x}\r\n{'x' * MIB}\r\n"
    for count, wanted in ((4, 200), (5, 413)):
        assert answered(exchange(edge, f"{head}{chunk * count}0\r\n\r\n".encode()))[0] == wanted


def test_refusal_comes_before_the_body_is_asked_for(edge: int) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: 5000000\r\n\r\n".encode()
    answer = exchange(edge, head)
    assert answer.startswith(b"HTTP/1.1 401 "), answer[:100]


def test_health_is_answered_without_a_token_at_the_regions_host_only(edge: int) -> None:
    status, _, body = answered(exchange(edge, HEALTH))
    assert (status, body) == (200, {"status": "healthy"})
    assert answered(exchange(edge, request("/healthz/ready", host=REGION)))[0] == 404, "POST asks for nothing here"
    assert answered(exchange(edge, request("/healthz/ready", method="GET", body="")))[0] == 404, "a tenant's host has no such path"


def test_region_without_a_ready_replica_is_unhealthy(tmp_path: Path, platform: Platform) -> None:
    with running(tmp_path, platform, ready=False) as port:
        status, headers, body = answered(exchange(port, HEALTH))
    assert (status, body["reason"], headers["retry-after"]) == (503, "model_unavailable", "2")


def test_dribbled_headers_do_not_hold_a_connection(edge: int) -> None:
    answer = exchange(edge, f"POST {PATH} HTTP/1.1\r\nHost: {HOST}\r\nX-Slow: ".encode(), seconds=20)
    assert answer.startswith(b"HTTP/1.1 408 "), answer[:100]
