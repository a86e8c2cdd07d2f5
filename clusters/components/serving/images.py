"""Every image the platform itself runs, by exact tag, in one place.

The registry is the platform's own mirror: the embedded region builds images of these names, a production registry
copies them from upstream. They are pinned by tag and not by digest, because a digest exists only once the mirror has
been filled; the mirror must refuse to overwrite a tag. Those with code of ours are published, and get the digest that the
signed list names (`tidegate/facts/models/images.py`). Tenants' own images carry digests (`PinnedImage`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

from clusters.releases import RELEASES
from tidegate.facts.inventory.serving_pins import load_pins
from tidegate.facts.models.served_model import Runtime
from tidegate.facts.names import PLATFORM_IMAGES
from tidegate.manifests.tree import RenderedObject
from tidegate.manifests.yaml_text import Manifest

PAUSE = f"{PLATFORM_IMAGES}/pause:{RELEASES.release('pause')}"
"""Does nothing; keeps a pod alive."""

DENSE_POOL = f"{PLATFORM_IMAGES}/dense-pool:{RELEASES.release('mlserver')}"
"""MLServer with a router in front: the pods of a dense pool."""

RUNTIMES = {
    Runtime.MLSERVER_SKLEARN: f"{PLATFORM_IMAGES}/mlserver:{RELEASES.release('mlserver')}",
    Runtime.MLSERVER_LIGHTGBM: f"{PLATFORM_IMAGES}/mlserver:{RELEASES.release('mlserver')}",
    Runtime.MLSERVER_XGBOOST: f"{PLATFORM_IMAGES}/mlserver:{RELEASES.release('mlserver')}",
    Runtime.HUGGINGFACE: f"{PLATFORM_IMAGES}/huggingfaceserver:{RELEASES.release('huggingfaceserver')}-gpu",
    Runtime.TRITON: f"{PLATFORM_IMAGES}/tritonserver:{RELEASES.release('tritonserver')}",
    Runtime.TORCHSERVE: f"{PLATFORM_IMAGES}/torchserve-kfs:{RELEASES.release('torchserve')}",
    Runtime.VLLM: f"{PLATFORM_IMAGES}/vllm-openai:{RELEASES.release('vllm')}",
    Runtime.NGRAM: f"{PLATFORM_IMAGES}/ngram-server:{RELEASES.release('ngram-server')}",
}
"""The image of each model server."""

SERVING_PINS = load_pins(Path(__file__).resolve().parents[3])
"""The Python packages of MLServer's images, by name. Both are built from the lock and never mirrored, as they run code of ours."""


def pinned(objects: Iterable[RenderedObject], digests: Mapping[str, str]) -> Iterator[RenderedObject]:
    """The objects with every image that `digests` knows (by `repository:tag`) named by its digest."""
    for rendered in objects:
        yield replace(rendered, manifest=cast("Manifest", _pinned(rendered.manifest, digests))) if digests else rendered


def _pinned(value: object, digests: Mapping[str, str]) -> object:
    if isinstance(value, str):
        tagged = value.partition("@")[0]
        return f"{tagged}@{digests[tagged]}" if tagged in digests else value
    if isinstance(value, list):
        return [_pinned(one, digests) for one in cast("list[object]", value)]
    if isinstance(value, dict):
        return {key: _pinned(one, digests) for key, one in cast("dict[str, object]", value).items()}
    return value
