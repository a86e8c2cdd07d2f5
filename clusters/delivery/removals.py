"""Tenants and models that would vanish or move: what a rendering would forget is compared with what the one before it left."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from tidegate.errors import Finding
from tidegate.facts import names
from tidegate.facts.platform import Platform, tenant_source
from tidegate.facts.tenant import Tenant
from tidegate.facts.tombstone import tombstone_source
from tidegate.manifests.layout import delivery_folder, tenant_folder
from tidegate.manifests.yaml_text import parse

RULE = "tenant-removed-without-tombstone"
MODEL_RULE = "model-removed-without-tombstone"
MOVE_RULE = "tenant-namespace-moved"

_MODEL_FILE = "inferenceservice-"
_PREFIX = f"application-{names.tenant_application('')}"


def without_tombstone(platform: Platform, out: Path) -> list[Finding]:
    """A finding for each tenant or model that lives in the tree at `out` and has neither facts nor a tombstone for that cluster.

    The Applications of such a tenant would vanish and leave everything they applied where it is, with nobody to look after it. Such a
    model would run on, because Argo CD deletes no model without a tombstone. The same of the models of a tenant whose namespace is another.
    """
    living: dict[str, list[str]] = {}
    models: dict[tuple[str, str], list[str]] = {}
    moved: dict[tuple[str, str], list[str]] = {}
    for cluster in sorted(platform.clusters):
        here = {tenant.name: tenant for tenant in platform.tenants_of(cluster)}
        buried = {tombstone.name for tombstone in platform.tombstones_of(cluster)}
        lived = dict(_living(out / delivery_folder(cluster)))
        for tenant in lived.keys() - here.keys() - buried:
            living.setdefault(tenant, []).append(cluster)
        for tenant, facts in here.items():
            before = lived.get(tenant)
            if before and before != facts.namespace_name:
                moved.setdefault((tenant, before), []).append(cluster)
            left = {path.stem.removeprefix(_MODEL_FILE) for path in (out / tenant_folder(cluster, tenant)).glob(f"{_MODEL_FILE}*.yaml")}
            for model in left - facts.models.keys() - set(platform.removed_models(tenant, cluster)):
                models.setdefault((tenant, model), []).append(cluster)
    return [
        *(_finding(platform, tenant, ", ".join(clusters)) for tenant, clusters in sorted(living.items())),
        *(_model_finding(tenant, model, ", ".join(clusters)) for (tenant, model), clusters in sorted(models.items())),
        *(_move(platform.tenants[tenant], before, ", ".join(clusters)) for (tenant, before), clusters in sorted(moved.items())),
    ]


def _model_finding(tenant: str, model: str, clusters: str) -> Finding:
    problem = f"it would vanish from Git for {clusters}, and run on: no model is deleted without a tombstone"
    remedy = f"put it back and run `tidegate model remove {tenant}/{model}`, or list it in models of {tombstone_source(tenant)}"
    return Finding(tenant_source(tenant), f"models.{model}", MODEL_RULE, problem, remedy)


def _move(tenant: Tenant, before: str, clusters: str) -> Finding:
    problem = f"the tenant lives in {before} in {clusters}, and its models there would run on with nobody to look after them"
    remedy = f"set {before}, or remove the tenant (`tidegate tenant remove {tenant.name}`) and add it under another name"
    return Finding(tenant_source(tenant.name), "namespace", MOVE_RULE, problem, remedy, tenant.namespace_name)


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


def _living(folder: Path) -> Iterator[tuple[str, str | None]]:
    """The tenants whose Application in `folder` is not one that deletes them, and where it applies their models."""
    for path in folder.glob(f"{_PREFIX}*.yaml"):
        application: object = None
        with contextlib.suppress(ValueError):
            application = parse(path.read_text(encoding="utf-8"))
        if names.ANNOTATION_DELETION_APPROVED not in _part(application, "metadata", "annotations"):
            yield path.stem.removeprefix(_PREFIX), _part(application, "spec", "destination").get("namespace")


def _part(application: object, *keys: str) -> dict[str, str]:
    """A part of it; empty when it is not what we wrote: whoever changed it has removed and moved nobody."""
    try:
        for key in keys:
            application = cast("dict[str, object]", application)[key]
        return dict(cast("dict[str, str]", application))
    except (ValueError, KeyError, TypeError):
        return {}
