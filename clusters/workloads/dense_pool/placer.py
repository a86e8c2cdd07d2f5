"""Tells Envoy where a request goes: its external authorisation asks here, and the answer is a header with pods, best first.

    python3 -m clusters.workloads.dense_pool.placer FOLDER --listen HOST:PORT --pods HOST:PORT[,HOST:PORT...]

Each host among the pods may have several addresses (a headless Service). Every pod is asked every other second what it has in memory.
A pod with another catalogue refuses to say it, and is none of ours. Envoy goes on without us, to any pod, which then loads what it
lacks. Who may call which model is Envoy's to decide, not ours.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import re
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import aiohttp
import uvloop
from aiohttp import web

from . import catalogue
from .placement import Limits, PoolPlacement
from .router import HEADER_CATALOGUE, HEADER_POD

logger = logging.getLogger("placer")

LOOK_SECONDS = 2.0
LOOKS_MISSED = 3
"""After so many looks without an answer a pod is taken for gone. Until then its models stay its own: it may only be busy, and Envoy
knows better whether it answers."""

LOAD_TIMEOUT_SECONDS = 10.0
LOADS_AT_ONCE = 4

_MODEL = re.compile(r"/v2/models/([a-z0-9-]+)(?:/.*)?")


class Placer:
    """The placement, kept up to date."""

    def __init__(self, placement: PoolPlacement, pods: list[tuple[str, int]], catalogue_sha256: str) -> None:
        self._placement = placement
        self._pods = pods
        self._loading: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._seen: dict[str, tuple[list[str], int]] = {}
        headers = {HEADER_CATALOGUE: catalogue_sha256}
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LOAD_TIMEOUT_SECONDS), headers=headers)

    async def decide(self, request: web.Request) -> web.Response:
        """Envoy's question, which has the path of the request."""
        found = _MODEL.fullmatch(request.path)
        if found is None:
            return web.Response()
        choice = self._placement.choose(found[1], time.monotonic())
        for pod in choice.to_load:
            self._load(found[1], pod)
        return web.Response(headers={HEADER_POD: ",".join(choice.pods)} if choice.pods else {})

    async def watch(self) -> None:
        """Asks the pods for what they have, for ever."""
        while True:
            addresses = await self._addresses()
            answers = await asyncio.gather(*(self._resident(pod) for pod in addresses))
            self._seen = dict(self._counted(zip(addresses, answers, strict=True)))
            self._placement.observe({pod: models for pod, (models, _missed) in self._seen.items()})
            await asyncio.sleep(LOOK_SECONDS)

    def _counted(self, answers: Iterable[tuple[str, list[str] | None]]) -> Iterator[tuple[str, tuple[list[str], int]]]:
        """What each pod has, as it said last, and how often it has not answered since."""
        for pod, models in answers:
            if models is not None:
                yield pod, (models, 0)
            elif pod in self._seen and self._seen[pod][1] + 1 < LOOKS_MISSED:
                known, missed = self._seen[pod]
                yield pod, (known, missed + 1)

    async def close(self) -> None:
        """Ends its connections."""
        await self._session.close()

    async def _addresses(self) -> list[str]:
        found: set[str] = set()
        for host, port in self._pods:
            with contextlib.suppress(OSError):  # no pod has an address yet
                infos = await asyncio.get_running_loop().getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_STREAM)
                found |= {f"{info[4][0]}:{port}" for info in infos}
        return sorted(found)

    async def _resident(self, pod: str) -> list[str] | None:
        """What `pod` has in memory, None when it does not answer in time."""
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError):
            timeout = aiohttp.ClientTimeout(total=LOOK_SECONDS)
            async with self._session.post(f"http://{pod}/v2/repository/index", json={"ready": True}, timeout=timeout) as answer:
                return [item["name"] for item in await answer.json()] if answer.status == 200 else None
        return None

    def _load(self, model: str, pod: str) -> None:
        """Has `pod` load `model` meanwhile; what fails is wanted again by the next request."""
        if (model, pod) not in self._loading and len(self._loading) < LOADS_AT_ONCE:
            task = self._loading[model, pod] = asyncio.create_task(self._ask_to_load(model, pod))
            task.add_done_callback(lambda _done: self._loading.pop((model, pod)))

    async def _ask_to_load(self, model: str, pod: str) -> None:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self._session.post(f"http://{pod}/v2/repository/models/{model}/load") as answer:
                if answer.status != 200:
                    logger.warning("%s did not load %s: %d", pod, model, answer.status)
            await asyncio.sleep(LOOK_SECONDS)  # until then it is not known to have it


async def application(folder: Path, pods: list[tuple[str, int]], limits: Limits) -> web.Application:
    """The placer as a web application."""
    known = catalogue.read(folder)
    sizes = {entry.name: entry.resident_bytes for entry in known.models.values()}
    placer = Placer(PoolPlacement(sizes, limits), pods, known.sha256)
    watching = asyncio.create_task(placer.watch())

    async def end(_app: web.Application) -> None:
        watching.cancel()
        await placer.close()

    async def alive(_request: web.Request) -> web.Response:
        # A watch that has ended is a bug; whoever asks starts us again.
        return web.Response(status=503 if watching.done() else 200)

    app = web.Application()
    app.router.add_get("/placer/alive", alive)
    app.router.add_route("*", "/{path:.*}", placer.decide)
    app.on_shutdown.append(end)
    return app


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def main() -> None:
    """Reads the arguments and serves."""
    usual = Limits()
    parser = argparse.ArgumentParser(prog="placer")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--listen", type=_address, required=True)
    parser.add_argument("--pods", type=lambda text: [_address(one) for one in text.split(",")], required=True)
    parser.add_argument("--requests-per-second-per-copy", type=float, default=usual.requests_per_second_per_copy)
    parser.add_argument("--most-copies", type=int, default=usual.most_copies)
    parser.add_argument("--one-placer-per-pod", action="store_true")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    limits = Limits(
        requests_per_second_per_copy=given.requests_per_second_per_copy, most_copies=given.most_copies,
        one_placer_per_pod=given.one_placer_per_pod,
    )  # fmt: skip
    host, port = given.listen
    loop = uvloop.new_event_loop()
    web.run_app(application(given.folder, given.pods, limits), host=host, port=port, access_log=None, print=None, loop=loop)


if __name__ == "__main__":
    main()
