"""Every image the platform itself runs, by exact tag, in one place.

The registry is the platform's own mirror: the embedded region builds images of these names, a production registry
copies them from upstream. They are pinned by tag and not by digest, because a digest exists only once the mirror has
been filled; the mirror must refuse to overwrite a tag. Tenants' own images carry digests (`PinnedImage`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import cast

from clusters.releases import RELEASES
from tidegate.facts.models.served_model import Runtime
from tidegate.manifests.tree import RenderedObject
from tidegate.manifests.yaml_text import Manifest

REGISTRY = "registry.example.com/tidegate"

PAUSE = f"{REGISTRY}/pause:{RELEASES.release('pause')}"
"""Does nothing; keeps a pod alive."""

DENSE_POOL = f"{REGISTRY}/dense-pool:{RELEASES.release('mlserver')}"
"""MLServer with a router in front: the pods of a dense pool."""

RUNTIMES = {
    Runtime.MLSERVER_SKLEARN: f"{REGISTRY}/mlserver:{RELEASES.release('mlserver')}",
    Runtime.MLSERVER_LIGHTGBM: f"{REGISTRY}/mlserver:{RELEASES.release('mlserver')}",
    Runtime.MLSERVER_XGBOOST: f"{REGISTRY}/mlserver:{RELEASES.release('mlserver')}",
    Runtime.HUGGINGFACE: f"{REGISTRY}/huggingfaceserver:{RELEASES.release('huggingfaceserver')}-gpu",
    Runtime.TRITON: f"{REGISTRY}/tritonserver:{RELEASES.release('tritonserver')}",
    Runtime.TORCHSERVE: f"{REGISTRY}/torchserve-kfs:{RELEASES.release('torchserve')}",
    Runtime.VLLM: f"{REGISTRY}/vllm-openai:{RELEASES.release('vllm')}",
    Runtime.NGRAM: f"{REGISTRY}/ngram-server:{RELEASES.release('ngram-server')}",
}
"""The image of each model server."""


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
