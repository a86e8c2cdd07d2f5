"""Requests to the edge as bytes, and answers as what a client reads of them."""

from __future__ import annotations

import json
from typing import Any

from tests.clusters.edge_proxies import CONTINUE, HOST, token

PATH, CALLER = "/scorer/v2/models/scorer/infer", f"Authorization: Bearer {token('card-authorisation')}"


def request(path: str = PATH, *headers: str, method: str = "POST", body: str = "{}", version: str = "1.1", host: str = HOST) -> bytes:
    lines = [f"{method} {path} HTTP/{version}", f"Host: {host}", *headers, f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*lines, "", body]).encode()


def after_continue(answer: bytes) -> bytes:
    """The final answer."""
    return answer.partition(b"\r\n\r\n")[2] if answer.startswith(CONTINUE) else answer


def answered(answer: bytes) -> tuple[int, dict[str, str], Any]:
    """Status, headers in lower case, and the body as JSON (the text where it is none)."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    try:
        document = json.loads(body)
    except ValueError:
        document = body.decode()
    return int(first.split(" ")[1]), headers, document
