"""A model's bytes: from this pod's disk, else from the registry, and never other bytes than the catalogue names."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
from pathlib import Path

import aiohttp

from .catalogue import PoolModel
from .residency import NoRoomError, Residency

logger = logging.getLogger("mlserver")

FETCH_TIMEOUT_SECONDS = 5.0
"""Objects are small; whoever waits longer is better served by another pod."""

UNFINISHED = "unfinished-"


class RefusedError(Exception):
    """The registry has other bytes under this model's digest than the catalogue names, or none."""


class UnavailableError(Exception):
    """The registry does not answer, and the bytes are not on this disk."""


class DiskCache:
    """Objects by digest in a folder, the least recently used deleted above `limit_bytes`. Blocking.

    A disk that is full or broken only makes the cache smaller: what cannot be written is not kept.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._kept = Residency(limit_bytes)
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime):
            if path.name.startswith(UNFINISHED):
                path.unlink(missing_ok=True)
                continue
            try:
                self._forget(self._kept.admit(path.name, path.stat().st_size))
            except (NoRoomError, ValueError):  # the limit was lowered, or the file is empty
                path.unlink(missing_ok=True)

    def get(self, entry: PoolModel) -> bytes | None:
        """The bytes of `entry`, None when they are not here; damaged ones are deleted."""
        path = self._folder / entry.sha256
        try:
            content = path.read_bytes()
        except OSError:
            return None
        if is_it(content, entry):
            self._kept.touch(entry.sha256)
            return content
        logger.warning("%s: damaged on this disk, fetched again", entry.name)
        self._forget((entry.sha256,))
        self._kept.remove(entry.sha256)
        return None

    def put(self, entry: PoolModel, content: bytes) -> None:
        """Keeps `content` if there is room. A killed write leaves a file that is never taken for an object."""
        unfinished = self._folder / f"{UNFINISHED}{entry.sha256}"
        try:
            if not self._kept.touch(entry.sha256):
                self._forget(self._kept.admit(entry.sha256, len(content)))
            unfinished.write_bytes(content)
            unfinished.replace(self._folder / entry.sha256)
        except (OSError, NoRoomError) as error:
            logger.warning("%s: not kept on disk: %s", entry.name, error)
            self._kept.remove(entry.sha256)
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)

    def _forget(self, digests: tuple[str, ...]) -> None:
        for digest in digests:
            with contextlib.suppress(OSError):
                os.unlink(self._folder / digest)  # noqa: PTH108 - one call, no object


class Artefacts:
    """Where models' bytes come from. `objects_url` plus `/<sha256>` is an object of the registry."""

    def __init__(self, cache: DiskCache, objects_url: str, fetches_at_once: int = 8) -> None:
        self._cache = cache
        self._objects_url = objects_url.rstrip("/")
        self._turns = asyncio.Semaphore(fetches_at_once)
        self._session: aiohttp.ClientSession | None = None
        self._disk = asyncio.Lock()

    async def content(self, entry: PoolModel) -> bytes:
        """The bytes of `entry`. Raises `RefusedError` or `UnavailableError`."""
        async with self._disk:
            kept = await asyncio.to_thread(self._cache.get, entry)
        if kept is not None:
            return kept
        async with self._turns:
            fetched = await self._fetched(entry)
        if not is_it(fetched, entry):
            raise RefusedError(f"{entry.name}: the registry's bytes are not those of the catalogue ({entry.sha256})")
        async with self._disk:
            await asyncio.to_thread(self._cache.put, entry, fetched)
        return fetched

    async def _fetched(self, entry: PoolModel) -> bytes:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=FETCH_TIMEOUT_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=False)
        try:
            async with self._session.get(f"{self._objects_url}/{entry.sha256}") as answer:
                if answer.status == 404:
                    raise RefusedError(f"{entry.name}: the registry has no object {entry.sha256}")
                if answer.status != 200:
                    raise UnavailableError(f"{entry.name}: the registry answered {answer.status}")
                # One byte more than there should be shows that there is more; all of it might not fit into memory.
                return await _at_most(answer.content, entry.size_bytes + 1)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnavailableError(f"{entry.name}: the registry does not answer: {type(error).__name__}") from error

    async def close(self) -> None:
        """Ends its connections."""
        if self._session:
            await self._session.close()


class BroughtArtefacts:
    """Objects that were brought with the catalogue, in a folder: nothing is fetched, and what is asked for again is the page cache's matter."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def content(self, entry: PoolModel) -> bytes:
        """The bytes of `entry`. Raises `RefusedError` or `UnavailableError`."""
        try:
            content = await asyncio.to_thread((self._folder / entry.sha256).read_bytes)
        except FileNotFoundError as error:
            raise RefusedError(f"{entry.name}: the artefact has no object {entry.sha256}") from error
        except OSError as error:
            raise UnavailableError(f"{entry.name}: cannot be read: {error}") from error
        if not is_it(content, entry):
            raise RefusedError(f"{entry.name}: the artefact's bytes are not those of the catalogue ({entry.sha256})")
        return content

    async def close(self) -> None:
        """Has nothing open."""


def is_it(content: bytes, entry: PoolModel) -> bool:
    """Whether `content` is what the catalogue names."""
    return len(content) == entry.size_bytes and hashlib.sha256(content).hexdigest() == entry.sha256


async def _at_most(stream: aiohttp.StreamReader, size_bytes: int) -> bytes:
    content = bytearray()
    while len(content) < size_bytes and (block := await stream.read(size_bytes - len(content))):
        content += block
    return bytes(content)
