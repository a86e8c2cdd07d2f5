"""Real pods, placer and Envoy: every merchant answers with its own model, for its own callers, whatever dies meanwhile."""

from __future__ import annotations

import http.client
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.clusters.workloads.dense_pool.published import Published, request_body
from tests.clusters.workloads.dense_pool.running import Pool, image, running_pool, wrong
from tests.root import WHOLE
from tidegate.facts.names import HEADER_SUBJECT

DENIED = b"RBAC: access denied"


def test_every_merchant_answers_with_its_own_values_and_has_one_home(pool: Pool) -> None:
    client = pool.client()
    for _ in range(2):
        for model in pool.published.answers:
            answer = client.infer(model)
            assert answer.status == 200, answer
            assert not (problem := wrong(pool.published, model, answer)), problem
    resident = pool.resident()
    assert {name for names in resident for name in names} == pool.published.answers.keys()
    assert sum(map(len, resident)) < len(pool.published.answers) * 1.1
    assert max(map(len, resident)) <= len(pool.published.answers) / len(resident) * 1.25


def test_hot_model_is_kept_in_several_pods(pool: Pool) -> None:
    client, model, deadline = pool.client(), "merchant-123", time.monotonic() + 120
    while sum(model in names for names in pool.resident()) < 2:
        assert time.monotonic() < deadline, "it never got a copy"
        for _ in range(200):
            answer = client.infer(model)
            assert answer.status == 200
            assert not wrong(pool.published, model, answer)


@pytest.mark.parametrize(
    ("subject", "model", "status"),
    [
        ("merchant-007-terminal", "merchant-007", 200),
        ("merchant-007-terminal", "merchant-008", 403),
        ("chain-of-shops", "merchant-010", 200),
        ("chain-of-shops", "merchant-300", 200),
        ("chain-of-shops", "merchant-301", 403),
        ("chain-of-shops", "merchant-100", 403),
        ("merchant-monitoring", "merchant-419", 200),
        ("stranger", "merchant-007", 403),
        ("merchant-007-terminal,merchant-monitoring", "merchant-008", 403),
        ("MERCHANT-MONITORING", "merchant-008", 403),
        (None, "merchant-007", 403),
    ],
)
def test_caller_reaches_its_own_models_only(pool: Pool, subject: str | None, model: str, status: int) -> None:
    answer = pool.client(subject).infer(model)
    assert answer.status == status, answer
    if status == 403:
        assert answer.body == DENIED
    else:
        assert not wrong(pool.published, model, answer)


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/merchant-008/infer",
        "/v2/models/merchant-007/../merchant-008/infer",
        "/v2/models/merchant-007/%2e%2e/merchant-008/infer",
        "/v2/models/merchant-007%2f..%2fmerchant-008/infer",
        "/v2/models/merchant-007%5c..%5cmerchant-008/infer",
        "/v2/models//merchant-008/infer",
        "/v2/models/merchant-00%38/infer",
        "/v2/models/MERCHANT-008/infer",
        "/v2/models/merchant-008/infer?merchant-007",
        "/v2/models/merchant-008/infer#/v2/models/merchant-007/infer",
        "/v2/models/merchant-008;/v2/models/merchant-007/infer",
        "/v2/models/merchant-0070/infer",
        "/v2/models/merchant-007/versions/..%2f..%2fmerchant-008/infer",
        "/v2/models/merchant-007/docs",
        "/v2/repository/index",
        "/v2/repository/models/merchant-007/unload",
        "/v2/health/ready",
        "/v2",
        "/metrics",
        "/docs",
        "/",
    ],
)
def test_no_spelling_of_a_path_reaches_more(pool: Pool, path: str) -> None:
    answer = pool.client("merchant-007-terminal").ask("POST", path, request_body())
    assert answer.status in {400, 403}, answer
    if answer.status == 403:
        assert answer.body == DENIED
    client = pool.client("merchant-007-terminal")
    assert client.infer("merchant-007").status == 200


def test_subject_sent_twice_is_nobody(pool: Pool) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", pool.router.port, timeout=60)
    connection.putrequest("POST", "/v2/models/merchant-008/infer")
    for subject in ("merchant-007-terminal", "merchant-monitoring"):
        connection.putheader(HEADER_SUBJECT, subject)
    connection.putheader("Content-Length", str(len(request_body())))
    connection.endheaders(request_body())
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (403, DENIED)
    connection.close()


def test_caller_does_not_choose_where_its_request_goes(pool: Pool) -> None:
    listens = f"127.0.0.1:{pool.s3.port}"
    answer = pool.client().ask("POST", "/v2/models/merchant-007/infer", request_body(), {image.HEADER_POD: listens})
    assert not wrong(pool.published, "merchant-007", answer)


def test_unknown_merchant_and_bad_request_are_told_apart(pool: Pool) -> None:
    client = pool.client()
    assert (client.infer("merchant-999").status, client.infer("merchant-999").document) == (404, {"error": "Model merchant-999 not found"})
    assert client.ask("POST", "/v2/models/merchant-007/infer", b"[]").status == 422


def test_pod_that_hangs_is_given_up_for_another(pool: Pool) -> None:
    client, model = pool.client(), "merchant-222"
    assert client.infer(model).status == 200
    home = next(program for program, names in zip(pool.pods, pool.resident(), strict=True) if model in names)
    home.send(signal.SIGSTOP)
    try:
        answer = client.infer(model)
    finally:
        home.send(signal.SIGCONT)
    assert answer.status == 200, answer
    assert not wrong(pool.published, model, answer)


def test_no_wrong_answer_under_churn_and_kills(published: Published, tmp_path: Path) -> None:
    """Each pod has room for a ninth of the models, four callers ask for all of them, and pods, placer and all die in turn."""
    names = list(published.answers)
    asked, problems, stop = [0], list[str](), threading.Event()
    with running_pool(tmp_path, published, pods=3, budget_bytes=47 * 39_000) as pool:

        def call(seed: int) -> None:
            draw, client = random.Random(seed), pool.client()
            while not stop.is_set():
                model = draw.choice(names) if draw.random() < 0.8 else names[seed]
                answer = client.infer(model)
                asked[0] += 1
                if answer.status != 200:
                    problems.append(f"{model}: {answer.status} {answer.body[:200]!r}")
                elif problem := wrong(published, model, answer):
                    problems.append(problem)

        callers = [threading.Thread(target=call, args=(seed,)) for seed in range(4)]
        for thread in callers:
            thread.start()
        try:
            for victim in (*pool.pods, pool.placer, *(pool.pods if WHOLE else [])):
                _until_asked(asked, 300)
                victim.kill()
                _until_asked(asked, 300)
                victim.start()
            _until_asked(asked, 300)
        finally:
            stop.set()
            for thread in callers:
                thread.join()
        resident = pool.resident()
    assert problems == []
    assert max(map(len, resident)) <= 47
    assert asked[0] > (4_000 if WHOLE else 2_500)


def _until_asked(asked: list[int], more: int) -> None:
    until, deadline = asked[0] + more, time.monotonic() + 300
    while asked[0] < until:
        assert time.monotonic() < deadline, "callers are stuck"
        time.sleep(0.02)
