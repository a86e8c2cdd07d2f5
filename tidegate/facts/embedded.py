"""The platform as the embedded region runs it: the same tenants and clusters, sized for one machine without a GPU.

Everything that differs from production is one of the facts below; rendering knows no second way.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from tidegate.errors import Finding, InventoryError
from tidegate.facts import names
from tidegate.facts.cluster import Cluster, Overcommit
from tidegate.facts.fact import Fact
from tidegate.facts.models.artefact import Artefact
from tidegate.facts.models.embedded_profile import EmbeddedProfile, scaled
from tidegate.facts.models.images import BuiltImage, ImageDigest
from tidegate.facts.models.served_model import Companion, ServedModel
from tidegate.facts.names import ClusterName, TenantName
from tidegate.facts.platform import Platform
from tidegate.facts.signature import ModelCatalogue
from tidegate.facts.tenant import Tenant
from tidegate.facts.tombstone import Tombstone


class Sizes(Fact):
    """How a platform for many machines fits on one."""

    edge_replicas: Annotated[int, Field(ge=1, le=3)] = 1
    floor_at_most: Annotated[int, Field(ge=1, le=10)] = 1
    """The most replicas a model's floor may ask for."""
    replicas_at_most: Annotated[int, Field(ge=1, le=10)] = 2
    """The most replicas a model may scale to."""
    idle_seconds_at_most: Annotated[int, Field(ge=30, le=900)] = 30
    """How long a model that may go to zero is kept without requests; production's quarter of an hour would never be seen."""
    overcommit: Overcommit = Overcommit(cpu=50, memory=16)


_AS_WRITTEN = Sizes(floor_at_most=10, replicas_at_most=10)
"""Of candidates: gates made them for this machine."""


class EmbeddedFacts(Fact):
    """What the embedded region changes."""

    repository_url: Annotated[str, StringConstraints(pattern=r"^git://[a-z0-9.-]+/[A-Za-z0-9._/-]+$")]
    """The local Git server, which holds what this machine rendered."""
    edge_addresses: Annotated[dict[ClusterName, str], Field(min_length=1)]
    """The node's address in each region, where its edge takes traffic; no others are rendered."""
    sizes: Sizes = Sizes()
    image_digests: dict[str, ImageDigest] = Field(default_factory=dict[str, str])
    """Of the images built on this machine, by `repository:tag`."""
    images: tuple[BuiltImage, ...] = ()
    """Workload images built on this machine that may run, earlier ones first: what was published for production is other bytes."""
    model_digests: dict[str, Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]] = Field(default_factory=dict[str, str])
    """Of the models trained on this machine, by their URI in the registry."""
    profiles: dict[str, EmbeddedProfile] = Field(default_factory=dict[str, EmbeddedProfile])
    """What a model must carry here, by `<tenant>/<model>`."""
    candidates: dict[TenantName, Tenant] = Field(default_factory=dict[str, Tenant])
    """Tenants beside those of the tree, in which merge gates judge versions (`tidegate.gates.candidate`)."""
    candidate_tombstones: dict[TenantName, Tombstone] = Field(default_factory=dict[str, Tombstone])
    """Of those that were removed."""
    catalogue: ModelCatalogue = ModelCatalogue()
    """Every version trained and signed on this machine, and the keys."""


def embed(platform: Platform, embedded: EmbeddedFacts) -> Platform:
    """The platform with the embedded regions' facts in place of production's. Raises `InventoryError` for regions that are no clusters."""
    if unknown := sorted(embedded.edge_addresses.keys() - platform.clusters.keys()):
        known = ", ".join(sorted(platform.clusters))
        raise InventoryError([
            Finding("embedded facts", f"edge_addresses.{name}", "cluster-unknown", "no cluster has this name", f"use {known}") for name in unknown
        ])  # fmt: skip
    return Platform(
        {name: _cluster(cluster, embedded) for name, cluster in platform.clusters.items() if name in embedded.edge_addresses},
        {
            **{name: _tenant(tenant, embedded, embedded.sizes) for name, tenant in platform.tenants.items()},
            **{name: _tenant(candidate, embedded, _AS_WRITTEN) for name, candidate in embedded.candidates.items()},
        },
        {**platform.tombstones, **embedded.candidate_tombstones},
        embedded.catalogue,
        embedded.images,
    )


def served_here(model: ServedModel) -> Artefact:
    """The artefact that the embedded regions serve of a model: the CPU server's where it has one of its own."""
    alternative = model.also_on_cpu.artefact if model.also_on_cpu else None
    return alternative.of_version(model.artefact.version) if alternative else model.artefact


def path_served_here(model: ServedModel, version: str | None = None) -> str:
    """Where the registry holds what the regions serve of a model, or another version of it in the same form."""
    path = served_here(model).uri.removeprefix(names.MODEL_REGISTRY_URI)
    form = "-cpu" if path.endswith("-cpu") else ""
    return f"{path.rpartition('/')[0]}/{version}{form}" if version else path


def _cluster(cluster: Cluster, embedded: EmbeddedFacts) -> Cluster:
    edge = cluster.edge.model_copy(update={"replicas": embedded.sizes.edge_replicas, "addresses": (embedded.edge_addresses[cluster.name],)})
    changed: dict[str, object] = {
        "repository_url": embedded.repository_url, "edge": edge, "gpu_nodes": "kwok", "cpu_pools": {}, "add_ons_from": "rendered",
        "overcommit": embedded.sizes.overcommit,
    }  # fmt: skip
    return cluster.model_copy(update=changed)


def _tenant(tenant: Tenant, embedded: EmbeddedFacts, sizes: Sizes) -> Tenant:
    return tenant.model_copy(
        update={"models": {name: _model(f"{tenant.name}/{name}", model, embedded, sizes) for name, model in tenant.models.items()}}
    )


def _model(reference: str, written: ServedModel, embedded: EmbeddedFacts, sizes: Sizes) -> ServedModel:
    model = scaled(written, embedded.profiles.get(reference))
    scaling = model.scaling
    changed: dict[str, object] = {
        "scaling": scaling.model_copy(
            update={
                "min_replicas": min(scaling.min_replicas, sizes.floor_at_most),
                "max_replicas": min(scaling.max_replicas, sizes.replicas_at_most),
                "idle_seconds": min(scaling.idle_seconds, sizes.idle_seconds_at_most),
            }
        ),
        "artefact": _trained(served_here(model), embedded),
        "artefact_by_stage": {stage: _trained(one, embedded) for stage, one in model.artefact_by_stage.items()},
        "transformer": _companion(model.transformer, sizes),
        "explainer": _companion(model.explainer, sizes),
    }
    if model.also_on_cpu:
        changed |= {
            "runtime": model.also_on_cpu.runtime,
            "resources": model.also_on_cpu.resources,
            "accelerator": None,
            "also_on_cpu": None,
        }
    return model.model_copy(update=changed)


def _trained(artefact: Artefact, embedded: EmbeddedFacts) -> Artefact:
    return artefact.model_copy(update={"sha256": embedded.model_digests.get(artefact.uri, artefact.sha256)})


def _companion(companion: Companion | None, sizes: Sizes) -> Companion | None:
    if companion is None:
        return None
    floor, ceiling = min(companion.min_replicas, sizes.floor_at_most), min(companion.max_replicas, sizes.replicas_at_most)
    return companion.model_copy(update={"min_replicas": floor, "max_replicas": ceiling})
