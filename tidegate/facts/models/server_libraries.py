"""Which libraries each model server loads models with, and in which versions, where that is known.

MLServer's images are built from a lock of this repository, so their versions are in it. The images of servers for GPUs are upstream's:
what is inside is not written down anywhere here, and their models' libraries are not compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidegate.facts.models.served_model import MLSERVER, Runtime, ServedModel

_LIBRARIES = {
    Runtime.MLSERVER_SKLEARN: ("scikit-learn",), Runtime.MLSERVER_LIGHTGBM: ("lightgbm",), Runtime.MLSERVER_XGBOOST: ("xgboost",),
}  # fmt: skip
"""Those that write and read a model's files. What else is installed beside them loads nothing."""

DENSE_POOL = "a dense pool"


@dataclass(frozen=True, slots=True)
class ModelServer:
    """A model server, and the version of each library that it is known to load models with."""

    name: str
    libraries: Mapping[str, str] = field(default_factory=dict[str, str])


def server_of(model: ServedModel, pins: Mapping[str, str]) -> ModelServer:
    """What loads a served model; `pins` are the packages of MLServer's images."""
    return server_of_runtime(model.runtime, pins, dense_pool=model.dense_pool is not None)


def server_of_runtime(runtime: Runtime, pins: Mapping[str, str], *, dense_pool: bool = False) -> ModelServer:
    """As `server_of`, for a runtime; a dense pool loads what any of MLServer's runtimes loads."""
    if dense_pool:
        named = [library for one in sorted(MLSERVER) for library in _LIBRARIES[one]]
        return ModelServer(DENSE_POOL, {library: pins[library] for library in named if library in pins})
    return ModelServer(str(runtime), {library: pins[library] for library in _LIBRARIES.get(runtime, ()) if library in pins})
