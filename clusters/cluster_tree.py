"""Every object of every cluster, each with its folder and the file that decides it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from clusters import provenance
from clusters.components.admission import policies
from clusters.components.network import (
    body_limits,
    cross_origin,
    edge_limits,
    gateways,
    health,
    http_protocol,
    in_flight,
    ingress_probes,
    isolation,
    mesh,
    routes,
)
from clusters.components.nodes import cpu_pools, gpu_pools, gpu_sharing, prepull, warm_floor
from clusters.components.serving import dense_pool, model, runtimes
from clusters.components.tenancy import availability, catalogue, monitors, priorities, tenant
from clusters.delivery import addon_applications, applications, external_dns, gpu_operator
from tidegate.facts.cluster import Cluster
from tidegate.facts.platform import Platform, cluster_source, tenant_source
from tidegate.facts.tenant import Tenant
from tidegate.facts.tombstone import tombstone_source
from tidegate.manifests.layout import component_folder, delivery_folder, tenant_folder
from tidegate.manifests.tree import RenderedObject, comment, name_of
from tidegate.manifests.yaml_text import Manifest


@dataclass(frozen=True, slots=True)
class _Part:
    """Objects of one component that one file, or pattern of files, decides."""

    component: str
    source: str
    manifests: list[Manifest]


def objects(platform: Platform) -> Iterator[RenderedObject]:
    """The tree of `gitops/rendered`."""
    for name, cluster in sorted(platform.clusters.items()):
        parts = list(_parts(platform, cluster))
        for part in parts:
            for manifest in part.manifests:
                yield RenderedObject(component_folder(name, part.component), part.source, manifest)
        yield from _delivery(platform, cluster, {part.component for part in parts if part.manifests})
        for served in platform.tenants_of(name):
            for manifest in tenant_objects(platform, cluster, served):
                yield RenderedObject(tenant_folder(name, served.name), tenant_source(served.name), manifest)


def _delivery(platform: Platform, cluster: Cluster, present: set[str]) -> Iterator[RenderedObject]:
    idle = gpu_pools.KWOK_COMPONENT if cluster.gpu_nodes == "ec2" else gpu_pools.COMPONENT
    applied = [component for component in applications.WAVES if component in present and component != idle]
    folder = delivery_folder(cluster.name)
    for manifest in applications.objects(platform, cluster.name, applied):
        yield RenderedObject(folder, provenance.of_tenant(platform, manifest) or provenance.file_of(applications), manifest)
    for manifest in addon_applications.objects(cluster):
        yield RenderedObject(folder, provenance.of_add_on(manifest), manifest)
    for operator in (external_dns, gpu_operator):
        for manifest in operator.objects(cluster):
            yield RenderedObject(folder, provenance.file_of(operator), manifest)
    for tombstone in platform.tombstones_of(cluster.name):
        for manifest in applications.removal_objects(platform, cluster.name, tombstone):
            yield RenderedObject(folder, tombstone_source(tombstone.name), manifest)


def emptied_folders(platform: Platform) -> dict[str, bytes]:
    """What stands in place of a removed tenant's objects: Git keeps no empty folder, and without one Argo CD deletes nothing."""
    files: dict[str, bytes] = {}
    for cluster in sorted(platform.clusters):
        for tombstone in platform.tombstones_of(cluster):
            lines = (
                f"# {comment(tombstone_source(tombstone.name))}",
                f"Tenant {tombstone.name} was removed on {tombstone.removed_on}, as {tombstone.requested_by} asked: {tombstone.reason}",
                "Nothing in this folder is applied. Argo CD needs it to be there, without any object, to delete what it applied before.",
            )
            files[f"{tenant_folder(cluster, tombstone.name)}/removed.txt"] = "".join(f"{line}\n" for line in lines).encode()
    return files


def bootstrap_objects(platform: Platform) -> Iterator[RenderedObject]:
    """The tree of `gitops/bootstrap`."""
    for name in sorted(platform.clusters):
        for manifest in applications.bootstrap(platform, name):
            source = provenance.EVERY_TENANT if manifest["kind"] == "AppProject" else provenance.file_of(applications)
            yield RenderedObject(name, source, manifest)


def tenant_objects(platform: Platform, cluster: Cluster, served: Tenant) -> Iterator[Manifest]:
    """Guard rails and served models of one tenant in one cluster."""
    yield from tenant.guard_rails(cluster, served)
    yield from tenant.removal_rights(served, platform.removed_models(served.name, cluster.name))
    yield from isolation.guard_rails(platform, cluster, served)
    yield from routes.grants(served)
    yield from health.guard_rails(served)
    yield from body_limits.guard_rails(served)
    yield from availability.guard_rails(served)
    yield from dense_pool.guard_rails(served)
    yield from monitors.guard_rails(served)
    yield from catalogue.guard_rails(cluster, served, platform.catalogue)
    for name, facts in served.models.items():
        yield model.inference_service(cluster, served, name, facts)


def _parts(platform: Platform, cluster: Cluster) -> Iterator[_Part]:
    facts, tenants = cluster_source(cluster.name), provenance.EVERY_TENANT
    for manifest in policies.objects(platform, cluster):
        yield _Part(policies.COMPONENT, provenance.of_policy(manifest), [manifest])
    for manifest in catalogue.objects(platform, cluster):
        yield _Part(catalogue.COMPONENT, provenance.of_catalogue(manifest), [manifest])
    yield _Part(priorities.COMPONENT, provenance.file_of(priorities), list(priorities.objects()))
    yield _Part(cpu_pools.COMPONENT, facts, list(cpu_pools.objects(cluster)))
    yield _Part(gpu_sharing.COMPONENT, facts, list(gpu_sharing.objects(cluster)))
    yield _Part(gpu_pools.COMPONENT, facts, list(gpu_pools.objects(cluster, kwok=False)))
    yield _Part(gpu_pools.KWOK_COMPONENT, facts, list(gpu_pools.objects(cluster, kwok=True)))
    yield _Part(runtimes.COMPONENT, provenance.file_of(runtimes), list(runtimes.objects(platform, cluster.name)))
    for manifest in mesh.objects(platform, cluster):
        yield _Part(mesh.COMPONENT, tenants if mesh.names_tenants(name_of(manifest)) else provenance.file_of(mesh), [manifest])
    yield _Part(gateways.COMPONENT, facts, list(gateways.objects(cluster)))
    yield _Part(gateways.COMPONENT, facts, list(http_protocol.objects(cluster)))
    yield _Part(gateways.COMPONENT, tenants, [*health.objects(platform, cluster), *body_limits.objects(platform, cluster)])
    yield _Part(gateways.COMPONENT, tenants, list(cross_origin.objects(platform, cluster)))
    for rule in in_flight.objects(platform, cluster):
        yield _Part(gateways.COMPONENT, tenant_source(in_flight.names_tenant(name_of(rule))), [rule])
    for manifest in edge_limits.objects(platform, cluster):
        yield _Part(gateways.COMPONENT, facts if manifest["kind"] == "RequestAuthentication" else tenants, [manifest])
    for route in routes.objects(platform, cluster):
        yield _Part(gateways.COMPONENT, tenant_source(routes.tenant_of(name_of(route))), [route])
    yield _Part(ingress_probes.COMPONENT, provenance.file_of(ingress_probes), list(ingress_probes.objects()))
    yield _Part(gateways.COMPONENT, provenance.file_of(monitors), list(monitors.gateways()))
    yield _Part(prepull.COMPONENT, tenants, list(prepull.objects(platform, cluster)))
    yield _Part(warm_floor.COMPONENT, facts, list(warm_floor.objects(cluster)))
