"""PodDisruptionBudgets: draining nodes takes one replica of a part at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from clusters.objects.wire_form import to_wire
from tidegate.facts import names
from tidegate.facts.tenant import Tenant
from tidegate.manifests.yaml_text import Manifest

if TYPE_CHECKING:
    from pulumi_kubernetes.policy.v1 import PodDisruptionBudgetArgsDict


def guard_rails(tenant: Tenant) -> Iterator[Manifest]:
    """One budget per part with a floor of two or more; a single replica's budget would block every drain for ever."""
    for name, model in tenant.models.items():
        floors = {"predictor": model.scaling.min_replicas}
        if model.transformer:
            floors["transformer"] = model.transformer.min_replicas
        if model.explainer:
            floors["explainer"] = model.explainer.min_replicas
        for part, floor in floors.items():
            if floor >= 2:
                yield to_wire(_budget(tenant, name, part))


def _budget(tenant: Tenant, model: str, part: str) -> PodDisruptionBudgetArgsDict:
    """`maxUnavailable`, not `minAvailable`: during a canary the pods of two revisions are counted together."""
    return {
        "api_version": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {
            "name": names.inference_part(model, part),
            "namespace": tenant.namespace_name,
            "labels": {**names.tenant_labels(tenant.name, tenant.tier), names.LABEL_SERVED_MODEL: model},
        },
        "spec": {
            "max_unavailable": 1,
            "selector": {"match_labels": {names.KSERVE_LABEL_MODEL: model, names.KSERVE_LABEL_PART: part}},
        },
    }
