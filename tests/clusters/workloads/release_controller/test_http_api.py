"""The client against a server on loopback: what it sends, what it makes of answers, and what it does with none."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from aiohttp import ClientSession, web

from clusters.workloads.release_controller import http_api
from clusters.workloads.release_controller.api import APPLY, ApiError, ConflictError, GoneError, NotFoundError, UnreachableError
from clusters.workloads.release_controller.http_api import HttpApi
from clusters.workloads.release_controller.report import Report, serve
from clusters.workloads.release_controller.server_time import monotonic


def unheard(_date: str, _asked: float, _had: float) -> None:
    """Nobody listens."""


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def serving(handler: Handler, heard: list[str] | None = None) -> AsyncGenerator[HttpApi]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with HttpApi(f"http://127.0.0.1:{port}", None, lambda date, _asked, _had: (heard or []).append(date), monotonic) as api:
        yield api
    await runner.cleanup()


def test_write_is_sent_as_it_is_and_its_date_is_heard() -> None:
    seen: list[object] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append([request.method, request.path, dict(request.query), request.content_type, await request.json()])
        return web.json_response({"metadata": {}}, headers={"Date": "Mon, 30 Nov 2026 19:00:00 GMT"})

    async def play() -> list[str]:
        heard = ["at first"]
        async with serving(handler, heard) as api:
            assert await api.send("PATCH", "/apis/x", {"a": "ü"}, content=APPLY, fieldManager="me", force="true") == {"metadata": {}}
        return heard

    assert asyncio.run(play()) == ["at first", "Mon, 30 Nov 2026 19:00:00 GMT"]
    assert seen == [["PATCH", "/apis/x", {"fieldManager": "me", "force": "true"}, APPLY, {"a": "ü"}]]


@pytest.mark.parametrize(
    ("status", "error"), [(404, NotFoundError), (409, ConflictError), (410, GoneError), (403, ApiError), (500, ApiError)]
)
def test_refusal_has_its_code_and_its_message(status: int, error: type[ApiError]) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response({"message": "because"}, status=status)

    async def play() -> None:
        async with serving(handler) as api:
            with pytest.raises(ApiError, match=rf"^{status}: GET /apis/x: because$") as caught:
                await api.get("/apis/x")
            assert type(caught.value) is error

    asyncio.run(play())


def test_no_answer_in_time_may_or_may_not_have_been_a_write() -> None:
    async def handler(_request: web.Request) -> web.Response:
        await asyncio.sleep(3)
        return web.Response()

    async def play() -> None:
        async with serving(handler) as api:
            with pytest.raises(UnreachableError, match="PUT /apis/x: "):
                await api.send("PUT", "/apis/x", {})

    with mock.patch.object(http_api, "REQUEST_SECONDS", 0.2):
        asyncio.run(play())


def test_server_that_is_not_there_is_unreachable() -> None:
    async def play() -> None:
        async with HttpApi("http://127.0.0.1:1", None, unheard, monotonic) as api:
            with pytest.raises(UnreachableError, match="GET /apis/x: Cannot connect"):
                await api.get("/apis/x")

    asyncio.run(play())


def test_watch_gives_events_however_they_are_cut_and_however_long_they_are() -> None:
    events: list[dict[str, Any]] = [{"type": "ADDED", "object": {"n": "x" * 300_000}}, {"type": "BOOKMARK", "object": {}}]
    text = b"".join(json.dumps(one).encode() + b"\n" for one in events)

    async def handler(request: web.Request) -> web.StreamResponse:
        assert dict(request.query) == {"resourceVersion": "7", "watch": "true"}
        answer = web.StreamResponse()
        await answer.prepare(request)
        for begin in range(0, len(text), 70_001):
            await answer.write(text[begin : begin + 70_001])
            await asyncio.sleep(0)
        await answer.write_eof()
        return answer

    async def play() -> list[object]:
        async with serving(handler) as api:
            return [event async for event in api.watch("/apis/x", resourceVersion="7")]

    assert asyncio.run(play()) == [{"type": "OPENED"}, *events]


def test_silent_watch_is_broken() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await asyncio.sleep(3)
        return answer

    async def play() -> None:
        async with serving(handler) as api:
            events = api.watch("/apis/x")
            assert await anext(events) == {"type": "OPENED"}
            with pytest.raises(UnreachableError, match="watch /apis/x: "):
                await anext(events)

    with mock.patch.object(http_api, "SILENCE_SECONDS", 0.2):
        asyncio.run(play())


def test_token_is_read_again_and_the_certificate_is_the_accounts(tmp_path: Path) -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        return web.json_response({})

    async def play() -> None:
        now = 0.0
        async with serving(handler) as plain:
            (tmp_path / "token").write_text("first\n")
            async with HttpApi(plain.address, tmp_path, unheard, lambda: now) as api:
                await api.get("/x")
                (tmp_path / "token").write_text("second\n")
                await api.get("/x")
                now = 61.0
                await api.get("/x")

    asyncio.run(play())
    assert seen == ["Bearer first", "Bearer first", "Bearer second"]
    with pytest.raises(FileNotFoundError):
        asyncio.run(_made(tmp_path))


async def _made(folder: Path) -> None:
    HttpApi("https://127.0.0.1:1", folder, unheard, monotonic)


def test_stuck_loop_is_told_to_whoever_asks() -> None:
    async def play() -> list[tuple[int, str]]:
        now = 100.0
        report = Report(lambda: 90.0, lambda: now)
        runner = await serve(report, "127.0.0.1", 0)
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        found: list[tuple[int, str]] = []
        async with ClientSession() as session:
            for at, path in ((100.0, "/healthz"), (100.0, "/metrics"), (151.0, "/healthz")):
                now = at
                async with session.get(address + path) as answer:
                    found.append((answer.status, await answer.text()))
        await runner.cleanup()
        return found

    healthy, metrics, stuck = asyncio.run(play())
    assert healthy == (200, "ok")
    assert "tidegate_release_leader 0" in metrics[1]
    assert stuck == (503, "the lease was not asked for in 61 s")
