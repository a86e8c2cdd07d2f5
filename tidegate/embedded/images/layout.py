"""Images as OCI writes them down: a configuration, a manifest and a folder that holds both with the layers.

https://github.com/opencontainers/image-spec/blob/v1.0.2/spec.md
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.embedded.images.store import Blob, Store, is_whole

_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where an image's programs are found unless it says otherwise."""


@dataclass(frozen=True, slots=True)
class Running:
    """How an image is started."""

    entrypoint: Sequence[str]
    arguments: Sequence[str]
    environment: Mapping[str, str]
    user: int
    folder: str


def write_manifest(store: Store, layers: Sequence[Blob], running: Running) -> Blob:
    """Puts an image of `layers` (the lowest first) into `store`; the manifest's digest is the image's."""
    environment = {"PATH": PATH, **running.environment}
    configuration = store.add_bytes(
        _json({
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Entrypoint": list(running.entrypoint),
                **({"Cmd": list(running.arguments)} if running.arguments else {}),
                "Env": [f"{name}={value}" for name, value in sorted(environment.items())],
                "User": f"{running.user}:{running.user}",
                "WorkingDir": running.folder,
            },
            # A layer that is not compressed has one digest in both places.
            "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
        })
    )  # fmt: skip
    return store.add_bytes(
        _json(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": _descriptor(_CONFIG, configuration),
                "layers": [_descriptor(_LAYER, layer) for layer in layers],
            }
        )
    )


def blobs_of(store: Store, manifest: Blob) -> list[Blob]:
    """The manifest, its configuration and its layers."""
    document = json.loads(store.path(manifest).read_bytes())
    return [manifest, *(Blob(found["digest"], found["size"]) for found in (document["config"], *document["layers"]))]


def write_layout(store: Store, manifest: Blob, reference: str, folder: Path) -> None:
    """Makes `folder` an OCI layout of one image called `reference` (name:tag). Layers are linked, not copied.

    It appears whole or not at all; one that was damaged since is replaced.
    """
    held = blobs_of(store, manifest)
    if folder.is_dir():
        if all(is_whole(folder / "blobs" / "sha256" / store.path(blob).name, blob) for blob in held):
            return
        shutil.rmtree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unfinished-"))
    try:
        unfinished.chmod(0o755)
        blobs = unfinished / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        for blob in held:
            if not (blobs / store.path(blob).name).exists():
                os.link(store.path(blob), blobs / store.path(blob).name)
        names = {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference.rsplit(":", 1)[1]}
        index = {"schemaVersion": 2, "manifests": [{**_descriptor(_MANIFEST, manifest), "annotations": names}]}
        (unfinished / "index.json").write_bytes(_json(index))
        (unfinished / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
        unfinished.rename(folder)
    except OSError:
        shutil.rmtree(unfinished, ignore_errors=True)
        if not folder.is_dir():  # otherwise somebody else was faster
            raise


def _descriptor(media_type: str, blob: Blob) -> dict[str, object]:
    return {"mediaType": media_type, "digest": blob.digest, "size": blob.size}


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
