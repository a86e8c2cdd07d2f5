"""A model store as TorchServe reads it: one archive, and the settings that load it at start."""

from __future__ import annotations

import json
from pathlib import Path

from clusters.embedded.demo.training.registry_layout import as_json, packed_zip

_HANDLER = Path(__file__).parent / "torchserve_handler.py"
_VERSION = "1.0"
"""Of the archive, for TorchServe. Ours is in the folder's name."""


def torchserve_store(model: str, network: bytes) -> dict[str, bytes]:
    """The files of a store with one model, whose network is in `network.json`."""
    manifest = {
        "runtime": "python",
        "model": {"modelName": model, "serializedFile": "network.json", "handler": _HANDLER.name, "modelVersion": _VERSION},
        "archiverVersion": "0.12.0",
    }
    archive = {"MAR-INF/MANIFEST.json": as_json(manifest), "network.json": network, _HANDLER.name: _HANDLER.read_bytes()}
    loaded = {"defaultVersion": True, "marName": f"{model}.mar", "minWorkers": 1, "maxWorkers": 1, "batchSize": 1, "responseTimeout": 60}
    snapshot = {"name": "startup.cfg", "modelCount": 1, "models": {model: {_VERSION: loaded}}}
    # The ports that KServe's wrapper, which answers callers on 8080, looks for.
    settings = {
        "inference_address": "http://0.0.0.0:8085", "management_address": "http://0.0.0.0:8085", "metrics_address": "http://0.0.0.0:8082",
        "enable_envvars_config": "true", "install_py_dep_per_model": "false", "model_store": "/mnt/models/model-store",
        "model_snapshot": json.dumps(snapshot, sort_keys=True),
    }  # fmt: skip
    return {
        "config/config.properties": "".join(f"{key}={value}\n" for key, value in settings.items()).encode(),
        f"model-store/{model}.mar": packed_zip(archive),
    }
