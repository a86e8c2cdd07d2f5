"""What the page for clients says is what the gateways and model servers do."""

from __future__ import annotations

import re

from clusters.components.network import cross_origin, http_protocol, paths, rate_limits, replies, request_log
from clusters.workloads import verified_model
from tests.acceptance.clients.programs import CLIENTS
from tests.root import ROOT

PAGE = (ROOT / "docs/calling-models.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    table = PAGE.partition(f"\n## {heading}\n")[2].partition("\n|---")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[1:]]


def status_of(reply: replies.Reply) -> str:
    """What Envoy answers with, where the table does not change it."""
    return str(reply.status or re.findall(r"response\.code == ([0-9]+)", reply.expression)[0])


def test_every_refusal_of_the_edge_is_on_the_page_and_no_other() -> None:
    listed = {(status, reason.strip("`")) for status, reason, _ in rows("Refusals")}
    assert listed == {(status_of(one), one.reason) for one in replies.EDGE}


def test_example_of_a_refusal_is_one_of_them() -> None:
    (told,) = re.findall(r'"message": "([^"]+)"', PAGE)
    assert told in {one.message for one in replies.EDGE}


def test_paths_are_those_that_are_served() -> None:
    protocols = {"Open Inference Protocol (v2)": "v2", "KServe's v1": "v1", "OpenAI's": "openai"}
    for protocol, listed in rows("Where"):
        served = {f"/{path.replace('{*}', '<model>')}" for path in paths.OF_PROTOCOL[protocols[protocol]]}
        told = set(re.findall(r"`(/[^`]+)`", listed)) - {"/openai"}
        assert {path.partition(":")[0] for path in told} == {path for path in served if not path.startswith("/openai/")}


def test_headers_and_times_are_those_of_the_programs() -> None:
    listed = {header.strip("`") for header, _ in rows("What an answer carries")}
    assert listed == {"x-request-id", verified_model.MODEL, verified_model.SHA256, verified_model.REVISION, rate_limits.LIMIT_HEADER}
    assert f"`{request_log.CALLER_REQUEST_ID}`" in PAGE
    assert f"headers within {http_protocol.HEADERS_SECONDS} s and the whole request within {http_protocol.BODY_SECONDS} s" in PAGE


def test_clients_are_those_that_are_tried() -> None:
    assert [name for name, _ in rows("Clients")] == [client.name for client in CLIENTS]


def test_what_a_page_may_send_and_read_is_what_the_edge_says() -> None:
    told = PAGE.partition("\n## From a browser\n")[2].lower()
    assert [header for header in cross_origin.ALLOWED if not header.startswith("x-stainless-") and f"`{header}`" not in told] == []
    listed = {header.strip("`") for header, _ in rows("What an answer carries")}
    assert set(cross_origin.EXPOSED) == listed | {"retry-after", "www-authenticate"}
