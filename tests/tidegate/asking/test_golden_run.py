"""Every row gets an answer over HTTP or the reason why it has none; nothing is dropped, and nothing but a rate limit is asked twice."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from tests.root import ROOT
from tests.tidegate.asking.model_server import Reply, features, serve
from tidegate.asking.callers import HttpCaller
from tidegate.asking.golden_folder import GoldenFolder
from tidegate.asking.golden_run import Asked, ask, measure
from tidegate.errors import UsageError
from tidegate.facts import inventory

ROWS = [[float(number), 0.5] for number in range(100)]
FOLDER = GoldenFolder("a" * 64, "auc", tuple(ROWS), tuple(float(number >= 50) for number in range(100)), {})


def good(_path: str, body: dict[str, Any]) -> Reply:
    return 200, {"outputs": [{"name": "predict", "data": [row[0] / 100 for row in features(body)]}]}


def asked(url: str, name: str = "scorer", **options: Any) -> Asked:
    return Asked("the candidate", name, url, HttpCaller(url, **options))


def test_rows_are_asked_in_batches_and_every_one_is_answered() -> None:
    with serve(good) as server:
        found = ask(FOLDER, "v2", asked(server.url, token="secret"))
    assert [(one.row, one.value) for one in found] == [(number, number / 100) for number in range(100)]
    assert [len(features(body)) for _, body, _ in server.asked] == [32, 32, 32, 4]
    path, _, headers = server.asked[0]
    assert (path, headers["Authorization"], headers["Host"]) == (
        "/scorer/v2/models/scorer/infer", "Bearer secret", f"127.0.0.1:{server.port}",
    )  # fmt: skip


def test_no_token_is_sent_where_none_is_given_and_the_address_may_be_another() -> None:
    with serve(good) as server:
        ask(FOLDER, "v2", asked("http://fraud.example.com/scorer", address=f"127.0.0.1:{server.port}"))
    assert "Authorization" not in server.asked[0][2]
    assert server.asked[0][2]["Host"] == "fraud.example.com"


BAD: dict[str, tuple[Reply, str]] = {
    "server-error": ((500, {}), "status 500"),
    "refused": ((403, {}), "status 403"),
    "no-json": ((200, b"<html>"), "answer without the form of its protocol"),
    "another-form": ((200, {"predictions": [1]}), "answer without the form of its protocol"),
    "list": ((200, [1]), "answer without the form of its protocol"),
    "too-few": ((200, {"outputs": [{"data": [0.5] * 31}]}), "31 values for 32 rows"),
    "none-at-all": ((200, {"outputs": [{"data": []}]}), "0 values for 32 rows"),
    "broken-off": ((0, {}), "broken off"),
}


@pytest.mark.parametrize("case", BAD)
def test_rows_of_a_bad_answer_are_counted_and_asked_once(case: str) -> None:
    reply, kind = BAD[case]
    with serve(lambda path, body: reply if 40.0 in body["inputs"][0]["data"] else good(path, body)) as server:
        found = ask(FOLDER, "v2", asked(server.url))
    assert {one.row for one in found if one.failure} == set(range(32, 64))
    assert {one.failure for one in found if one.failure} == {kind}
    assert len(found) == 100
    assert len(server.asked) == 4


def test_values_that_are_no_finite_numbers_are_kept_as_text() -> None:
    odd = b'{"outputs": [{"data": [NaN, Infinity, true, null, "high", [1], 2]}]}'
    rows = GoldenFolder("a" * 64, "auc", tuple(ROWS[:7]), FOLDER.labels[:7], {})
    with serve(lambda _path, _body: (200, odd)) as server:
        found = ask(rows, "v2", asked(server.url))
    assert [one.value for one in found] == ["NaN", "Infinity", "true", "null", "high", "[1]", 2.0]


def test_rate_limit_is_waited_for_and_at_last_counted() -> None:
    waited: list[float] = []
    replies = [429] * 2
    with serve(lambda path, body: (replies.pop(), {}) if replies else good(path, body)) as server:
        found = ask(FOLDER, "v2", asked(server.url), wait=waited.append)
    assert not [one for one in found if one.failure]
    assert waited == [1.0, 1.0]
    with serve(lambda _path, _body: (429, {})) as server:
        found = ask(FOLDER, "v2", asked(server.url), wait=waited.append)
    assert {one.failure for one in found} == {"status 429"}


def test_nobody_there_is_said_and_given_up_soon() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    rows = GoldenFolder("a" * 64, "auc", tuple(ROWS * 2), FOLDER.labels * 2, {})
    kinds = [one.failure for one in ask(rows, "v2", asked(f"http://127.0.0.1:{port}"))]
    assert kinds == ["connection refused"] * 96 + ["given up after 3 requests in a row without a reply"] * 104


def test_certificate_of_nobody_is_no_reply() -> None:
    with serve(good) as server:
        found = ask(FOLDER, "v2", asked(server.url.replace("http:", "https:")))
    assert all(one.failure.startswith("TLS failed: ") for one in found[:96])


def test_first_protocol_and_openais() -> None:
    applications = tuple({"income": number} for number in range(3))
    with serve(lambda _, body: (200, {"predictions": [one["income"] / 10 for one in body["instances"]]})) as server:
        found = ask(GoldenFolder("a" * 64, "auc", applications, (0.0, 1.0, 0.0), {}), "v1", asked(server.url, "decision"))
    assert [one.value for one in found] == [0.0, 0.1, 0.2]
    assert server.asked[0][0] == "/scorer/v1/models/decision:predict"

    def chat(path: str, body: dict[str, Any]) -> Reply:
        if path.endswith("/chat/completions"):
            return 200, {"choices": [{"message": {"content": body["messages"][0]["content"].upper()}, "finish_reason": "stop"}]}
        return 200, {"choices": [{"text": body["prompt"].upper(), "finish_reason": "length" if body["prompt"] == "long" else "stop"}]}

    prompts = ("hello", [{"role": "user", "content": "there"}], "long")
    with serve(chat) as server:
        texts = GoldenFolder("a" * 64, "exact-match", prompts, ("a b c", "d", "e"), {})
        found = ask(texts, "openai", asked(server.url, "chat"))
    assert [(one.value, one.failure) for one in found] == [("HELLO", ""), ("THERE", ""), (None, "cut off at max_tokens")]
    assert [(body["max_tokens"], body["temperature"], body["model"]) for _, body, _ in server.asked] == [(25, 0, "chat")] * 3


def test_rows_of_a_pool_are_asked_of_the_model_that_they_name() -> None:
    rows = tuple({"model": f"merchant-{number // 2}", "row": [float(number)]} for number in range(5))
    with serve(lambda _, body: (200, {"outputs": [{"data": [row[0] for row in features(body)]}]})) as server:
        found = ask(GoldenFolder("a" * 64, "auc", rows, (0.0,) * 5, {}), "v2", asked(server.url, "anomaly"))
    assert [one.value for one in found] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert [path for path, _, _ in server.asked] == [f"/scorer/v2/models/merchant-{number}/infer" for number in range(3)]


@pytest.mark.parametrize(
    ("row", "protocol", "words"),
    [
        ("text", "v2", "a row of inputs.json is no list of its numbers, which protocol v2 needs"),
        ([1.0, "x"], "v2", "is no list of 2 numbers"), ([True], "v2", "is no list of 1 numbers"),
        ({"prompt": "x"}, "openai", "a row of inputs.json is neither a prompt nor a list of messages"),
    ],
)  # fmt: skip
def test_rows_that_a_protocol_has_no_request_for_are_refused(row: object, protocol: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ask(GoldenFolder("a" * 64, "auc", (row,), (0.0,), {}), protocol, asked("http://127.0.0.1:1"))


def test_set_of_another_metric_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    served = inventory.load(ROOT).tenants["fraud"].models["scorer"]
    other = GoldenFolder("a" * 64, "accuracy", FOLDER.inputs, FOLDER.labels, {})
    with pytest.raises(UsageError, match=r"expected\.json is for accuracy, and golden_set\.metric is auc; make them the same"):
        measure("fraud/scorer", served, other, asked("http://127.0.0.1:1"))
    with serve(good) as server:
        found = measure("fraud/scorer", served, FOLDER, asked(server.url), asked(f"{server.url}/old"), note="here")
    assert (found.model, found.note, found.training, found.sha256_found) == ("fraud/scorer", "here", None, "a" * 64)
    assert found.serving is not None
    assert {path for path, _, _ in server.asked} == {"/scorer/v2/models/scorer/infer", "/scorer/old/v2/models/scorer/infer"}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"url": "fraud.example.com"}, "'fraud.example.com' is no address; write it like https://"),
        ({"url": "http://h", "address": "192.0.2.7"}, "'192.0.2.7' is no host:port; write it like 192.0.2.7:443"),
        ({"url": "https://h", "ca_file": Path(__file__)}, "holds no certificates: .*; name a file in PEM form"),
    ],
)
def test_wrong_address_is_wrong_usage(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        HttpCaller(**options)
