"""Tells where each value of a served model comes from: the tenant's file and line, a default, or a rule of the platform."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel
from ruamel.yaml import YAML

from tidegate.checkout import Checkout
from tidegate.errors import UsageError
from tidegate.facts import cloud_names, inventory, names, numerals
from tidegate.facts.cold_start import ColdStart, cold_start
from tidegate.facts.inventory.prices import load_prices
from tidegate.facts.money import NOTHING, model_floor
from tidegate.facts.platform import Platform, cluster_source, tenant_source
from tidegate.facts.prices.tables import PriceBook
from tidegate.facts.rules.pools import pools_for, spot_pools_for
from tidegate.facts.tenant import Tenant
from tidegate.live.diagnosis import Diagnosis
from tidegate.repository.recorded_facts import note_on


@dataclass(frozen=True, slots=True)
class ExplainedValue:
    """One value: its dotted path, the value, where it comes from and, where known, why it is so."""

    path: str
    value: str
    source: str
    why: str = ""


def explain_model(checkout: Checkout, reference: str) -> list[ExplainedValue]:
    """Explains `<tenant>/<name>`. Raises `UsageError` naming the models there are when it is unknown."""
    platform = inventory.load(checkout.root)
    tenant_name, _, model_name = reference.partition("/")
    tenant = platform.tenants.get(tenant_name)
    model = tenant.models.get(model_name) if tenant else None
    if tenant is None or model is None:
        known = ", ".join(f"{name}/{each}" for name, one in sorted(platform.tenants.items()) for each in sorted(one.models))
        raise UsageError(f"no served model {reference!r}; there are {known}")
    source = tenant_source(tenant_name)
    lines = _lines(checkout.root / source)
    written = list(_walk(model, f"models.{model_name}", "models.*", source, lines))
    return [*_recorded_of(tenant, source, lines), *written, *_derived(platform, load_prices(checkout.root), tenant, model_name)]


def explain_diagnosis(region: str, diagnosis: Diagnosis) -> list[ExplainedValue]:
    """What a look at the model in a region found, as rows among its other values."""
    source = f"API server of {region}"
    rows = [ExplainedValue(f"{region}.live.{step.object}", step.state, source, step.why) for step in diagnosis.steps]
    return [*rows, ExplainedValue(f"{region}.live.cause", diagnosis.cause, source, diagnosis.next_step)]


def _recorded_of(tenant: Tenant, source: str, lines: Mapping[str, int]) -> Iterator[ExplainedValue]:
    """The tenant's own fields that nothing uses yet: they hold for each of its models."""
    for name in type(tenant).model_fields:
        if note := note_on(name, None):
            origin = f"{source}:{lines.get(name, 0)}" if name in tenant.model_fields_set else f"default of {type(tenant).__name__}.{name}"
            yield ExplainedValue(name, _shown(getattr(tenant, name)), origin, note)


def _walk(fact: BaseModel, path: str, pattern: str, source: str, lines: Mapping[str, int]) -> Iterator[ExplainedValue]:
    """The fields of `fact`, which is at `path`; `pattern` is the same with a star for names that a tenant chose."""
    for name, field in type(fact).model_fields.items():
        value, at, kind = getattr(fact, name), f"{path}.{name}", f"{pattern}.{name}"
        why = " ".join((field.description or "").split())
        if note := note_on(kind, value):
            why = f"{note}. {why}" if why else note
        if isinstance(value, BaseModel):
            yield from _walk(value, at, kind, source, lines)
        elif field.default_factory:  # facts by name, such as `artefact_by_stage`
            for key, inner in cast("Mapping[str, BaseModel]", value).items():
                yield from _walk(inner, f"{at}.{key}", f"{kind}.*", source, lines)
        elif name in fact.model_fields_set:
            yield ExplainedValue(at, _shown(value), f"{source}:{lines.get(at, 0)}", why)
        elif value is not None:
            yield ExplainedValue(at, _shown(value), f"default of {type(fact).__name__}.{name}", why)


def _derived(platform: Platform, book: PriceBook, tenant: Tenant, name: str) -> Iterator[ExplainedValue]:
    model, source = tenant.models[name], tenant_source(tenant.name)
    own = f"{source} (namespace)" if tenant.namespace else "rule: tenant-<name>"
    yield ExplainedValue("namespace", tenant.namespace_name, own)
    yield ExplainedValue("service_account", names.serving_service_account(tenant.name), "rule: <tenant>-serving")
    yield ExplainedValue(
        "priority_class", names.priority_class(tenant.tier), f"{source} (tier)", f"tier {tenant.tier} decides who gives way"
    )
    yield from _limits(tenant, name, source)
    for cluster_name in tenant.clusters:
        cluster = platform.clusters[cluster_name]
        host = f"{source} (host)" if tenant.host else f"rule: <tenant>.<domain> of {cluster_source(cluster_name)}"
        yield ExplainedValue(f"{cluster_name}.host", tenant.host_in(cluster.domain), host)
        yield ExplainedValue(
            f"{cluster_name}.iam_role", cloud_names.tenant_role(cluster_name, tenant.name), "rule: <cluster>-tenant-<name>"
        )
        reads = cloud_names.in_models_bucket(model.artefact_in(cluster.stage).uri, cluster_name, cluster.account_id)
        yield ExplainedValue(f"{cluster_name}.storage_uri", reads, "rule: the replica in the region's own models bucket")
        for pool_name, pool in pools_for(cluster, model).items():
            at, why = f"{cluster_source(cluster_name)} (gpu_pools.{pool_name})", f"offers {pool.accelerator} {pool.share}"
            yield ExplainedValue(f"{cluster_name}.gpu_pool", pool_name, at, why)
        for pool_name in spot_pools_for(cluster, model):
            yield ExplainedValue(
                f"{cluster_name}.cpu_pool", pool_name, f"{cluster_source(cluster_name)} (cpu_pools.{pool_name})", "on spot"
            )
        yield from _cold_start(cluster_name, source, name, cold_start(cluster, model))
    if model.accelerator:
        yield ExplainedValue("gpu_resource", model.accelerator.resource_name, f"{source} (models.{name}.accelerator.share)")
    clusters = [platform.clusters[cluster_name] for cluster_name in tenant.clusters]
    floor = sum((model_floor(cluster, model, book.table(cluster.region)) for cluster in clusters), NOTHING)
    yield ExplainedValue(
        "floor.usd_per_month", numerals.usd(floor.usd_per_month), "rule: the floors' share of machines at the prices of clusters/prices"
    )
    yield ExplainedValue("floor.gpu_cards", numerals.decimal(floor.gpu_cards), "rule: min_replicas x share, in all clusters")


def _limits(tenant: Tenant, name: str, source: str) -> Iterator[ExplainedValue]:
    """What callers meet as 413, 429 and 503."""
    model = tenant.models[name]
    default = "rule: a replica's memory over its concurrency"
    yield ExplainedValue(
        "limits.body_mib", _shown(model.body_mib), f"{source} (max_body_mib)" if model.max_body_mib else default, "more is 413"
    )
    at_once = f"{source} (in_flight_per_model)" if tenant.in_flight_per_model else "rule: by the tenant's requests_per_second"
    yield ExplainedValue("limits.in_flight", _shown(tenant.in_flight), at_once, "more at once is 503 model_busy")
    whole = "of all callers at all hosts; more is 429"
    yield ExplainedValue("limits.requests_per_second", _shown(tenant.requests_per_second), f"{source} (requests_per_second)", whole)
    for subject, rate in tenant.caller_rates.items():
        yield ExplainedValue(f"limits.requests_per_second.{subject}", _shown(rate), f"{source} (callers)", "of this caller; more is 429")


def _cold_start(cluster: str, source: str, name: str, budget: ColdStart) -> Iterator[ExplainedValue]:
    """The budget from nothing to the first answer, phase by phase."""
    for one in budget.phases:
        measured = f"{source} (models.{name}.cold_start), measured on {one.measured_on}"
        origin = measured if one.measured_on else "table of tidegate/facts/cold_start.py"
        yield ExplainedValue(f"{cluster}.cold_start.{one.phase}_seconds", numerals.decimal(one.seconds), origin)
    why = f"Knative gives up after {budget.deadline_seconds} s"
    yield ExplainedValue(
        f"{cluster}.cold_start.seconds", numerals.decimal(budget.seconds), "rule: node, image, weights and load, one after another", why
    )


def _lines(path: Path) -> dict[str, int]:
    """The line (from 1) of every key, by dotted path."""
    document: Any = YAML(typ="rt").load(path.read_text(encoding="utf-8"))  # pyright: ignore[reportUnknownMemberType] - ruamel leaves it untyped
    return dict(_key_lines(document, ""))


def _key_lines(node: Any, path: str) -> Iterator[tuple[str, int]]:  # noqa: ANN401 - ruamel's tree is untyped
    if not isinstance(node, dict):
        return
    for key, value in cast("dict[str, Any]", node).items():
        at = f"{path}.{key}" if path else str(key)
        yield at, int(cast("Any", node).lc.key(key)[0]) + 1
        yield from _key_lines(value, at)


def _shown(value: object) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(str(item) for item in cast("tuple[object, ...]", value))
    if isinstance(value, float):
        return numerals.decimal(value)
    return "true" if value is True else "false" if value is False else str(value)
