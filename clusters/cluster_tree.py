"""Every object of every cluster, each with its folder and the fact file it comes from."""

from __future__ import annotations

from collections.abc import Iterator

from clusters.components.admission import policies
from clusters.components.network import edge_limits, gateways, isolation, mesh, routes
from clusters.components.nodes import cpu_pools, gpu_pools, gpu_sharing, prepull, warm_floor
from clusters.components.serving import dense_pool, model, runtimes
from clusters.components.tenancy import availability, catalogue, monitors, priorities, tenant
from clusters.delivery import addon_applications, applications, gpu_operator
from tidegate.facts.cluster import Cluster
from tidegate.facts.platform import Platform, cluster_source, tenant_source
from tidegate.facts.tenant import Tenant
from tidegate.facts.tombstone import tombstone_source
from tidegate.manifests.tree import RENDER_COMMAND, RenderedObject
from tidegate.manifests.yaml_text import Manifest

FOLDERS = frozenset({*applications.WAVES, applications.COMPONENT, gpu_pools.KWOK_COMPONENT})
"""Folders of the platform in a cluster; `names.RESERVED_NAMES` keeps tenants from being named like them."""


def objects(platform: Platform) -> Iterator[RenderedObject]:
    """The tree of `gitops/rendered`."""
    for name, cluster in sorted(platform.clusters.items()):
        components = dict(_components(platform, cluster))
        for component, manifests in components.items():
            for manifest in manifests:
                yield RenderedObject(f"{name}/{component}", cluster_source(name), manifest)
        idle = gpu_pools.KWOK_COMPONENT if cluster.gpu_nodes == "ec2" else gpu_pools.COMPONENT
        applied = [
            component for component, manifests in components.items() if manifests and component in applications.WAVES and component != idle
        ]
        for manifest in applications.objects(platform, name, applied):
            yield RenderedObject(f"{name}/{applications.COMPONENT}", cluster_source(name), manifest)
        for manifest in (*addon_applications.objects(cluster), *gpu_operator.objects(cluster)):
            yield RenderedObject(f"{name}/{applications.COMPONENT}", cluster_source(name), manifest)
        for served in platform.tenants_of(name):
            for manifest in tenant_objects(platform, cluster, served):
                yield RenderedObject(f"{name}/{served.name}", tenant_source(served.name), manifest)
        for tombstone in platform.tombstones_of(name):
            for manifest in applications.removal_objects(platform, name, tombstone):
                yield RenderedObject(f"{name}/{applications.COMPONENT}", tombstone_source(tombstone.name), manifest)


def emptied_folders(platform: Platform) -> dict[str, bytes]:
    """What stands in place of a removed tenant's objects: Git keeps no empty folder, and without one Argo CD deletes nothing."""
    files: dict[str, bytes] = {}
    for cluster in sorted(platform.clusters):
        for tombstone in platform.tombstones_of(cluster):
            lines = (
                f"# Rendered from {tombstone_source(tombstone.name)} by `{RENDER_COMMAND}`; edit that file.",
                f"Tenant {tombstone.name} was removed on {tombstone.removed_on}, as {tombstone.requested_by} asked: {tombstone.reason}",
                "Nothing in this folder is applied. Argo CD needs it to be there, without any object, to delete what it applied before.",
            )
            files[f"{cluster}/{tombstone.name}/removed.txt"] = "".join(f"{line}\n" for line in lines).encode()
    return files


def bootstrap_objects(platform: Platform) -> Iterator[RenderedObject]:
    """The tree of `gitops/bootstrap`."""
    for name in sorted(platform.clusters):
        for manifest in applications.bootstrap(platform, name):
            yield RenderedObject(name, cluster_source(name), manifest)


def tenant_objects(platform: Platform, cluster: Cluster, served: Tenant) -> Iterator[Manifest]:
    """Guard rails and served models of one tenant in one cluster."""
    yield from tenant.guard_rails(cluster, served)
    yield from isolation.guard_rails(platform, cluster, served)
    yield from routes.grants(served)
    yield from availability.guard_rails(served)
    yield from dense_pool.guard_rails(served)
    yield from monitors.guard_rails(served)
    yield from catalogue.guard_rails(cluster, served, platform.catalogue)
    for name, facts in served.models.items():
        yield model.inference_service(cluster, served, name, facts)


def _components(platform: Platform, cluster: Cluster) -> Iterator[tuple[str, list[Manifest]]]:
    yield policies.COMPONENT, list(policies.objects(platform, cluster))
    yield catalogue.COMPONENT, list(catalogue.objects(platform, cluster))
    yield priorities.COMPONENT, list(priorities.objects())
    yield cpu_pools.COMPONENT, list(cpu_pools.objects(cluster))
    yield gpu_sharing.COMPONENT, list(gpu_sharing.objects(cluster))
    yield gpu_pools.COMPONENT, list(gpu_pools.objects(cluster, kwok=False))
    yield gpu_pools.KWOK_COMPONENT, list(gpu_pools.objects(cluster, kwok=True))
    yield runtimes.COMPONENT, list(runtimes.objects(platform, cluster.name))
    yield mesh.COMPONENT, list(mesh.objects(platform, cluster))
    edge = [*gateways.objects(cluster), *edge_limits.objects(platform, cluster), *routes.objects(platform, cluster), *monitors.gateways()]
    yield gateways.COMPONENT, edge
    yield prepull.COMPONENT, list(prepull.objects(platform, cluster))
    yield warm_floor.COMPONENT, list(warm_floor.objects(cluster))
