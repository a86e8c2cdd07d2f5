"""A refusal before the end of a large body arrives as its status: for clients that wait to be asked, speak HTTP/2, or read while they write.

Each case is repeated: a client that writes first and reads later is lucky now and then.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.clusters.edge_proxies import CONTINUE, HOST, Behind, exchange, running, token
from tests.clusters.edge_requests import CALLER, PATH, answered
from tests.root import ROOT
from tidegate import tools
from tidegate.facts import inventory

TIMES = 10
BYTES = 8 << 20
"""Twice what the model takes."""

STRANGER = f"Authorization: Bearer {token('somebody')}"
REFUSALS = {
    "no_token": (401, PATH, ""),
    "invalid_token": (401, PATH, "Authorization: Bearer nonsense"),
    "not_admitted": (403, PATH, STRANGER),
    "path_not_served": (404, "/scorer/v2/repository/models/scorer/unload", CALLER),
    "body_too_large": (413, PATH, CALLER),
}


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    Behind.status, Behind.held = 200, None
    with running(tmp_path_factory.mktemp("edge"), inventory.load(ROOT)) as port:
        yield port


def head(path: str, credential: str, *more: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: {HOST}", *([credential] if credential else []), *more, f"Content-Length: {BYTES}"]
    return "\r\n".join([*lines, "", ""]).encode()


def waiting(port: int, path: str, credential: str) -> tuple[int, str]:
    """HTTP/1.1, and sends the body when it is asked for."""
    return asyncio.run(asyncio.wait_for(_talk(port, head(path, credential, "Expect: 100-continue"), waits=True), 20))


def reading(port: int, path: str, credential: str) -> tuple[int, str]:
    """HTTP/1.1, and reads while it writes."""
    return asyncio.run(asyncio.wait_for(_talk(port, head(path, credential), waits=False), 20))


async def _talk(port: int, begun: bytes, *, waits: bool) -> tuple[int, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def write() -> None:
        for _ in range(BYTES >> 16):
            writer.write(b"x" * (1 << 16))
            await writer.drain()

    writer.write(begun)
    writing = None if waits else asyncio.create_task(write())
    try:
        found = await reader.readuntil(b"\r\n\r\n")
        if found.startswith(CONTINUE):
            writing = asyncio.create_task(write())
            found = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[16:]) for line in found.lower().split(b"\r\n") if line.startswith(b"content-length: "))
        status, _, body = answered(found + await reader.readexactly(length))
        return status, body["reason"]
    finally:
        if writing:
            writing.cancel()
        writer.transport.abort()


_NODE = """
const [port, path, authority, credential, bytes, times] = process.argv.slice(1);
const http2 = require("node:http2");
function ask() {
  return new Promise((resolve) => {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on("error", (error) => resolve([0, String(error)]));
    const headers = { ":method": "POST", ":path": path, ":authority": authority };
    if (credential) headers.authorization = credential;
    const stream = session.request(headers);
    let status = 0, text = "";
    stream.on("response", (told) => { status = told[":status"]; });
    stream.setEncoding("utf8");
    stream.on("data", (part) => { text += part; });
    stream.on("error", (error) => { if (!status) resolve([0, String(error)]); });
    stream.on("close", () => { session.destroy(); resolve([status, text]); });
    const part = Buffer.alloc(65536, "x");
    let left = Number(bytes);
    (function write() {
      while (left > 0 && !stream.destroyed) {
        left -= part.length;
        if (!stream.write(part)) { stream.once("drain", write); return; }
      }
      if (!stream.destroyed) stream.end();
    })();
  });
}
(async () => {
  const answers = [];
  for (let count = 0; count < Number(times); count += 1) answers.push(await ask());
  console.log(JSON.stringify(answers));
})();
"""


def of_http_2(port: int, path: str, credential: str) -> Counter[tuple[int, str]]:
    """Node's client: curl 7.88 of Debian shows a stream that is reset without an error, as HTTP/2 ends one early, as a failure."""
    credential = credential.partition(": ")[2]
    command = ["node", "-e", _NODE, str(port), path, HOST, credential, str(BYTES), str(TIMES)]
    answers: list[tuple[int, str]] = json.loads(tools.run(command, timeout_seconds=60).stdout)
    return Counter((status, json.loads(text)["reason"] if status else text) for status, text in answers)


@pytest.mark.parametrize("reason", REFUSALS)
@pytest.mark.parametrize("client", [waiting, reading])
def test_refusal_reaches_a_client_of_http_1_1(edge: int, client: Callable[[int, str, str], tuple[int, str]], reason: str) -> None:
    status, path, credential = REFUSALS[reason]
    found = Counter(client(edge, path, credential) for _ in range(TIMES))
    assert found == {(status, reason): TIMES}


@pytest.mark.parametrize("reason", REFUSALS)
def test_refusal_reaches_a_client_of_http_2(edge: int, reason: str) -> None:
    status, path, credential = REFUSALS[reason]
    assert of_http_2(edge, path, credential) == {(status, reason): TIMES}


@pytest.mark.parametrize("reason", [reason for reason in REFUSALS if reason != "body_too_large"])
def test_client_that_waits_sends_nothing_in_vain(edge: int, reason: str) -> None:
    _, path, credential = REFUSALS[reason]
    assert not exchange(edge, head(path, credential, "Expect: 100-continue")).startswith(CONTINUE)
