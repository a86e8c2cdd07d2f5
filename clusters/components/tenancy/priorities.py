"""PriorityClasses: who gives way when a pool is full."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from clusters.objects.wire_form import to_wire
from tidegate.facts import names
from tidegate.facts.tenant import Tier
from tidegate.manifests.yaml_text import Manifest

if TYPE_CHECKING:
    from pulumi_kubernetes.scheduling.v1 import PriorityClassArgsDict

COMPONENT = "priorities"

PRIORITIES = {Tier.REGULATED: 100_000, Tier.CRITICAL: 100_000, Tier.STANDARD: 50_000, Tier.BATCH: 1_000}
"""Higher wins; Kubernetes leaves us everything up to 1,000,000,000. The two hot tiers are equal, so that neither evicts the
other. Batch stays above 0, the value of a pod without a class."""

IDLE_PRIORITY = -1_000
"""Below everything: pods that pull images or keep a card warm must never cost another its place."""


def objects() -> Iterator[Manifest]:
    """One class per tier, and one for pods that do no work."""
    for tier, value in PRIORITIES.items():
        gives_way = tier is Tier.BATCH
        description = f"Tenants of tier {tier.value}; {'never preempts' if gives_way else 'preempts lower tiers'}."
        yield to_wire(_priority_class(names.priority_class(tier), value, description, "Never" if gives_way else "PreemptLowerPriority"))
    yield to_wire(_priority_class(names.PRIORITY_IDLE, IDLE_PRIORITY, "Pulls images or keeps GPUs warm; first to go.", "Never"))


def _priority_class(name: str, value: int, description: str, preemption: Literal["Never", "PreemptLowerPriority"]) -> PriorityClassArgsDict:
    return {
        "api_version": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": name, "labels": names.component_labels(COMPONENT)},
        "value": value,
        "preemption_policy": preemption,
        "global_default": False,
        "description": description,
    }
