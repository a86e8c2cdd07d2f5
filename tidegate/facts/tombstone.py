"""A tombstone: a tenant, or models of it, that are to be gone from clusters. The file is `gitops/tombstones/<tenant>.yaml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from tidegate.errors import Finding
from tidegate.facts import names
from tidegate.facts.fact import Email, Fact, refuse
from tidegate.facts.names import ClusterName, Namespace, ServedModelName, TenantName
from tidegate.facts.tenant import Tenant

REASON_MAX = 300
"""Characters; it is copied into what Argo CD shows."""


class Tombstone(Fact):
    """The order to remove a tenant or some of its models, and its confirmation: nothing is deleted because a file merely vanished."""

    name: TenantName
    namespace: Namespace | None = None
    """Default `tenant-<name>`; write what the tenant's file said."""
    clusters: Annotated[tuple[ClusterName, ...], Field(min_length=1)]
    """Where it ran; it is removed there. A tenant may live on in other clusters."""
    models: tuple[ServedModelName, ...] = ()
    """The models that go, of a tenant that lives on. Without it the tenant itself goes, with all its models."""
    requested_by: Email
    """Who answers for the removal."""
    reason: Annotated[str, StringConstraints(pattern=r"^\S([^\n]*\S)?$", max_length=REASON_MAX)]
    """Why, in one line."""
    removed_on: date
    """The day of the request, in quotes: `"2026-11-21"`. What it says changes nothing about when objects are deleted."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        problem, remedy = "an entry is listed twice", "list each once"
        if len(set(self.clusters)) != len(self.clusters):
            raise refuse("clusters-twice", problem, remedy, at="clusters", value=", ".join(self.clusters))
        if len(set(self.models)) != len(self.models):
            raise refuse("models-twice", problem, remedy, at="models", value=", ".join(self.models))
        return self

    @property
    def namespace_name(self) -> str:
        """The namespace that goes."""
        return self.namespace or names.tenant_namespace(self.name)


def tombstone_source(name: str) -> str:
    """The file of a tombstone, relative to the repository."""
    return f"gitops/tombstones/{name}.yaml"


def removal_role(tenant: str) -> str:
    """The Role, and its binding, by which Argo CD may delete a tenant's models that have a tombstone."""
    return f"{names.deploy_service_account(tenant)}-removal"


def life_findings(tombstone: Tombstone, living: Mapping[str, Tenant]) -> Iterator[Finding]:
    """Why the tombstone cannot stand beside the tenants that live."""
    source = tombstone_source(tombstone.name)
    if tombstone.models:
        yield from _model_findings(tombstone, living.get(tombstone.name))
        return
    for tenant in living.values():
        shared = ", ".join(sorted(set(tenant.clusters) & set(tombstone.clusters)))
        if not shared:
            continue
        if tenant.name == tombstone.name:
            remedy = f"delete gitops/tenants/{tombstone.name}.yaml to remove the tenant, or this file to keep it"
            if set(tenant.clusters) > set(tombstone.clusters):
                remedy = f"take {shared} out of clusters in gitops/tenants/{tombstone.name}.yaml to remove it there, or delete this file"
            yield Finding(source, "name", "tombstone-of-living-tenant", "the tenant has a file of its own", remedy, tombstone.name)
        elif tenant.namespace_name == tombstone.namespace_name:
            problem, remedy = f"{tenant.name} lives there", f"write the namespace that {tombstone.name} had"
            yield Finding(source, "namespace", "tombstone-of-living-namespace", problem, remedy, tombstone.namespace_name)


def _model_findings(tombstone: Tombstone, tenant: Tenant | None) -> Iterator[Finding]:
    source = tombstone_source(tombstone.name)
    if tenant is None:
        problem, remedy = "the tenant has no file, so all of it goes", "remove models from this file"
        yield Finding(source, "models", "tombstone-of-models-alone", problem, remedy, ", ".join(tombstone.models))
        return
    for index, model in enumerate(tombstone.models):
        if model in tenant.models:
            remedy = f"take it out of gitops/tenants/{tenant.name}.yaml to remove the model, or out of this list to keep it"
            yield Finding(source, f"models[{index}]", "tombstone-of-living-model", "the tenant's file has it", remedy, model)
