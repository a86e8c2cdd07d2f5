"""What one caller may take of a tenant's rate, and how many requests one model is sent at once, in a real Envoy."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from clusters.components.network import http_protocol, in_flight
from tests.clusters import edge_proxies
from tests.clusters.edge_proxies import CLUSTER, HOST, MOVING_HOST, OTHER_CALLER, Behind, exchange, running, token
from tests.clusters.edge_requests import CALLER, PATH, answered, request
from tests.measure.bench.many_tenants import platform_of
from tests.root import ROOT
from tidegate.facts.callers.caller import Caller
from tidegate.facts.platform import Platform

OTHER = f"Authorization: Bearer {token(OTHER_CALLER)}"


def changed(platform: Platform, **update: object) -> Platform:
    return replace(platform, tenants={**platform.tenants, "fraud": platform.tenants["fraud"].model_copy(update=update)})


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    Behind.status, Behind.asked, Behind.held = 200, 0, None
    yield
    if Behind.held:
        Behind.held.set()
    Behind.held = None


@pytest.fixture
def edge(tmp_path: Path, platform: Platform) -> Iterator[int]:
    """Of fraud's ten requests each of two callers may send four."""
    callers = (Caller(subject="card-authorisation"), Caller(subject=OTHER_CALLER))
    with running(tmp_path, changed(platform, callers=callers), limit=10, of_caller=4) as port:
        yield port


def test_caller_that_floods_is_named_and_another_is_untouched(edge: int) -> None:
    flood = [answered(exchange(edge, request(PATH, CALLER, host=host))) for host in (HOST, MOVING_HOST) * 6]
    assert [status for status, _, _ in flood] == [200] * 4 + [429] * 8, "both hosts of the tenant have one bucket"
    _, headers, body = flood[-1]
    assert (body["reason"], headers["retry-after"], headers["tidegate-limit"]) == ("caller_rate_limited", "1", "caller")
    assert body["message"] == "this caller sends more requests per second than its own share of the tenant's rate"
    assert [answered(exchange(edge, request(PATH, OTHER)))[0] for _ in range(4)] == [200] * 4


@pytest.mark.parametrize("forged", [f"x-tidegate-subject: {OTHER_CALLER}", "x-tidegate-tenant: credit"])
def test_caller_that_names_another_takes_nothing_of_its(edge: int, forged: str) -> None:
    statuses = [answered(exchange(edge, request(PATH, CALLER, forged)))[0] for _ in range(6)]
    assert statuses == [200] * 4 + [429] * 2
    assert answered(exchange(edge, request(PATH, OTHER)))[0] == 200


def test_all_callers_together_reach_the_tenants_limit(tmp_path: Path, platform: Platform) -> None:
    callers = (Caller(subject="card-authorisation"), Caller(subject=OTHER_CALLER))
    with running(tmp_path, changed(platform, callers=callers), limit=6, of_caller=4) as port:
        answers = [answered(exchange(port, request(PATH, who))) for who in (CALLER, OTHER) * 4]
    assert [status for status, _, _ in answers] == [200] * 6 + [429] * 2
    assert (answers[-1][2]["reason"], answers[-1][1]["tidegate-limit"]) == ("rate_limited", "tenant")


def test_what_is_beyond_a_models_limit_is_refused_at_once_and_the_rest_is_answered(tmp_path: Path, platform: Platform) -> None:
    proxies = platform.clusters[CLUSTER].edge.replicas
    Behind.held = threading.Event()
    with running(tmp_path, changed(platform, in_flight_per_model=2 * proxies)) as port, ThreadPoolExecutor(2) as threads:
        held = [threads.submit(exchange, port, request(PATH, CALLER)) for _ in range(2)]
        deadline = time.monotonic() + 1.5
        while Behind.asked < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        began = time.monotonic()
        status, headers, body = answered(exchange(port, request(PATH, CALLER)))
        took = time.monotonic() - began
        Behind.held.set()
        assert [answered(one.result())[0] for one in held] == [200, 200]
        assert answered(exchange(port, request(PATH, CALLER)))[0] == 200, "the limit does not pass"
    assert (status, body["reason"], headers["retry-after"]) == (503, "model_busy", "2")
    assert took < 1, "it waited instead"


def test_who_cancels_many_requests_ends_nobody_elses(tmp_path: Path, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """Envoy closes a connection onwards of which most streams were reset, so no two requests may share one."""
    monkeypatch.setattr(edge_proxies, "ANSWER_SECONDS", 60)
    Behind.held = threading.Event()
    with running(tmp_path, changed(platform, in_flight_per_model=1000), limit=2000) as port, ThreadPoolExecutor(5) as threads:
        others = [threads.submit(exchange, port, request(PATH, OTHER), seconds=60) for _ in range(5)]
        _wait_for_requests(5)
        for _ in range(300):
            asked = Behind.asked
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(request(PATH, CALLER))
                _wait_for_requests(asked + 1, seconds=1)
        asked = Behind.asked
        Behind.held.set()
        statuses = [answered(one.result())[0] for one in others]
    assert statuses == [200] * 5
    assert asked > 295, "a request or two may be lost with the connection that Envoy closes after 250 of them"


def _wait_for_requests(count: int, *, seconds: float = 10) -> None:
    """Until the server has seen so many, or the time is over."""
    deadline = time.monotonic() + seconds
    while Behind.asked < count and time.monotonic() < deadline:
        time.sleep(0.001)


def test_server_sees_no_request_whose_body_is_still_arriving(edge: int) -> None:
    """So Knative's autoscaler, which counts what reaches a pod, does not count it either."""
    whole = request(PATH, CALLER, body="x" * 1000)
    Behind.seen = {}
    with socket.create_connection(("127.0.0.1", edge), timeout=10) as connection:
        connection.sendall(whole[:-1])
        time.sleep(0.5)
        assert Behind.seen == {}
        connection.sendall(whole[-1:])
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
    assert Behind.seen["content-length"] == "1000"


@pytest.mark.parametrize(("at", "path"), [(0, PATH), (1, PATH.removeprefix("/scorer"))], ids=["edge", "local-gateway"])
def test_body_that_arrives_slowly_is_given_up(
    tmp_path: Path, platform: Platform, monkeypatch: pytest.MonkeyPatch, at: int, path: str
) -> None:
    """The minute that callers have, shortened; callers in the mesh speak to the local gateway."""
    monkeypatch.setattr(http_protocol, "BODY_SECONDS", 2)
    with running(tmp_path, platform, at=at) as port:
        began = time.monotonic()
        status, _, body = answered(exchange(port, request(path, CALLER, body="x" * 1000)[:-1]))
    assert (status, body["reason"]) == (408, "request_timeout")
    assert 1.5 < time.monotonic() - began < 6
    assert Behind.asked == 0


def limit_of(platform: Platform, tenant: str) -> Any:
    (rule,) = (one for one in in_flight.objects(platform, platform.clusters[CLUSTER]) if one["metadata"]["name"] == f"in-flight-{tenant}")
    return cast("Any", rule)["spec"]


def test_limit_holds_for_every_revision_of_a_tenants_models_at_the_gateways_only(platform: Platform) -> None:
    spec = limit_of(changed(platform, in_flight_per_model=100), "fraud")
    assert (spec["host"], spec["exportTo"]) == ("*.tenant-fraud.svc.cluster.local", ["."])
    assert spec["trafficPolicy"] == {"connectionPool": {"http": {"http2MaxRequests": 34, "http1MaxPendingRequests": 34}}}, (
        "no tls: it is the mesh's"
    )


def test_usual_limit_follows_from_the_tenants_rate(platform: Platform) -> None:
    fraud = platform.tenants["fraud"]
    assert fraud.model_copy(update={"requests_per_second": 600}).in_flight == 3000
    assert fraud.model_copy(update={"requests_per_second": 20}).in_flight == 300, "while a model starts from nothing all requests wait"
    assert fraud.model_copy(update={"in_flight_per_model": 7}).in_flight == 7


def test_tenant_costs_one_small_rule() -> None:
    found = platform_of(ROOT, 200, 5)
    assert len(list(in_flight.objects(found, found.clusters[CLUSTER]))) == 200
