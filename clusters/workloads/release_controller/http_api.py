"""The API server over HTTP: one session, the pod's own account, its times noted."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from pydantic_core import from_json, to_json

from clusters.workloads.release_controller.api import JSON, OPENED, ApiError, Json, UnreachableError, error_of

REQUEST_SECONDS = 5.0
"""An abort must not wait for a request that hangs."""

SILENCE_SECONDS = 90.0
"""A watch has a bookmark every minute; one that says nothing for longer is broken, whatever TCP believes."""

TOKEN_SECONDS = 60.0
"""The kubelet renews the token's file; it is read again that often."""

LINE_MAX = 16 << 20
"""Longer than any object can be."""

Heard = Callable[[str, float, float], None]
"""Given the Date of an answer, and when it was asked for and had."""


class HttpApi:
    """A client of one API server."""

    def __init__(self, address: str, account: Path | None, heard: Heard, monotonic: Callable[[], float]) -> None:
        """`account` is the folder with the pod's `token` and `ca.crt`; None for a server that wants neither."""
        self.address, self._account = address.rstrip("/"), account
        self._heard, self._monotonic = heard, monotonic
        is_secure = account is not None and address.startswith("https:")
        context = ssl.create_default_context(cafile=str(account / "ca.crt")) if account and is_secure else True
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=128),
            timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS),
            headers={"User-Agent": "tidegate-release-controller", "Accept": JSON},
            read_bufsize=1 << 18,
        )
        self._token, self._token_at = "", float("-inf")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._session.close()

    async def get(self, path: str, **parameters: str) -> dict[str, Any]:
        """Reads an object or a list."""
        return await self._ask("GET", path, parameters, None, JSON)

    async def send(self, method: str, path: str, body: Json, *, content: str = JSON, **parameters: str) -> dict[str, Any]:
        """Makes one write; the object as it is after it."""
        return await self._ask(method, path, parameters, to_json(body), content)

    async def _ask(self, method: str, path: str, parameters: dict[str, str], body: bytes | None, content: str) -> dict[str, Any]:
        headers = self._headers() | ({"Content-Type": content} if body is not None else {})
        asked = self._monotonic()
        try:
            async with self._session.request(method, self.address + path, params=parameters, data=body, headers=headers) as answer:
                text = await answer.read()
                self._note(answer, asked)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnreachableError(f"{method} {path}: {_said(error)}") from error
        if answer.status >= 400:
            raise error_of(answer.status, f"{method} {path}: {_message(text)}")
        return from_json(text)

    async def watch(self, path: str, **parameters: str) -> AsyncGenerator[dict[str, Any], None]:
        """`OPENED` when the server has taken it, then events as they come; it ends when the server ends it."""
        asked = self._monotonic()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_SECONDS, sock_read=SILENCE_SECONDS)
        try:
            async with self._session.get(
                self.address + path, params={**parameters, "watch": "true"}, timeout=timeout, headers=self._headers()
            ) as answer:
                self._note(answer, asked)
                if answer.status >= 400:
                    raise error_of(answer.status, f"watch {path}: {_message(await answer.read())}")
                yield {"type": OPENED}
                async for line in _lines(answer.content):
                    yield from_json(line)
        except ApiError:
            raise
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise UnreachableError(f"watch {path}: {_said(error)}") from error

    def _headers(self) -> dict[str, str]:
        if self._account is None:
            return {}
        now = self._monotonic()
        if now - self._token_at > TOKEN_SECONDS:
            self._token, self._token_at = (self._account / "token").read_text(encoding="utf-8").strip(), now
        return {"Authorization": f"Bearer {self._token}"}

    def _note(self, answer: aiohttp.ClientResponse, asked: float) -> None:
        if date := answer.headers.get("Date"):
            self._heard(date, asked, self._monotonic())


async def _lines(content: aiohttp.StreamReader) -> AsyncGenerator[bytes, None]:
    """Lines of any length; the reader's own refuse those beyond its buffer."""
    rest = bytearray()
    async for chunk in content.iter_any():
        rest += chunk
        if b"\n" not in chunk:
            if len(rest) > LINE_MAX:
                raise ValueError(f"an event of more than {LINE_MAX} bytes")
            continue
        *whole, last = bytes(rest).split(b"\n")
        rest = bytearray(last)
        for line in whole:
            if line:
                yield line


def _message(text: bytes) -> str:
    try:
        return str(from_json(text)["message"])[:500]
    except (ValueError, KeyError, TypeError):
        return text.decode(errors="replace")[:200]


def _said(error: BaseException) -> str:
    return str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
