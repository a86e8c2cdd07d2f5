"""Keeps one kind of the store as the API server has it: a list in pages, then a watch from there, and a new list when that is too far back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from clusters.workloads.release_controller.api import OPENED, Api, ApiError, ConflictError, GoneError, Json, NotFoundError, error_of
from clusters.workloads.release_controller.kinds import Kind
from clusters.workloads.release_controller.store import Key, Store

logger = logging.getLogger(__name__)

PAGE = 100
"""A page of the largest kind has a megabyte, and JSON takes ten times that while it is read."""

WATCH_SECONDS = 300
FRESH_SECONDS = 90.0
"""A bookmark comes every minute; older news is no news."""

BROKEN_SECONDS = 5.0
"""A watch that ended begins again within milliseconds; one that could not for so long is broken."""

PAUSES = (0.2, 1.0, 3.0, 10.0)


class Watch:
    """One kind."""

    def __init__(self, api: Api, kind: Kind, store: Store, monotonic: Callable[[], float]) -> None:
        self._api, self._store, self._monotonic = api, store, monotonic
        self.kind = kind
        self._version = ""
        self._heard_at = float("-inf")
        self._ended_at: float | None = None
        self._problem = "it was not read yet"
        self._failures = 0

    def age_seconds(self) -> float:
        """Since something was heard; infinite before the first list."""
        return self._monotonic() - self._heard_at

    def why_blind(self) -> str:
        """Why the store may lack what is there; empty when it does not."""
        if self._ended_at is not None and self._monotonic() - self._ended_at > BROKEN_SECONDS:
            return f"the watch of {self.kind} is broken: {self._problem}"
        if (age := self.age_seconds()) > FRESH_SECONDS:
            return f"the news of {self.kind} is {age:.0f} s old" if age != float("inf") else f"{self.kind}: {self._problem}"
        return ""

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._follow()
                self._end("it ended")
                await asyncio.sleep(PAUSES[0])
            except GoneError:
                self._version = ""
                self._end("it is read again")
                await asyncio.sleep(PAUSES[0])
            except ApiError as error:
                if isinstance(error, NotFoundError | ConflictError):
                    self._version = ""
                if self._problem != str(error):
                    logger.warning("the watch of %s broke: %s", self.kind, error)
                self._end(str(error))
                pause = PAUSES[min(self._failures, len(PAUSES) - 1)]
                self._failures += 1
                await asyncio.sleep(pause)

    def _end(self, problem: str) -> None:
        self._problem = problem
        self._ended_at = self._monotonic() if self._ended_at is None else self._ended_at

    def _hear(self) -> None:
        self._heard_at, self._ended_at, self._failures = self._monotonic(), None, 0

    async def _list(self) -> None:
        keys: set[Key] = set()
        more, version = "", ""
        while True:
            page = {"continue": more} if more else {}
            answer = await self._api.get(self.kind.path(), limit=str(PAGE), **self.kind.selector, **page)
            for item in answer.get("items") or ():
                keys.add((item["metadata"]["namespace"], item["metadata"]["name"]))
                self._put(item)
            version, more = answer["metadata"]["resourceVersion"], answer["metadata"].get("continue", "")
            if not more:
                break
        self._store.keep_only(self.kind, keys)
        self._version = version
        self._hear()

    async def _follow(self) -> None:
        asked = {"resourceVersion": self._version, "allowWatchBookmarks": "true", "timeoutSeconds": str(WATCH_SECONDS)}
        events = self._api.watch(self.kind.path(), **asked, **self.kind.selector)
        async with contextlib.aclosing(events):
            async for event in events:
                if event["type"] == OPENED:
                    self._hear()
                    continue
                item = event["object"]
                if event["type"] == "ERROR":
                    raise error_of(item.get("code", 500), item.get("message", "the watch ended"))
                self._hear()
                metadata = item["metadata"]
                self._version = metadata["resourceVersion"]
                if event["type"] == "DELETED":
                    self._store.drop(self.kind, (metadata["namespace"], metadata["name"]))
                elif event["type"] != "BOOKMARK":
                    self._put(item)

    def _put(self, item: Json) -> None:
        try:
            self._store.put(self.kind, item)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            # What nobody can read is as good as gone, and the others are not to wait for it.
            metadata = item["metadata"]
            logger.warning("%s %s/%s cannot be read: %r", self.kind, metadata["namespace"], metadata["name"], error)
            self._store.drop(self.kind, (metadata["namespace"], metadata["name"]))
