"""Starts an MLServer of a dense pool: `python3 -m clusters.workloads.dense_pool.model_server FOLDER`, where FOLDER holds the verified catalogue.

It answers for every model of the catalogue and keeps in memory what was used last, within a budget. MLServer's repository API
works as ever, with the catalogue for a repository. Told by variables; one model is loaded at the start, the others when asked for.
Objects lie in FOLDER too, or are fetched from where a variable says. Who names another catalogue than ours is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import mlserver.server
from mlserver.cli.serve import load_settings
from mlserver.errors import MLServerError
from mlserver.handlers import DataPlane, ModelRepositoryHandlers
from mlserver.model import MLModel
from mlserver.rest import RESTServer
from mlserver.server import MLServer
from mlserver.types import RepositoryIndexRequest, RepositoryIndexResponse, RepositoryIndexResponseItem, State
from mlserver.utils import install_uvloop_event_loop
from uvicorn import Config

from clusters.workloads.dense_pool import catalogue
from clusters.workloads.dense_pool.artefacts import Artefacts, BroughtArtefacts, DiskCache
from clusters.workloads.dense_pool.residents import PoolRegistry
from clusters.workloads.dense_pool.router import HEADER_CATALOGUE
from clusters.workloads.mlserver import server  # connections that outlive those who keep them

BUDGET, CACHE, CACHE_BYTES, OBJECTS = "POOL_BUDGET_BYTES", "POOL_CACHE", "POOL_CACHE_BYTES", "POOL_OBJECTS_URL"
"""Memory for models; and, where objects do not lie in the folder: a folder for them, how much may be in it, and where the registry has
them."""


class _DataPlane(DataPlane):
    """Answers with models that cannot leave meanwhile."""

    _model_registry: PoolRegistry

    async def ready(self) -> bool:
        """The catalogue was read; a model that loads just now, or cannot, is no reason to send nobody."""
        return True

    @contextlib.asynccontextmanager
    async def _infer_contextmanager(self, name: str, version: str | None = None) -> AsyncIterator[MLModel]:
        async with self._model_registry.held(name), super()._infer_contextmanager(name, version) as model:
            yield model


class _Repository(ModelRepositoryHandlers):
    """MLServer's repository API on the catalogue."""

    _model_registry: PoolRegistry

    async def index(self, payload: RepositoryIndexRequest) -> RepositoryIndexResponse:
        """Every model, or with `ready` those in memory."""
        registry, items = self._model_registry, list[RepositoryIndexResponseItem]()
        resident = {name for name in registry.residency.names if registry.is_resident(name)}
        for name in registry.catalogue.models:
            if name in resident or not payload.ready:
                state = State.READY if name in resident else State.UNAVAILABLE
                items.append(RepositoryIndexResponseItem(name=name, version=registry.catalogue.version, state=state, reason=""))
        return RepositoryIndexResponse(root=items)

    async def load(self, name: str) -> bool:
        """Makes the model resident."""
        await self._model_registry.make_resident(name)
        return True

    async def unload(self, name: str) -> bool:
        """Takes the model out of memory."""
        await self._model_registry.evict(name)
        return True


class _RestServer(RESTServer):
    """Refuses who speaks of another catalogue: in a rollout, pods of two versions find each other."""

    catalogue_sha256: bytes

    def _get_config(self) -> Config:
        config = super()._get_config()
        app, header = config.app, HEADER_CATALOGUE.encode()

        async def guarded(scope: dict[str, object], receive: object, send: object) -> None:
            told = {value for name, value in scope.get("headers", ()) if name == header}
            if told <= {self.catalogue_sha256}:
                await app(scope, receive, send)
                return
            await send({"type": "http.response.start", "status": HTTPStatus.SERVICE_UNAVAILABLE, "headers": []})
            await send({"type": "http.response.body", "body": b"this pod has another catalogue"})

        config.app = guarded
        return config


class _PoolServer(MLServer):
    """MLServer around a `PoolRegistry`; without gRPC, which the pool's router does not speak."""

    def _create_model_registry(self) -> PoolRegistry:
        folder = Path(self._settings.model_repository_root)
        listed = catalogue.read(folder)
        if url := os.environ.get(OBJECTS):
            artefacts = Artefacts(DiskCache(Path(os.environ[CACHE]), int(os.environ[CACHE_BYTES])), url)
        else:
            artefacts = BroughtArtefacts(folder / catalogue.OBJECTS)
        return PoolRegistry(listed, int(os.environ[BUDGET]), artefacts, on_model_load=[], on_model_reload=[], on_model_unload=[])

    def _create_servers(self) -> None:
        self._rest_server = _RestServer(self._settings, self._data_plane, self._model_repository_handlers)
        self._rest_server.catalogue_sha256 = self._model_registry.catalogue.sha256.encode()
        self._grpc_server = self._kafka_server = None

    async def start(self, models_settings: object = ()) -> None:  # noqa: ARG002 - MLServer's own signature
        """Serves until it is asked to end."""
        # Brings scikit-learn and its like into memory, which takes seconds, before anybody waits. Without a registry it has to be later.
        with contextlib.suppress(MLServerError):
            await self._model_registry.make_resident(next(iter(self._model_registry.catalogue.models)))
        servers = [self._rest_server.start()]
        if self._metrics_server:
            servers.append(self._metrics_server.start())
        try:
            await asyncio.gather(*servers)
        finally:
            await self._model_registry.artefacts.close()


# MLServer makes its own of these before it asks anybody.
mlserver.server.DataPlane, mlserver.server.ModelRepositoryHandlers = _DataPlane, _Repository


async def main(folder: str) -> None:
    """Serves `folder`'s catalogue."""
    settings, _ = await load_settings(folder)
    settings.load_models_at_startup = False
    settings.parallel_workers = 0
    await _PoolServer(settings).start()


if __name__ == "__main__":
    assert server.KEEP_ALIVE_SECONDS
    install_uvloop_event_loop()
    asyncio.run(main(sys.argv[1]))
