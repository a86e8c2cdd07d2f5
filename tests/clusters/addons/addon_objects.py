"""What looks like a region's images, and ways into rendered objects that several tests take."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.root import ROOT
from tidegate.checkout import Checkout
from tidegate.embedded.images import read_images

BUILDS = ROOT / "clusters" / "embedded" / "builds"

TAGS = {name: image.tag for name, image in read_images(Checkout(ROOT)).images.items()}
"""The tags that the region's images are built with."""


def digest_of(image: str) -> str:
    return hashlib.sha256(image.encode()).hexdigest()


IMAGES = {name: f"registry.example.com/tidegate/{name}:{tag}@sha256:{digest_of(name)}" for name, tag in TAGS.items()}
CA_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n"


def walk(value: object) -> Iterator[object]:
    """Every value inside, leaves and branches."""
    yield value
    if isinstance(value, dict):
        for inner in value.values():  # pyright: ignore[reportUnknownVariableType] - anything may be inside
            yield from walk(inner)  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, list):
        for inner in value:  # pyright: ignore[reportUnknownVariableType]
            yield from walk(inner)  # pyright: ignore[reportUnknownArgumentType]


def pick(manifests: Sequence[Mapping[str, Any]], kind: str, name: str) -> Any:
    """The one object of that kind and name."""
    [found] = [manifest for manifest in manifests if (manifest["kind"], manifest["metadata"]["name"]) == (kind, name)]
    return found


def images_of(manifest: Mapping[str, Any]) -> set[str]:
    """Every image that the object makes somebody run: in pods, and in the settings of what makes pods."""
    if manifest["kind"] == "CustomResourceDefinition":
        return set()
    described: list[object] = [manifest]
    if manifest["kind"] == "ConfigMap":
        data: dict[str, str] = manifest.get("data") or {}
        if "queue-sidecar-image" in data:
            return {data["queue-sidecar-image"]}
        # Settings in JSON; what is no JSON, such as the injector's templates, takes its images from settings that are.
        described = [json.loads(text) for text in data.values() if text.startswith("{")]
    keys = {"image", "defaultJobImage"}
    found = {str(inner[key]) for each in described for inner in walk(each) if isinstance(inner, dict) for key in keys if key in inner}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    # An explainer's settings and the like hold mappings under `image`; the short names of Istio's own parts are no images.
    return {image for image in found if "/" in image}
