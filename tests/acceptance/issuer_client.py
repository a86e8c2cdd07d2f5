"""The token issuer, asked through its loopback relay."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from pathlib import Path

from tests.acceptance.running_platform import Running
from tidegate.embedded.fleet import login, loopback
from tidegate.embedded.fleet.internet import LOGIN_HOST
from tidegate.embedded.machines import network

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def ask_issuer(
    platform: Running, method: str, path: str, *, body: str = "", headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, object]]:
    """One request to the issuer through its loopback relay: status and document."""
    connection = http.client.HTTPConnection(LOGIN_HOST)
    connection.sock = loopback.connect(platform.local, login.RELAY, LOGIN_HOST)
    try:
        connection.request(method, path, body or None, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def issuer_folder(platform: Running) -> Path:
    return platform.local.machine(network.INTERNET).folder


def published_keys(platform: Running) -> set[object]:
    status, document = ask_issuer(platform, "GET", "/tidegate/keys")
    assert status == 200
    keys = document["keys"]
    assert isinstance(keys, list)
    return {one["kid"] for one in keys}  # pyright: ignore[reportUnknownVariableType]
