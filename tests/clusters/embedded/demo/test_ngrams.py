"""The stand-in for a language model continues what it was shown, and its server speaks OpenAI's interface."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from clusters.embedded.demo.training.chat_models import ANSWER_LIMIT, chat
from clusters.embedded.demo.training.registry_layout import CRASH_AT_REQUEST, DELAY_MS
from clusters.workloads.ngram_server.ngrams import joined, learn
from tests.root import ROOT
from tidegate import tools

MODEL = chat()
VERSIONS = {version.name: version for version in MODEL.versions}


@dataclass
class Server:
    process: tools.ServerProcess
    connection: http.client.HTTPConnection

    def ask(self, path: str, body: object) -> tuple[int, str]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.request("POST", path, content)
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server of the version that the test's parameter names (default: 1)."""
    version = VERSIONS[getattr(request, "param", "1")]
    for name, content in version.files.items():
        (tmp_path / name).write_bytes(content)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "clusters.workloads.ngram_server.server",
        str(tmp_path),
        "--http_port",
        str(port),
        "--model_name",
        "chat",
    ]
    process = tools.start_server(command, log_path=tmp_path / "log", env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        while not tools.listens(process, port):
            assert tools.is_running(process), (tmp_path / "log").read_text()
            time.sleep(0.02)
        yield Server(process, connection)
    finally:
        connection.close()
        tools.stop_server(process)


def test_longest_known_ending_decides() -> None:
    model = learn(["red apples are sweet", "green apples are sour", "green apples are sour"], order=4)
    assert joined(model.continuation("Red apples are", 5)) == "sweet"
    assert joined(model.continuation("blue apples are", 5)) == "sour"
    assert joined(model.continuation("no idea", 5)) == ""


def test_followers_seen_equally_often_are_decided_by_the_alphabet() -> None:
    assert joined(learn(["a b zebra", "a b ant"], order=3).continuation("a b", 1)) == "ant"


def test_sample_is_answered_as_in_process(server: Server) -> None:
    sample = VERSIONS["1"].sample
    status, answer = server.ask(sample.path, sample.request)
    assert (status, [json.loads(answer)["choices"][0]["text"]]) == (200, list(sample.expected))


def test_chat_and_completion_say_the_same_and_count_words(server: Server) -> None:
    prompt = VERSIONS["1"].sample.request["prompt"]
    expected = VERSIONS["1"].sample.expected[0]
    _, answer = server.ask("/v1/chat/completions", {"messages": [{"role": "user", "content": prompt}], "max_tokens": ANSWER_LIMIT})
    document = json.loads(answer)
    assert document["choices"][0]["message"] == {"role": "assistant", "content": expected}
    assert document["choices"][0]["finish_reason"] == "stop"
    assert document["usage"]["total_tokens"] == document["usage"]["prompt_tokens"] + document["usage"]["completion_tokens"]


def test_stream_brings_the_answer_word_by_word(server: Server) -> None:
    sample = VERSIONS["1"].sample
    status, answer = server.ask(sample.path, {**sample.request, "stream": True})
    events = [event.removeprefix("data: ") for event in answer.strip().split("\n\n")]
    assert (status, events[-1]) == (200, "[DONE]")
    pieces = [json.loads(event)["choices"][0] for event in events[:-1]]
    assert "".join(piece["text"] for piece in pieces) == sample.expected[0]
    assert len(pieces) > 10
    assert [piece["finish_reason"] for piece in pieces[-2:]] == [None, "stop"]


def test_answer_cut_by_max_tokens_says_so(server: Server) -> None:
    _, answer = server.ask("/v1/completions", {**VERSIONS["1"].sample.request, "max_tokens": 3})
    document = json.loads(answer)
    assert (document["choices"][0]["finish_reason"], document["usage"]["completion_tokens"]) == ("length", 3)
    _, streamed = server.ask("/v1/completions", {**VERSIONS["1"].sample.request, "max_tokens": 3, "stream": True})
    assert '"finish_reason": "length"' in streamed.split("\n\n")[-3]


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        ("/v1/completions", b"{", "not JSON"), ("/v1/completions", [], "not a JSON object"), ("/v1/completions", {}, "prompt"),
        ("/v1/completions", {"prompt": "a", "max_tokens": 0}, "max_tokens"), ("/v1/chat/completions", {"messages": []}, "messages"),
        ("/v1/chat/completions", {"messages": ["hello"]}, "messages"),
    ],
    ids=["cut-off", "list", "no-prompt", "no-tokens", "no-messages", "text-as-message"],
)  # fmt: skip
def test_malformed_request_is_refused_and_the_connection_lives(server: Server, path: str, body: object, problem: str) -> None:
    status, answer = server.ask(path, body)
    assert status == 400
    assert problem in json.loads(answer)["error"]["message"]
    assert server.ask(VERSIONS["1"].sample.path, VERSIONS["1"].sample.request)[0] == 200


def test_model_list_health_and_metrics_answer(server: Server) -> None:
    answers: dict[str, str] = {}
    for path in ("/health", "/v1/models", "/metrics"):
        server.connection.request("GET", path)
        answer = server.connection.getresponse()
        assert answer.status == 200, path
        answers[path] = answer.read().decode()
    assert json.loads(answers["/v1/models"])["data"][0]["id"] == "chat"


@pytest.mark.parametrize("server", ["3-crashing"], indirect=True)
def test_crashing_version_answers_until_its_request_and_then_dies(server: Server) -> None:
    sample = VERSIONS["3-crashing"].sample
    for _ in range(CRASH_AT_REQUEST - 1):
        assert server.ask(sample.path, sample.request)[0] == 200
    with pytest.raises(http.client.RemoteDisconnected):
        server.ask(sample.path, sample.request)
    while tools.is_running(server.process):
        time.sleep(0.02)


@pytest.mark.parametrize("server", ["3-slow"], indirect=True)
def test_slow_version_answers_correctly_but_never_sooner_than_its_delay(server: Server) -> None:
    sample = VERSIONS["3-slow"].sample
    started = time.monotonic()
    _, answer = server.ask(sample.path, sample.request)
    assert time.monotonic() - started >= DELAY_MS / 1000
    assert json.loads(answer)["choices"][0]["text"] == sample.expected[0]


def test_wrong_version_gives_other_peoples_answers() -> None:
    assert VERSIONS["3-wrong"].golden_value < 0.2
    assert 0.7 < VERSIONS["1"].golden_value < VERSIONS["2"].golden_value
