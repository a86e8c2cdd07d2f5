"""Every image the platform itself runs, by exact tag, in one place.

The registry is the platform's own mirror: the embedded region builds images of these names, a production registry
copies them from upstream. They are pinned by tag and not by digest, because a digest exists only once the mirror has
been filled; the mirror must refuse to overwrite a tag. Tenants' own images carry digests (`PinnedImage`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import cast

from tidegate.facts.models.served_model import Runtime
from tidegate.manifests.tree import RenderedObject
from tidegate.manifests.yaml_text import Manifest

REGISTRY = "registry.example.com/tidegate"

PAUSE = f"{REGISTRY}/pause:3.10"
"""Does nothing; keeps a pod alive. 3.10 is the line that Kubernetes 1.35 is tested with."""

DENSE_POOL = f"{REGISTRY}/dense-pool:1.7.1"
"""MLServer with a router in front: the pods of a dense pool."""

RUNTIMES = {
    # What KServe 0.20.0 ships its runtimes with; its Hugging Face server is released under its own number.
    Runtime.MLSERVER_SKLEARN: f"{REGISTRY}/mlserver:1.7.1",
    Runtime.MLSERVER_LIGHTGBM: f"{REGISTRY}/mlserver:1.7.1",
    Runtime.MLSERVER_XGBOOST: f"{REGISTRY}/mlserver:1.7.1",
    Runtime.HUGGINGFACE: f"{REGISTRY}/huggingfaceserver:0.20.0-gpu",
    # KServe names 23.05, which predates the driver of current GPU images.
    Runtime.TRITON: f"{REGISTRY}/tritonserver:25.06-py3",
    # TorchServe's last release; the project is archived, so it will stay.
    Runtime.TORCHSERVE: f"{REGISTRY}/torchserve-kfs:0.12.0",
    Runtime.VLLM: f"{REGISTRY}/vllm-openai:0.10.2",
    Runtime.NGRAM: f"{REGISTRY}/ngram-server:1.0.0",
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
