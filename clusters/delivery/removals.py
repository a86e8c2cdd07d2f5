"""Tenants and models that would vanish: what a rendering would forget is compared with what the one before it left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from tidegate.errors import Finding
from tidegate.facts import names
from tidegate.facts.platform import Platform, tenant_source
from tidegate.facts.tombstone import tombstone_source
from tidegate.manifests.layout import delivery_folder, tenant_folder
from tidegate.manifests.yaml_text import parse

RULE = "tenant-removed-without-tombstone"
MODEL_RULE = "model-removed-without-tombstone"

_MODEL_FILE = "inferenceservice-"


def without_tombstone(platform: Platform, out: Path) -> list[Finding]:
    """A finding for each tenant or model that lives in the tree at `out` and has neither facts nor a tombstone for that cluster.

    The Applications of such a tenant would vanish and leave everything they applied where it is, with nobody to look after it. Such a
    model would run on, because Argo CD deletes no model without a tombstone.
    """
    living: dict[str, list[str]] = {}
    models: dict[tuple[str, str], list[str]] = {}
    for cluster in sorted(platform.clusters):
        here = {tenant.name: tenant for tenant in platform.tenants_of(cluster)}
        buried = {tombstone.name for tombstone in platform.tombstones_of(cluster)}
        for tenant in set(_living(out / delivery_folder(cluster))) - here.keys() - buried:
            living.setdefault(tenant, []).append(cluster)
        for tenant, facts in here.items():
            left = {path.stem.removeprefix(_MODEL_FILE) for path in (out / tenant_folder(cluster, tenant)).glob(f"{_MODEL_FILE}*.yaml")}
            for model in left - facts.models.keys() - set(platform.removed_models(tenant, cluster)):
                models.setdefault((tenant, model), []).append(cluster)
    return [
        *(_finding(platform, tenant, ", ".join(clusters)) for tenant, clusters in sorted(living.items())),
        *(_model_finding(tenant, model, ", ".join(clusters)) for (tenant, model), clusters in sorted(models.items())),
    ]


def _model_finding(tenant: str, model: str, clusters: str) -> Finding:
    problem = f"it would vanish from Git for {clusters}, and run on: no model is deleted without a tombstone"
    remedy = f"put it back and run `tidegate model remove {tenant}/{model}`, or list it in models of {tombstone_source(tenant)}"
    return Finding(tenant_source(tenant), f"models.{model}", MODEL_RULE, problem, remedy)


def _finding(platform: Platform, tenant: str, clusters: str) -> Finding:
    problem = f"it would vanish from {clusters}, where nothing would then delete what it runs"
    tombstone = platform.tombstones.get(tenant)
    if tombstone and not tombstone.models:
        listed = ", ".join(tombstone.clusters)
        return Finding(tombstone_source(tenant), "clusters", RULE, problem, f"add {clusters}", listed)
    if tenant in platform.tenants:
        remedy = f"add {clusters}, or write {tombstone_source(tenant)} with clusters: [{clusters}]"
        return Finding(tenant_source(tenant), "clusters", RULE, problem, remedy, ", ".join(platform.tenants[tenant].clusters))
    remedy = f"put the file back and run `tidegate tenant remove {tenant}`, or write {tombstone_source(tenant)}"
    return Finding(tenant_source(tenant), "", RULE, problem, remedy)


def _living(folder: Path) -> Iterator[str]:
    """The tenants whose Application in `folder` is not one that deletes them."""
    prefix = f"application-{names.tenant_application('')}"
    for path in folder.glob(f"{prefix}*.yaml"):
        if not _is_removal(path):
            yield path.stem.removeprefix(prefix)


def _is_removal(path: Path) -> bool:
    try:
        metadata = cast("dict[str, dict[str, str]]", parse(path.read_text(encoding="utf-8")).get("metadata") or {})
        return names.ANNOTATION_DELETION_APPROVED in (metadata.get("annotations") or {})
    except (ValueError, AttributeError):  # not what we wrote: whoever changed it has removed nobody
        return False
