"""Shapes of a tenant that work and that the field has learnt to avoid: they cost pods, cards or the wrong scaling.

Others of the kind have a rule elsewhere: `forbid-zero-on-hot-tiers` in `tidegate.facts.tiers`, `gpu-pool-without-metrics` in
`tidegate.manifests.gpu_metrics`, which needs what is rendered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tidegate.errors import Finding
from tidegate.facts.models.served_model import MLSERVER, Runtime, ServedModel
from tidegate.facts.tenant import Tenant, Tier

LONG_TAIL = 20
"""The most small models of one tenant and runtime that may have pods of their own. A dense pool needs two pods to outlive a node, so
the 21st model is where own pods, each with a server and a sidecar, come to more than ten times a pool's."""

SMALL_CPU, SMALL_MEMORY_GIB = 1, 2
"""A model that asks for no more is small: the server itself takes most of it."""


def anti_pattern_findings(source: str, tenant: Tenant) -> Iterator[Finding]:
    """Every anti-pattern in one tenant's file."""
    yield from _served_twice(source, tenant)
    yield from _long_tail(source, tenant)
    for name, model in tenant.models.items():
        if model.accelerator and model.scaling.mode == "standard":
            yield Finding(
                source, f"models.{name}.scaling.mode", "gpu-scaled-on-cpu", "standard mode scales on CPU, which is idle while a card is full",
                "write knative, which scales on requests in flight", model.scaling.mode,
            )  # fmt: skip


def _served_twice(source: str, tenant: Tenant) -> Iterator[Finding]:
    """Two InferenceServices of the same bytes hold two floors for one model, and a release reaches one of them."""
    holders: dict[str, str] = {}
    for name, model in tenant.models.items():
        keys = (model.artefact.uri, model.artefact.sha256)
        others = [other for other in (holders.setdefault(key, name) for key in keys) if other != name]
        for first in others[:1]:
            yield Finding(
                source, f"models.{name}.artefact.uri", "model-served-twice", f"models.{first} serves the same version",
                "keep one, and raise its max_replicas", model.artefact.uri,
            )  # fmt: skip


def _long_tail(source: str, tenant: Tenant) -> Iterator[Finding]:
    if tenant.tier is Tier.REGULATED:  # such a model shares no server with others
        return
    small: dict[Runtime, list[str]] = defaultdict(list)
    for name, model in tenant.models.items():
        if _is_small(model):
            small[model.runtime].append(name)
    for runtime, found in small.items():
        if len(found) > LONG_TAIL:
            yield Finding(
                source, "models", "long-tail-without-pool", f"{len(found)} small models of {runtime} have pods of their own, at most {LONG_TAIL} may",
                "serve them by one model with a dense_pool", f"{found[0]} to {found[-1]}",
            )  # fmt: skip


def _is_small(model: ServedModel) -> bool:
    fits = model.resources.cpu <= SMALL_CPU and model.resources.memory_gib <= SMALL_MEMORY_GIB
    return fits and model.runtime in MLSERVER and model.accelerator is None and model.dense_pool is None
