"""A tombstone: a tenant that is to be gone from its clusters. The file is `gitops/tombstones/<name>.yaml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from tidegate.errors import Finding
from tidegate.facts import names
from tidegate.facts.fact import Email, Fact, refuse
from tidegate.facts.names import ClusterName, Namespace, TenantName
from tidegate.facts.tenant import Tenant

REASON_MAX = 300
"""Characters; it is copied into what Argo CD shows."""


class Tombstone(Fact):
    """The order to remove one tenant, and its confirmation: the platform deletes no tenant whose file merely vanished."""

    name: TenantName
    namespace: Namespace | None = None
    """Default `tenant-<name>`; write what the tenant's file said."""
    clusters: Annotated[tuple[ClusterName, ...], Field(min_length=1)]
    """Where the tenant ran; it is removed there."""
    requested_by: Email
    """Who answers for the removal."""
    reason: Annotated[str, StringConstraints(pattern=r"^\S([^\n]*\S)?$", max_length=REASON_MAX)]
    """Why, in one line."""
    removed_on: date
    """The day of the request, in quotes: `"2026-11-21"`. What it says changes nothing about when objects are deleted."""

    @model_validator(mode="after")
    def _each_cluster_once(self) -> Self:
        if len(set(self.clusters)) != len(self.clusters):
            listed = ", ".join(self.clusters)
            raise refuse("clusters-twice", "an entry is listed twice", "list each once", at="clusters", value=listed)
        return self

    @property
    def namespace_name(self) -> str:
        """The namespace that goes."""
        return self.namespace or names.tenant_namespace(self.name)


def tombstone_source(name: str) -> str:
    """The file of a tombstone, relative to the repository."""
    return f"gitops/tombstones/{name}.yaml"


def life_findings(tombstone: Tombstone, living: Mapping[str, Tenant]) -> Iterator[Finding]:
    """Why the tombstone cannot stand beside the tenants that live."""
    source = tombstone_source(tombstone.name)
    if tombstone.name in living:
        remedy = f"delete gitops/tenants/{tombstone.name}.yaml to remove the tenant, or this file to keep it"
        yield Finding(source, "name", "tombstone-of-living-tenant", "the tenant has a file of its own", remedy, tombstone.name)
        return
    for tenant in living.values():
        if tenant.namespace_name == tombstone.namespace_name and set(tenant.clusters) & set(tombstone.clusters):
            problem, remedy = f"{tenant.name} lives there", f"write the namespace that {tombstone.name} had"
            yield Finding(source, "namespace", "tombstone-of-living-namespace", problem, remedy, tombstone.namespace_name)
