"""Requests that proxies read differently from each other, at the rendered edge: the server behind sees none but those that were admitted."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.acceptance.odd_requests import Odd, Place, make
from tests.acceptance.odd_twists import SMUGGLED, TWISTS
from tests.clusters.edge_proxies import HOST, MOVING_HOST, Behind, exchange, running, token
from tests.clusters.edge_requests import CALLER, PATH, answered, request
from tests.root import ROOT, WHOLE
from tidegate.facts import inventory

COUNT = 20_000 if WHOLE else 1_500
SUBJECT = "card-authorisation"
TENSOR = {"name": "predict", "shape": [1, 3], "datatype": "FP64", "data": [0.5, 0.5, 0]}
TOKEN = token(SUBJECT)
PLACES = [Place("fraud", host, PATH, json.dumps({"inputs": [TENSOR]}).encode(), TOKEN) for host in (HOST, MOVING_HOST)]
SILENT_SECONDS = 15
"""Longer than the edge waits for headers."""

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running(tmp_path_factory.mktemp("edge"), inventory.load(ROOT), limit=COUNT * 2) as port:
        yield port


def send(port: int, odd: Odd, seconds: float = SILENT_SECONDS) -> http.client.HTTPResponse | None:
    """The first answer; None when the connection was closed or nothing came."""
    with socket.create_connection(("127.0.0.1", port), timeout=SILENT_SECONDS) as connection:
        connection.settimeout(seconds)
        with contextlib.suppress(OSError):
            connection.sendall(odd.content)
        try:
            answer = http.client.HTTPResponse(connection, method="HEAD" if odd.is_head else None)
            answer.begin()
            answer.read()
        except (OSError, http.client.RemoteDisconnected):
            return None
        return answer


def test_every_twist_is_among_the_first_requests() -> None:
    drawn = Counter(name for seed in range(1000) for name in make(seed, PLACES).twists)
    assert set(drawn) == set(TWISTS)
    assert min(drawn.values()) >= 20, drawn


def test_seed_makes_one_request() -> None:
    assert [make(seed, PLACES) for seed in range(200)] == [make(seed, PLACES) for seed in range(200)]


def test_hidden_requests_are_seen_by_a_server_that_nobody_guards(tmp_path: Path) -> None:
    hiding = [odd for odd in (make(seed, PLACES) for seed in range(1000)) if odd.twists == ("hidden_requests",)]
    Behind.requests = []

    def tried(odd: Odd) -> None:
        with contextlib.suppress(http.client.HTTPException):
            send(port, odd, seconds=1)

    with running(tmp_path, inventory.load(ROOT), at=2) as port, ThreadPoolExecutor(8) as callers:
        list(callers.map(tried, hiding))
    assert [one for one in Behind.requests if one[1].startswith(SMUGGLED.decode())]


def test_server_behind_sees_admitted_requests_only(edge: int, record_property: Callable[[str, object], None]) -> None:
    Behind.status, Behind.requests = 200, []
    problems, outcomes = dict[int, str](), Counter[str]()

    def tried(seed: int) -> None:
        odd = make(seed, PLACES)
        try:
            answer = send(edge, odd)
        except (http.client.HTTPException, ValueError) as error:
            problems[seed] = f"{odd.twists}: no answer of HTTP, {error!r}: {odd.content[:300]!r}"
            return
        outcomes[str(answer.status) if answer else "closed"] += 1
        if answer and answer.status >= http.client.INTERNAL_SERVER_ERROR and answer.getheader("content-type") == "application/json":
            problems[seed] = f"{odd.twists}: {answer.status} of the platform's own: {odd.content[:300]!r}"
        if answer and answer.status == http.client.OK and not odd.has_token:
            problems[seed] = f"{odd.twists}: answered without the caller's token: {odd.content[:300]!r}"

    with ThreadPoolExecutor(8) as callers:
        list(callers.map(tried, range(COUNT)))
    record_property("outcomes", dict(sorted(outcomes.items())))
    assert not problems, f"{len(problems)} of {COUNT} requests (by seed): {dict(sorted(problems.items())[:10])}"
    strangers = [one for one in Behind.requests if not one[1].partition("?")[0].endswith("/infer") or one[2] != [SUBJECT]]
    assert not [one for one in Behind.requests if SMUGGLED.decode() in one[1]], "a hidden request was taken for one"
    assert not strangers, strangers[:10]
    assert COUNT / 20 < outcomes["200"] <= len(Behind.requests) <= COUNT
    assert answered(exchange(edge, request(PATH, CALLER)))[0] == http.client.OK
