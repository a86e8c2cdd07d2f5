"""What is in an image (CycloneDX), as an artefact of the registry that refers to the image."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tidegate.embedded.images import layout
from tidegate.embedded.images.store import Blob, Store
from tidegate.embedded.publishing.registry import RegistryError

MEDIA_TYPE = "application/vnd.cyclonedx+json"
_EMPTY = "application/vnd.oci.empty.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def image_tag(release: str, digest: str) -> str:
    """The tag under which an image is published, such as `1.7.1-0f325dd87785`: other bytes have another one."""
    return f"{release}-{digest.removeprefix('sha256:')[:12]}"


def bill_tag(release: str, digest: str, sbom_sha256: str) -> str:
    """The tag of what says what is in that image."""
    return f"{image_tag(release, digest)}-sbom-{sbom_sha256[:12]}"


def write_artefact(bill: bytes, image: Blob, folder: Path) -> tuple[Path, str]:
    """An OCI layout with `bill` below the empty `folder`, and its digest. It names the manifest of the image as its subject."""
    store = Store(folder / "store")
    layer, empty = store.add_bytes(bill), store.add_bytes(b"{}")
    document = {
        "schemaVersion": 2, "mediaType": _MANIFEST, "artifactType": MEDIA_TYPE, "config": _described(_EMPTY, empty),
        "layers": [_described(MEDIA_TYPE, layer)], "subject": _described(_MANIFEST, image),
    }  # fmt: skip
    manifest = store.add_bytes(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())
    layout.write_layout(store, manifest, "bill:1", folder / "layout")
    return folder / "layout", manifest.digest


def check_bill(bill: bytes, repository: str, digest: str) -> str:
    """The SHA-256 of `bill`; raises `RegistryError` unless it is CycloneDX about that very image."""
    try:
        about = json.loads(bill)["metadata"]["component"]
        named = (about["name"], about["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise RegistryError(f"the bill of materials of {repository}@{digest} is no CycloneDX about an image; publish it again") from error
    if named != (repository, digest):
        raise RegistryError(f"the bill of materials of {repository}@{digest} is about {named[0]}@{named[1]}; publish it again")
    return hashlib.sha256(bill).hexdigest()


def _described(media_type: str, blob: Blob) -> dict[str, object]:
    return {"mediaType": media_type, "digest": blob.digest, "size": blob.size}
