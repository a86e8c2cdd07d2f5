"""The resident models of one MLServer: loads on demand, unloads what has to leave, one change at a time."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus

from mlserver.errors import MLServerError, ModelNotFound
from mlserver.model import MLModel
from mlserver.registry import MultiModelRegistry
from mlserver.settings import ModelSettings
from prometheus_client import Counter, Gauge

from .artefacts import Artefacts, BroughtArtefacts, RefusedError, UnavailableError
from .catalogue import PoolCatalogue, PoolModel
from .residency import NoRoomError, Residency

logger = logging.getLogger("mlserver")

REFUSAL_SECONDS = 30.0
"""How long a refused model is refused without asking the registry again."""

_loads = Counter("dense_pool_loads", "Models loaded, refused, and not loaded for another reason", ["outcome"])
_evictions = Counter("dense_pool_evictions", "Models that left for others")
_resident = Gauge("dense_pool_resident_models", "Models in memory")
_resident_bytes = Gauge("dense_pool_resident_bytes", "What the resident models are taken to need")


class PoolRegistry(MultiModelRegistry):
    """MLServer's registry, in which every model of the catalogue can be had, though few are in memory."""

    def __init__(self, catalogue: PoolCatalogue, budget_bytes: int, artefacts: Artefacts | BroughtArtefacts, **hooks: object) -> None:
        super().__init__(**hooks)
        self.catalogue = catalogue
        self.artefacts = artefacts
        self.residency = Residency(budget_bytes)
        self._changing = asyncio.Lock()
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._refused: dict[str, tuple[float, str]] = {}

    async def get_model(self, name: str, version: str | None = None) -> MLModel:
        """The model, after loading it if need be. Raises MLServer's errors."""
        while not self._is_resident(name):
            await self._load_once(name)
        return await super().get_model(name, version)

    @asynccontextmanager
    async def held(self, name: str) -> AsyncGenerator[None]:
        """Keeps the model in memory for as long as somebody is in here."""
        while not (self._is_resident(name) and self.residency.pin(name)):
            await self._load_once(name)
        try:
            yield
        finally:
            self.residency.unpin(name)

    async def make_resident(self, name: str) -> None:
        """Loads the model unless it is in memory."""
        if not self._is_resident(name):
            await self._load_once(name)

    async def evict(self, name: str) -> None:
        """Unloads the model if it is in memory; 409 while it answers."""
        self._entry(name)
        async with self._changing:
            try:
                if self.residency.remove(name):
                    await super().unload(name)
            except ValueError as error:
                raise MLServerError(f"{name} answers a request", HTTPStatus.CONFLICT) from error
        self._note_size()

    def is_resident(self, name: str) -> bool:
        """Whether the model is in memory; that somebody asks is no use of it."""
        return name in self.residency.names and name not in self._loading

    def _is_resident(self, name: str) -> bool:
        return name not in self._loading and self.residency.touch(name)

    def _entry(self, name: str) -> PoolModel:
        entry = self.catalogue.models.get(name)
        if entry is None:
            raise ModelNotFound(name)
        return entry

    async def _load_once(self, name: str) -> None:
        entry = self._entry(name)
        until, why = self._refused.get(name, (0.0, ""))
        if time.monotonic() < until:
            raise MLServerError(f"Model refused: {why}", HTTPStatus.BAD_GATEWAY)
        task = self._loading.get(name)
        if task is None:
            task = self._loading[name] = asyncio.create_task(self._load(entry))
        await asyncio.shield(task)  # who asked may go; the others still wait for it

    async def _load(self, entry: PoolModel) -> None:
        try:
            content = await self.artefacts.content(entry)
            async with self._changing:
                await self._replace(entry, content)
        except RefusedError as error:
            self._refused[entry.name] = (time.monotonic() + REFUSAL_SECONDS, str(error))
            _loads.labels("refused").inc()
            logger.error("Model refused: %s", error)  # noqa: TRY400 - the reason is in the text
            raise MLServerError(f"Model refused: {error}", HTTPStatus.BAD_GATEWAY) from error
        except (UnavailableError, NoRoomError) as error:
            _loads.labels("failed").inc()
            raise MLServerError(str(error), HTTPStatus.SERVICE_UNAVAILABLE) from error
        finally:
            # Here and not when the task is seen to be done: who comes in between would wait for it for ever, without a pause.
            del self._loading[entry.name]
        self._refused.pop(entry.name, None)
        _loads.labels("loaded").inc()
        self._note_size()

    async def _replace(self, entry: PoolModel, content: bytes) -> None:
        """Under the lock: what leaves has left before the model comes, so the budget holds at any moment."""
        leaving = self.residency.admit(entry.name, entry.resident_bytes)
        for name in leaving:
            _evictions.inc()
            await super().unload(name)
        # MLServer's runtimes read files. This one exists in memory only: what was verified is what is loaded.
        file = os.memfd_create(entry.sha256)
        try:
            with os.fdopen(os.dup(file), "wb") as writable:
                writable.write(content)
            uri, extra = f"/proc/self/fd/{file}", dict(self.catalogue.extra)
            parameters = {"uri": uri, "version": self.catalogue.version, **({"extra": extra} if extra else {})}
            settings = {"name": entry.name, "implementation": self.catalogue.implementation, "parameters": parameters}
            await super().load(ModelSettings.model_validate(settings))
        except Exception as error:
            self.residency.remove(entry.name)
            self._models.pop(entry.name, None)
            raise RefusedError(f"{entry.name}: cannot be loaded: {type(error).__name__}: {error}") from error
        finally:
            os.close(file)

    def _note_size(self) -> None:
        _resident.set(len(self.residency.names))
        _resident_bytes.set(self.residency.used_bytes)
