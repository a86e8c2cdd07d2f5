"""As much of an API server as the controller uses: lists in pages, watches with bookmarks, applies, and refusals of what was not seen."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from clusters.workloads.release_controller.api import APPLY, OPENED, ConflictError, GoneError, NotFoundError, UnreachableError, error_of

Item = dict[str, Any]
Key = tuple[str, str]
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
BOOKMARK_SECONDS = 55.0
HISTORY = 400


@dataclass(frozen=True)
class Place:
    """What a path names."""

    collection: str
    namespace: str
    name: str
    subresource: str


def place(path: str) -> Place:
    parts = path.strip("/").split("/")
    head = 2 if parts[0] == "api" else 3
    rest, namespace = parts[head:], ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    return Place("/".join([*parts[:head], rest[0]]), namespace, rest[1] if len(rest) > 1 else "", rest[2] if len(rest) > 2 else "")


@dataclass
class SimulatedServer:
    """The objects, their history, and who objects to a write (`admit`) or is told of it (`written`)."""

    chance: random.Random
    objects: dict[str, dict[Key, Item]] = field(default_factory=dict[str, dict[Key, Item]])
    version: int = 100
    history: list[tuple[int, str, str, Item]] = field(default_factory=list[tuple[int, str, str, Item]])
    forgotten: int = 100
    clock_error: float = 0.0
    is_silent: bool = False
    """Watches say nothing more; requests are answered."""
    is_cut: bool = False
    """Watches end and cannot begin again; requests are answered."""
    admit: Callable[[str, Item | None, Item, str], None] = lambda _collection, _before, _after, _user: None
    written: Callable[[str, Item | None, Item | None, str], None] = lambda _collection, _before, _after, _user: None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=asyncio.get_running_loop().time() + self.clock_error)

    def get(self, path: str, name: str = "") -> Item | None:
        """An object as it is, by `namespace/name`."""
        namespace, _, last = name.partition("/")
        return self.objects.get(path, {}).get((namespace, last))

    def put(self, collection: str, item: Item, user: str = "") -> Item:
        """Writes it as it is given."""
        metadata = item["metadata"]
        there = self.objects.setdefault(collection, {})
        key = (metadata["namespace"], metadata["name"])
        before = there.get(key)
        item = copy.deepcopy(item)
        item["metadata"] |= {
            "resourceVersion": str(self.version + 1),
            "uid": before["metadata"]["uid"] if before else f"uid-{self.version + 1}",
            "creationTimestamp": before["metadata"]["creationTimestamp"] if before else self.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        self.admit(collection, before, item, user)
        self.version += 1
        there[key] = item
        self._tell(collection, "MODIFIED" if before else "ADDED", item)
        self.written(collection, before, item, user)
        return copy.deepcopy(item)

    def delete(self, collection: str, namespace: str, name: str) -> None:
        if gone := self.objects.get(collection, {}).pop((namespace, name), None):
            self.version += 1
            gone = copy.deepcopy(gone)
            gone["metadata"]["resourceVersion"] = str(self.version)
            self._tell(collection, "DELETED", gone)
            self.written(collection, gone, None, "")

    def cut(self, *, is_cut: bool) -> None:
        self.is_cut = is_cut
        self._news.set()
        self._news = asyncio.Event()

    def _tell(self, collection: str, kind: str, item: Item) -> None:
        self.history.append((self.version, collection, kind, copy.deepcopy(item)))
        if len(self.history) > HISTORY:
            self.forgotten = self.history[0][0]
            del self.history[0]
        self._news.set()
        self._news = asyncio.Event()

    def read(self, path: str, parameters: Mapping[str, str]) -> Item:
        at = place(path)
        if at.name:
            found = self.objects.get(at.collection, {}).get((at.namespace, at.name))
            if found is None:
                raise NotFoundError(404, path)
            return copy.deepcopy(found)
        every = sorted(self.objects.get(at.collection, {}).items())
        items = [one for key, one in every if (not at.namespace or key[0] == at.namespace) and _matches(one, parameters)]
        begin = int(parameters.get("continue", "0"))
        end = begin + int(parameters.get("limit") or len(items))
        more = {"continue": str(end)} if end < len(items) else {}
        return {"metadata": {"resourceVersion": str(self.version), **more}, "items": copy.deepcopy(items[begin:end])}

    def write(self, method: str, path: str, body: Item, content: str, user: str) -> Item:
        at = place(path)
        there = self.objects.setdefault(at.collection, {})
        before = there.get((at.namespace, at.name or body["metadata"]["name"]))
        if method == "POST":
            if before:
                raise ConflictError(409, f"{body['metadata']['name']} already exists")
            return self.put(at.collection, {**body, "metadata": {**body["metadata"], "namespace": at.namespace}}, user)
        if before is None:
            raise (ConflictError(409, "uid mismatch") if "uid" in body["metadata"] else NotFoundError(404, path))
        for name in ("resourceVersion", "uid"):
            if body["metadata"].get(name, before["metadata"][name]) != before["metadata"][name]:
                raise ConflictError(409, f"{path}: the object has been modified")
        after = {**before, "status": body["status"]} if at.subresource else _applied(before, body) if content == APPLY else body
        after["metadata"] = {**before["metadata"], **({} if at.subresource else after["metadata"])}
        return copy.deepcopy(before) if after == before else self.put(at.collection, after, user)

    async def watch(self, path: str, parameters: Mapping[str, str]) -> AsyncGenerator[Item, None]:
        collection, version = place(path).collection, int(parameters["resourceVersion"])
        begun = said_at = asyncio.get_running_loop().time()
        while (now := asyncio.get_running_loop().time()) < begun + float(parameters["timeoutSeconds"]):
            if self.is_cut:
                raise UnreachableError("the watch was cut")
            if version < self.forgotten:
                raise GoneError(410, "too old resource version")
            if now == begun:
                yield {"type": OPENED}
            news, is_due = self._news, now >= said_at + BOOKMARK_SECONDS
            for at, of, kind, item in [] if self.is_silent else list(self.history):
                if at > version:
                    version = at
                    if of == collection and _matches(item, parameters):
                        yield {"type": kind, "object": copy.deepcopy(item)}
            if is_due and not self.is_silent:
                said_at = now
                yield {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(version)}}}
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BOOKMARK_SECONDS):
                    await news.wait()


class Connection:
    """One process's way to it, with a delay; `before` and `after` may raise, wait or end the process at any write."""

    def __init__(self, server: SimulatedServer, user: str, heard: Callable[[str, float, float], None]) -> None:
        self.server, self.user, self._heard = server, user, heard
        self.is_dead = False
        self.meet: Callable[[str, str, str], Awaitable[None]] | None = None
        """Called with `before` or `after`, method and path of each write; what it returns is awaited."""

    async def get(self, path: str, **parameters: str) -> Item:
        return await self._answer(lambda: self.server.read(path, parameters))

    async def send(self, method: str, path: str, body: Mapping[str, Any], *, content: str = "", **_parameters: str) -> Item:
        await self._meet("before", method, path)
        answer = await self._answer(lambda: self.server.write(method, path, copy.deepcopy(dict(body)), content, self.user))
        await self._meet("after", method, path)
        return answer

    async def watch(self, path: str, **parameters: str) -> AsyncGenerator[Item, None]:
        await self._delay()
        async for event in self.server.watch(path, parameters):
            await self._delay()
            yield event

    async def _meet(self, when: str, method: str, path: str) -> None:
        if self.meet is not None:
            await self.meet(when, method, path)
        self._live()

    async def _answer(self, work: Callable[[], Item]) -> Item:
        asked = asyncio.get_running_loop().time()
        await self._delay()
        try:
            return work()
        finally:
            date = format_datetime(self.server.now().replace(microsecond=0), usegmt=True)
            await self._delay()
            self._heard(date, asked, asyncio.get_running_loop().time())

    async def _delay(self) -> None:
        self._live()
        await asyncio.sleep(self.server.chance.uniform(0.001, 0.03))
        self._live()

    def _live(self) -> None:
        if self.is_dead:
            raise UnreachableError("this process was killed")


def _matches(item: Item, parameters: Mapping[str, str]) -> bool:
    metadata = item["metadata"]
    labels = metadata.get("labels", {})
    for wanted in parameters.get("labelSelector", "").split(","):
        name, is_equal, value = wanted.partition("=")
        if name and (name not in labels or (is_equal and labels[name] != value)):
            return False
    _, _, name = parameters.get("fieldSelector", "").partition("metadata.name=")
    return not name or metadata["name"] == name


def _applied(before: Item, patch: Item) -> Item:
    """Maps are merged, lists are replaced."""
    after = dict(before)
    for key, value in patch.items():
        after[key] = _applied(before.get(key) or {}, value) if isinstance(value, dict) else value  # type: ignore[arg-type]
    return after


def refuse(message: str) -> None:
    """As a policy does it."""
    raise error_of(403, message)
