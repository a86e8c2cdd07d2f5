"""What real proxies and servers have read differently from each other: each twist makes one of it out of a request, from a seed alone.

Most end in two requests where one was sent, in a path or a caller other than the one that was judged, or in a body that grows.
"""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

SMUGGLED = b"/smuggled/v2/repository/index"
"""Where hidden requests lead. Whoever sees this path has taken one request for two."""


@dataclass(slots=True)
class Draft:
    """A request before it is written down; lines have no line end yet."""

    method: bytes
    target: bytes
    version: bytes
    lines: list[bytes]
    framing: list[bytes]
    rest: bytes
    """The body as it is framed."""
    body: bytes
    host: str
    other: str
    """The host of another tenant, or the same."""
    token: str
    path: bytes
    has_token: bool
    before: bytes = b""
    end: bytes = b"\r\n"
    spaces: tuple[bytes, bytes] = (b" ", b" ")

    def content(self) -> bytes:
        """As it goes over the wire."""
        first = self.method + self.spaces[0] + self.target + self.spaces[1] + self.version
        return self.before + self.end.join([first, *self.lines, *self.framing, b"", b""]) + self.rest

    def measured(self, body: bytes) -> None:
        """Another body, announced by its length."""
        self.body, self.framing, self.rest = body, [b"Content-Length: %d" % len(body)], body

    def chunked(self, *encodings: bytes, last: bytes = b"0\r\n\r\n") -> None:
        """The body as one chunk."""
        self.framing = list(encodings) or [b"Transfer-Encoding: chunked"]
        self.rest = (b"%x\r\n%s\r\n" % (len(self.body), self.body) if self.body else b"") + last

    def without(self, name: bytes) -> None:
        """Drops the lines of a header."""
        self.lines = [line for line in self.lines if not line.lower().startswith(name.lower() + b":")]

    def hidden(self) -> bytes:
        """A request that nobody should see as one."""
        return b"GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (SMUGGLED, self.host.encode())


def lengths(chosen: random.Random, draft: Draft) -> None:
    """Several lengths, or one that is no number to everybody."""
    size = len(draft.body)
    told: tuple[tuple[str, ...], ...] = (
        (f"{size}", f"{size}"), (f"{size}", f"{size + 1}"), ("0", f"{size}"), (f"{size}, {size}",), (f"{size}, 0",), (f"+{size}",), (f"0x{size:x}",),
        (f"000{size}",), (f"{size}\x0b",), ("",), (f"{size}e0",), (f"{2**64 + size}",), ("9" * 40,), (f"{size} {size}",), (f"{size}\t",), (f"-{size}",),
    )  # fmt: skip
    draft.rest = draft.body
    draft.framing = [f"Content-Length: {one}".encode() for one in chosen.choice(told)]


def encodings(chosen: random.Random, draft: Draft) -> None:
    """Transfer-Encoding as only some understand it."""
    told = (
        b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: identity, chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: identity",
        b"Transfer-Encoding: chunked;a=b", b"Transfer-Encoding: CHUNKED", b"Transfer-Encoding: xchunked", b"Transfer-Encoding:\x0bchunked",
        b"Transfer-Encoding: chunked\x00", b'Transfer-Encoding: "chunked"', b"Transfer-Encoding : chunked", b"Transfer_Encoding: chunked",
        b"Transfer-Encoding:\r\n chunked", b"X-A: b\nTransfer-Encoding: chunked", b"X-A: b\rTransfer-Encoding: chunked", b"Transfer-Encoding:\tchunked",
        b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: ,chunked", b"Transfer-Encoding:",
    )  # fmt: skip
    draft.chunked(chosen.choice(told), *chosen.choice(((), (b"Content-Length: %d" % len(draft.body),))))
    draft.version = chosen.choice((draft.version, draft.version, b"HTTP/1.0"))


def hidden_requests(chosen: random.Random, draft: Draft) -> None:
    """A second request where one reader sees the end of the first, and another a body."""
    hidden = draft.hidden()
    kind = chosen.randrange(5)
    if kind == 0:  # the length covers it, the chunks do not
        draft.chunked(b"Content-Length: %d" % (len(draft.body) + len(hidden) + 20), b"Transfer-Encoding: chunked")
        draft.rest += hidden
    elif kind == 1:  # the chunk covers it, the length does not
        draft.body = hidden
        draft.chunked(b"Transfer-Encoding: chunked", b"Content-Length: 4")
    elif kind == 2:
        draft.framing, draft.rest = [b"Content-Length: 0", b"Transfer-Encoding : chunked"], b"0\r\n\r\n" + hidden
    elif kind == 3:  # GET and HEAD with a body that some skip
        draft.method = chosen.choice((b"GET", b"HEAD", b"OPTIONS"))
        draft.measured(hidden)
    else:
        draft.lines.append(b"X-A: b\n\n" + hidden.strip().replace(b"\r", b""))


def chunk_sizes(chosen: random.Random, draft: Draft) -> None:
    """Sizes and extensions of chunks."""
    told = (
        b"%x;a=b", b"%x;" + b"e" * 9000, b'%x ; a="\r"', b"0%x", b"+%x", b"0x%x", b"%x\x00", b"%x\n;", b"-%x", b"f" * 15 + b"%x", b"%x\t", b" %x", b"%x;\xff",
    )  # fmt: skip
    size = chosen.choice(told).replace(b"%x", b"%x" % len(draft.body))
    after, last = (
        chosen.choice((b"\r\n", b"\r\n", b"\n", b"\r", b"xx")),
        chosen.choice((b"0\r\n\r\n", b"00\r\n\r\n", b"0\n\n", b"0;a=b\r\n\r\n")),
    )
    draft.framing = [b"Transfer-Encoding: chunked"]
    draft.rest = size + b"\r\n" + draft.body + after + last


def trailers(chosen: random.Random, draft: Draft) -> None:
    """Headers behind the body, among them such as decide who asks for what."""
    authorised = f"Authorization: Bearer {draft.token}".encode()
    told = (
        b"X-Tidegate-Subject: card-authorisation", b"X-Tidegate-Tenant: fraud", b"Content-Length: 5", b"Transfer-Encoding: chunked",
        b"Host: " + draft.other.encode(), b":path: /metrics", b" folded", b"no colon", b"\r\n".join([b"X-T: 1"] * 200), b"X-T: " + b"t" * 70_000, b"X-T: \x00",
        authorised,
    )  # fmt: skip
    trailer = chosen.choice(told)
    if trailer == authorised:
        draft.without(b"Authorization")
        draft.has_token = False
    draft.chunked(b"Transfer-Encoding: chunked", b"Trailer: X-T", last=b"0\r\n" + trailer + b"\r\n\r\n")


def folds(chosen: random.Random, draft: Draft) -> None:
    """A header that goes on in the next line, as RFC 7230 took out of HTTP."""
    at = chosen.randrange(len(draft.lines)) if draft.lines else 0
    name, colon, value = draft.lines[at].partition(b":") if draft.lines else (b"X-A", b":", b" b")
    cut = chosen.randrange(len(value) + 1)
    fold = chosen.choice((b"\r\n ", b"\r\n\t", b"\n ", b"\r\n \r\n "))
    draft.lines[at : at + 1] = [name + colon + value[:cut] + fold + value[cut:]]
    if chosen.random() < 0.3:
        draft.lines.insert(0, b" X-First: a")


def header_names(chosen: random.Random, draft: Draft) -> None:
    """Names and values that are none, or such as become another one's."""
    told = (
        b"Content Length: 5", b": empty", b"X\x00Nul: a", b"X\x7fDel: a", b"\xc3\xa9: a", b"X_Tidegate_Subject: card-authorisation", b"(a): a", b"no colon",
        b"X-Tidegate-Subject : card-authorisation", b"X-Tidegate-Subject: card-authorisation\r\nx-tidegate-subject: other", b":path: /metrics", b":authority: a",
        b":method: GET", b"X-A: a\x00b", b"X-A: a\rX-Tidegate-Subject: other", b"X-A: a\nX-Tidegate-Subject: other", b"X-" + b"n" * 9000 + b": a",
        b"\r\n".join(b"X-%d: a" % number for number in range(150)), b"Connection: X-Tidegate-Subject, Host, X-Request-Id", b"Proxy-Connection: keep-alive",
        b"X-Forwarded-Client-Cert: By=spiffe://cluster.local/ns/a/sa/b", b"X-Envoy-Peer-Metadata: AA==", b"Keep-Alive: timeout=99999, max=-1",
        b"Content-Disposition: attachment", b"X-Original-Url: /metrics", b"X-Rewrite-Url: /metrics", b"Max-Forwards: 0", b"Authorization: Bearer x",
    )  # fmt: skip
    draft.lines.insert(chosen.randrange(len(draft.lines) + 1), chosen.choice(told))


def hosts(chosen: random.Random, draft: Draft) -> None:
    """Hosts that name somebody else to whoever reads them otherwise."""
    host, other = draft.host, draft.other
    told = (
        f"{host}/", f"user@{host}", f"{other}@{host}", f"{host}:0", f"{host}:99999", f"{host}:443:443", f"{host}.", "[::1]", f"{host} {other}", f"{host},{other}",
        "", f"{host}\t", f"%66{host}", f"https://{host}", f"{host}#{other}", f"{host}?{other}", f"{host}\\{other}", f"{host}:", f"{host}\x00", "*", "a" * 5000,
    )  # fmt: skip
    draft.without(b"Host")
    draft.lines.insert(0, b"Host: " + chosen.choice(told).encode())
    if chosen.random() < 0.3:
        draft.lines.append(b"hOsT: " + chosen.choice((host, other)).encode())


def targets(chosen: random.Random, draft: Draft) -> None:
    """Targets with another host, and paths that become another one when somebody decodes them."""
    host, other = draft.host.encode(), draft.other.encode()
    whole = (
        b"http://" + host + draft.path, b"https://a:b@" + host + draft.path, b"https://" + other + draft.path, b"https://" + host + b":443" + draft.path,
        b"//" + other + draft.path, b"https:" + draft.path, b"HTTPS://" + host.upper() + draft.path, b"ftp://" + host + draft.path, b"https://" + host,
        b"https:///" + draft.path, draft.path[1:], b"\\" + draft.path[1:], b"?" + draft.path,
    )  # fmt: skip
    pieces = (
        b"/..;/", b"/.%2e/", b"/%2e./", b"%252e%252e%252f", b"%u002e", b"%e0%80%ae", b"\xef\xbc\x8e", b"%0d%0aX-Tidegate-Subject:%20x", b"\x00", b"\t", b"\x7f",
        b"\r", b"%0", b"%G0", b";a=1;", b"/./.", b"?" + b"a" * 50_000, b"??", b"/%2e%2e%2f%2e%2e%2f", b"/..%5c", b"%ff", b"/%2F/", b"%23", b"%3f", b"|", b"{}",
    )  # fmt: skip
    at = chosen.randrange(1, len(draft.path) + 1)
    draft.target = chosen.choice((*whole, *[draft.path[:at] + piece + draft.path[at:] for piece in pieces]))


def first_lines(chosen: random.Random, draft: Draft) -> None:
    """The line that everything begins with."""
    kind = chosen.randrange(4)
    if kind == 0:
        draft.method = chosen.choice((b"CONNECT", b"P" * 5000, b"PO(ST", b"\x16\x03\x01", b"", b"POST,GET", b"PO\x00ST", b"Post"))
    elif kind == 1:
        draft.version = chosen.choice(
            (b"http/1.1", b"HTTP/1.10", b"HTTP/01.1", b"HTTP/1.1\x00", b"HTTP/1.1 ", b"HTTP/1.", b"HTTP", b"HTTP/1,1", b"HTTP/0.9")
        )
    elif kind == 2:
        draft.before = chosen.choice((b"\r\n", b"\n\n", b" ", b"\x00", b"\r\n" * 100))
    else:
        draft.spaces = chosen.choice(((b"  ", b" "), (b"\t", b" "), (b" ", b"\t"), (b" ", b"  "), (b" \r", b" "), (b"\x0b", b" ")))


def line_ends(chosen: random.Random, draft: Draft) -> None:
    """Lines that end otherwise, as some servers take them. What leaves the edge waiting for more is left out: each is 10 s."""
    draft.end = chosen.choice((b"\n", b"\n\r\n"))


@cache
def _bomb() -> bytes:
    return gzip.compress(b"0" * (16 << 20), mtime=0)


def codings(chosen: random.Random, draft: Draft) -> None:
    """Bodies in another coding, announced or not; one is a thousand times larger than it looks."""
    packed, body = gzip.compress(draft.body, mtime=0), draft.body
    told = (
        ("gzip", packed), ("gzip", _bomb()), ("gzip, gzip", gzip.compress(packed, mtime=0)), ("deflate", zlib.compress(body)),
        ("gzip", packed[:-9]), ("br", b"\x00\xff" * 50), ("identity", body), ("nope", body), ("", packed), ("x-gzip", packed), ("zstd", b"(\xb5/\xfd" + body),
    )  # fmt: skip
    named, content = chosen.choice(told)
    draft.without(b"Content-Encoding")
    draft.lines += [f"Content-Encoding: {named}".encode()] if named else []
    draft.measured(content)


def content_types(chosen: random.Random, draft: Draft) -> None:
    """A type that is not what the body is, or a body of another type."""
    body, text = draft.body, draft.body.decode(errors="replace")
    told = (
        ("application/json; charset=utf-16", text.encode("utf-16")), ("application/json; charset=nope", body), ("application/json" + ";" * 5000, body), ("", body),
        ("multipart/form-data; boundary=a", b'--a\r\nContent-Disposition: form-data; name="x"; filename="../x"\r\n\r\n' + body + b"\r\n--a--\r\n"),
        ("multipart/form-data", body), ("application/x-www-form-urlencoded", b"inputs[]=1&inputs[]=2&__proto__=x"), ("application/msgpack", b"\x81\xa1a\xc1"),
        ("text/xml", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'), ("application/x-pickle", b"\x80\x04cos\nsystem\n(S'true'\ntR."),
        ("application/json\r\nContent-Type: text/plain", body), ("APPLICATION/JSON", body), ("application/vnd.apache.arrow.stream", body), ("\xff/\xfe", body),
    )  # fmt: skip
    named, content = chosen.choice(told)
    draft.without(b"Content-Type")
    draft.lines.append(b"Content-Type: " + named.encode("latin-1"))
    draft.measured(content)


def texts(chosen: random.Random, draft: Draft) -> None:
    """JSON that parsers disagree on: overlong UTF-8, halves of pairs, numbers that are none, and what follows the end."""
    body = draft.body
    told = (
        b"\xef\xbb\xbf" + body, body.replace(b'"', b"\xc0\xa2", 1), body.replace(b'"', b'"\xed\xa0\x80', 1), body.replace(b'"', b'"\xf4\x90\x80\x80', 1),
        body.decode(errors="replace").encode("utf-16"), body + b"\x00", body + body, body + b"//", b"/**/" + body, body.replace(b"0", b"NaN", 1),
        body.replace(b"0", b"1e999", 1), body.replace(b"0", b"-Infinity", 1), body.replace(b"0", b"1" + b"0" * 5000, 1), b'{"a":' * 3000 + b"1" + b"}" * 3000,
        body.replace(b'"', b"'"), b"\x1f\x8b", body.replace(b'"', b'"\\u0000', 1), b" " * 100_000 + body,
    )  # fmt: skip
    draft.measured(chosen.choice(told))


def tensors(chosen: random.Random, draft: Draft) -> None:
    """Tensors whose parameters promise something else than comes, and shapes that want all memory."""
    fields: tuple[dict[str, Any], ...] = (
        {"parameters": {"binary_data_size": -1}}, {"parameters": {"binary_data_size": 2**40}}, {"parameters": {"content_type": "nope"}},
        {"parameters": {"content_type": "pd"}}, {"parameters": {"content_type": "base64"}}, {"parameters": []}, {"shape": [2**31, 2**31]}, {"shape": [10**9]},
        {"shape": []}, {"shape": [1.5]}, {"shape": [True]}, {"datatype": "BYTES", "data": ["\ud800"]}, {"datatype": "BYTES", "shape": [10**12], "data": [""]},
        {"datatype": "INT8", "data": [10**30]}, {"datatype": "FP16", "data": [[[[]]]]}, {"name": "../../etc/passwd"}, {"name": "__class__"}, {"name": "a" * 50_000},
    )  # fmt: skip
    usual = {"name": "predict", "shape": [1, 1], "datatype": "FP64", "data": [1]}
    document: dict[str, Any] = {"inputs": [usual | chosen.choice(fields)] * chosen.choice((1, 1, 1, 500))}
    if chosen.random() < 0.3:
        document["outputs"] = [{"name": "predict", "parameters": {"binary_data": True, "classification": -1}}]
        draft.lines.append(b"Inference-Header-Content-Length: " + chosen.choice((b"-1", b"0", b"99999999999", b"nope", b"5")))
    draft.measured(json.dumps(document).encode())


TWISTS: dict[str, Callable[[random.Random, Draft], None]] = {
    one.__name__: one
    for one in (
        lengths, encodings, hidden_requests, chunk_sizes, trailers, folds, header_names, hosts, targets, first_lines, line_ends, codings, content_types, texts,
        tensors,
    )
}  # fmt: skip
