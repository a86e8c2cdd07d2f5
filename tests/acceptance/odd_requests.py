"""Requests that no good client sends: each a mutation of a good one, made from a seed alone."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.acceptance.odd_twists import TWISTS, Draft

Header = tuple[str, str]
METHODS = ("POST", "GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "post", "FOO", "PRI")
PIECES = (
    b"//", b"/../", b"/%2e%2e/", b"/./", b"%00", b"%2f", b"%5c", b"\\", b";a=b", b"?", b"?a=%zz", b"#x", b"\xc3\xa9", b"\xff", b"%c0%ae", b"*", b" ",
    b":predict", b"/infer/infer", b"%", b"/repository/index", b"a" * 3000,
)  # fmt: skip
FORGED = (
    ("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-Proto", "http"), ("X-Envoy-Original-Path", "/metrics"), ("X-Envoy-Max-Retries", "9"),
    ("X-Envoy-Upstream-Rq-Timeout-Ms", "1"), ("X-Envoy-Retry-On", "5xx"), ("X-Envoy-Decorator-Operation", "x"), ("X-Envoy-Internal", "true"),
    ("X-Tidegate-Subject", "card-authorisation"), ("X-Tidegate-Tenant", "fraud"), ("Tidegate-Model", "fraud/scorer/9"), ("Tidegate-Revision", "x"),
    ("Knative-Serving-Namespace", "tenant-credit"), ("Knative-Serving-Revision", "x"), ("K-Network-Probe", "probe"), ("K-Network-Hash", "override"),
    ("K-Proxy-Request", "activator"), ("X-Request-Id", "a" * 300), ("Traceparent", "00-x"), ("Forwarded", "for=x"), ("X-Http-Method-Override", "GET"),
    ("Content-Type", "text/plain"), ("Content-Type", "application/octet-stream"), ("Inference-Header-Content-Length", "5"), ("Accept", "x/y;q=9"),
    ("Accept-Encoding", "gzip, br"), ("Content-Encoding", "gzip"), ("Range", "bytes=0-0"), ("Expect", "100-continue"), ("Expect", "x"),
    ("Upgrade", "websocket"), ("Upgrade", "TLS/1.2, HTTP/2.0"), ("Connection", "Upgrade, HTTP2-Settings"), ("Connection", "Authorization"),
    ("Te", "trailers"), ("Trailer", "Host"), ("Cookie", "a=b; " * 50), ("X-Long", "b" * 70_000), ("X-Odd", "\xff\x01"), (" X-Space", "a"), ("X:Colon", "a"),
)  # fmt: skip
BODIES = (
    b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"inputs": []}', b'{"inputs": null}', b'{"inputs": [{}]}', b'{"instances": []}', b"[" * 5000,
    b'{"inputs": [{"name": "x", "shape": [99999999999, 2], "datatype": "FP64", "data": []}]}', b'{"inputs": [{"name": 5, "shape": "x"}]}',
    b'{"inputs": [{"name": "x", "shape": [-1], "datatype": "NOPE", "data": [1e999]}]}', b'{"a": 1, "a": 2}', b'{"id": "\\ud800"}', b"0" * 100_000,
)  # fmt: skip
VALUES = tuple(
    json.loads(one) for one in ("null", "0", "-1", '""', "[]", "{}", "[[[]]]", "true", "1e308", '["\\u0000"]', f'"{"x" * 1000}"')
)
FRAMINGS = ("length",) * 20 + ("chunked", "chunked-twice", "both", "too-short", "negative", "odd-chunk", "none")


@dataclass(frozen=True, slots=True)
class Place:
    """A good request to start from."""

    tenant: str
    host: str
    path: str
    body: bytes
    token: str


@dataclass(frozen=True, slots=True)
class Odd:
    """One request as it goes over the wire."""

    seed: int
    place: Place
    content: bytes
    has_token: bool
    """Whether the place's own token is in it, alone."""
    is_head: bool = False
    """Whether an answer to it has no body."""
    twists: tuple[str, ...] = ()
    """Which of `odd_twists` have changed it."""


def make(seed: int, places: Sequence[Place]) -> Odd:
    """The request of a seed; the same one for the same seed and places.

    Twists are drawn apart, so that a seed without one gives what it gave before there were any.
    """
    chosen = random.Random(seed)
    place, other = chosen.choice(places), chosen.choice(places)
    path = place.path.encode()
    for _ in range(chosen.choice((0, 0, 0, 0, 1, 1, 2))):
        at = chosen.randrange(len(path) + 1)
        path = path[:at] + chosen.choice(PIECES) + path[at:]
    target = chosen.choice((path,) * 30 + (b"https://" + place.host.encode() + path, b"*", b"/", b"", other.host.encode() + b":443"))
    method = chosen.choice(("POST",) * 30 + METHODS)
    version = chosen.choice((b"HTTP/1.1",) * 30 + (b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9.9", b""))
    hosts = chosen.choice(
        ((place.host,),) * 30 + ((other.host,), (place.host, other.host), (), (f"{place.host}:443",), (place.host.upper(),), ("127.0.0.1",))
    )
    token = chosen.choice((place.token,) * 20 + (other.token, "", "x", f"{place.token[:-3]}abc"))
    scheme = chosen.choice(("Bearer",) * 30 + ("bearer", "Basic", "Bearer "))
    lines = [("Host", host) for host in hosts]
    lines += [("Authorization", f"{scheme} {token}")] if token else []
    lines += [("Content-Type", "application/json"), *chosen.sample(FORGED, chosen.choice((0, 0, 1, 1, 3)))]
    chosen.shuffle(lines)
    body = place.body if chosen.random() < 0.4 else _mutated(chosen, place.body)
    framing, rest = _framed(chosen.choice(FRAMINGS), body)
    draft = Draft(
        method.encode(), target, version, [_line(*one) for one in lines], [_line(*one) for one in framing], rest, body,
        place.host, other.host, place.token, path, has_token=token == place.token,
    )  # fmt: skip
    twisted = random.Random(f"twists of {seed}")
    twists = tuple(twisted.sample(sorted(TWISTS), twisted.choice((0, 0, 0, 1, 1, 2))))
    for name in twists:
        TWISTS[name](twisted, draft)
    return Odd(seed, place, draft.content(), draft.has_token, draft.method == b"HEAD", twists)


def _line(name: str, value: str) -> bytes:
    return f"{name}: {value}".encode("latin-1")


def _mutated(chosen: random.Random, body: bytes) -> bytes:
    """Another body: one of the list, a part of the good one, one with a byte changed, or its JSON with one value replaced."""
    kind = chosen.randrange(4)
    if kind == 0:
        return chosen.choice(BODIES)
    at = chosen.randrange(len(body))
    if kind == 1:
        return body[:at]
    if kind == 2:
        return body[:at] + bytes([chosen.randrange(256)]) + body[at + 1 :]
    document = json.loads(body)
    key = chosen.choice(sorted(document))
    document[key] = chosen.choice(VALUES)
    return json.dumps(document).encode()


def _framed(kind: str, body: bytes) -> tuple[list[Header], bytes]:
    """Headers that say how long the body is, and the body so written. None leaves a server waiting for more than it gets."""
    chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
    length = ("Content-Length", str(len(body)))
    encoded = ("Transfer-Encoding", "chunked")
    framings: dict[str, tuple[list[Header], bytes]] = {
        "length": ([length], body),
        "chunked": ([encoded], chunk + b"0\r\n\r\n"),
        "chunked-twice": ([encoded, encoded], chunk + b"0\r\n\r\n"),
        "both": ([length, encoded], chunk + b"0\r\n\r\n"),
        "too-short": ([("Content-Length", str(len(body) // 2))], body),
        "negative": ([("Content-Length", "-1")], body),
        "odd-chunk": ([encoded], b"zz\r\n" + body),
        "none": ([], body),
    }
    return framings[kind]
