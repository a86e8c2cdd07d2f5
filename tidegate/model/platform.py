"""All clusters and tenants together, and the rules that only show between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network

from tidegate.errors import Finding
from tidegate.model.cluster import CapacityType, Cluster, GpuPool
from tidegate.model.served_model import ServedModel
from tidegate.model.tenant import Tenant, replica_parts


@dataclass(frozen=True, slots=True)
class Platform:
    """The whole inventory, by name. `check` has found nothing wrong with it once `inventory.load` returns one."""

    clusters: Mapping[str, Cluster]
    tenants: Mapping[str, Tenant]

    def tenants_of(self, cluster: str) -> list[Tenant]:
        """The tenants that run in `cluster`, by name."""
        return [tenant for _, tenant in sorted(self.tenants.items()) if cluster in tenant.clusters]


def cluster_source(name: str) -> str:
    """The file of a cluster, relative to the repository."""
    return f"clusters/inventory/{name}/cluster.yaml"


def tenant_source(name: str) -> str:
    """The file of a tenant, relative to the repository."""
    return f"gitops/tenants/{name}.yaml"


def check(platform: Platform) -> list[Finding]:
    """Every contradiction between facts, in no particular order; empty means the platform can be rendered."""
    findings = [*_pair_findings(platform), *_claim_findings(platform)]
    for tenant in platform.tenants.values():
        findings += _placement_findings(platform, tenant)
        findings += _quota_findings(tenant)
        for name, model in tenant.models.items():
            findings += _tier_findings(tenant, name, model)
            findings += _accelerator_findings(platform, tenant, name, model)
    return findings


def _pair_findings(platform: Platform) -> Iterator[Finding]:
    for name, cluster in platform.clusters.items():
        source = cluster_source(name)
        pair = platform.clusters.get(cluster.pair)
        if pair is None:
            known = ", ".join(sorted(set(platform.clusters) - {name})) or "none yet"
            yield Finding(source, "pair", "pair-unknown", "no such cluster", f"name one of: {known}", cluster.pair)
            continue
        if pair.pair != name:
            remedy = f"set pair: {name} in {cluster_source(cluster.pair)}, or pair both elsewhere"
            yield Finding(source, "pair", "pair-one-sided", f"{cluster.pair} is paired with {pair.pair}", remedy, cluster.pair)
        if name > cluster.pair:
            continue  # what follows is about both, so it is said once
        if pair.region == cluster.region:
            yield Finding(source, "region", "pair-same-region", f"{cluster.pair} is in the same region", "use two regions", cluster.region)
        if IPv4Network(cluster.network.cidr).overlaps(IPv4Network(pair.network.cidr)):
            yield Finding(
                source, "network.cidr", "pair-cidr-overlap", f"overlaps {pair.network.cidr} of {cluster.pair}",
                "choose ranges that can be peered", cluster.network.cidr,
            )  # fmt: skip
        if pair.edge.role == cluster.edge.role:
            yield Finding(source, "edge.role", "pair-same-role", f"{cluster.pair} has it too", "one primary, one secondary", cluster.edge.role)
        if pair.edge.zone_name != cluster.edge.zone_name:
            yield Finding(
                source, "edge.zone_name", "pair-zone-differs", f"{cluster.pair} uses {pair.edge.zone_name}",
                "failover records share one zone", cluster.edge.zone_name,
            )  # fmt: skip
        if pair.kubernetes_version != cluster.kubernetes_version:
            yield Finding(
                source, "kubernetes_version", "pair-version-differs", f"{cluster.pair} runs {pair.kubernetes_version}",
                "run the same minor in both", cluster.kubernetes_version,
            )  # fmt: skip
        if pair.domain == cluster.domain:
            yield Finding(source, "domain", "pair-same-domain", f"{cluster.pair} uses it too", "give each cluster its own", cluster.domain)


def _claim_findings(platform: Platform) -> Iterator[Finding]:
    claims: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for name, tenant in sorted(platform.tenants.items()):
        for cluster_name in tenant.clusters:
            claims["namespace", cluster_name, tenant.namespace_name].append(name)
            if cluster := platform.clusters.get(cluster_name):
                claims["host", cluster_name, tenant.host_in(cluster.domain)].append(name)
    said: set[tuple[str, str, str]] = set()
    for (field, cluster_name, value), claimants in claims.items():
        for other in claimants[1:]:
            if (field, value, other) not in said:
                said.add((field, value, other))
                problem = f"{claimants[0]} already has it in {cluster_name}"
                yield Finding(tenant_source(other), field, f"{field}-shared", problem, "choose another", value)


def _placement_findings(platform: Platform, tenant: Tenant) -> Iterator[Finding]:
    source = tenant_source(tenant.name)
    for cluster in tenant.clusters:
        if cluster not in platform.clusters:
            known = ", ".join(sorted(platform.clusters))
            yield Finding(source, "clusters", "cluster-unknown", "no such cluster", f"use one of: {known}", cluster)
    for caller in tenant.callers:
        if caller.tenant == tenant.name:
            yield Finding(source, "callers", "caller-itself", "a tenant may always call itself", "remove it", caller.tenant)
        elif caller.tenant and caller.tenant not in platform.tenants:
            yield Finding(source, "callers", "caller-unknown", "no such tenant", "remove it or add the tenant", caller.tenant)
    if tenant.tier.is_hot:
        for cluster_name in tenant.clusters:
            cluster = platform.clusters.get(cluster_name)
            if cluster and cluster.pair not in tenant.clusters:
                yield Finding(
                    source, "clusters", "hot-tier-in-one-region", f"tier {tenant.tier} must outlive a region",
                    f"add {cluster.pair}", ", ".join(tenant.clusters),
                )  # fmt: skip


def _quota_findings(tenant: Tenant) -> Iterator[Finding]:
    source = tenant_source(tenant.name)
    cpu = memory = 0.0
    pods = 0
    accelerators: dict[str, int] = defaultdict(int)
    for model in tenant.models.values():
        for low, _high, resources in replica_parts(model):
            cpu += low * resources.cpu
            memory += low * resources.memory_gib
            pods += low
        if model.accelerator:
            accelerators[model.accelerator.resource_name] += max(model.scaling.min_replicas, 1) * model.accelerator.count
    why = "the floors of all models with their sidecars need"
    if cpu > tenant.quota.cpu:
        yield Finding(source, "quota.cpu", "quota-below-floors", f"{why} {cpu:g}", f"raise it to {cpu:g} or lower floors", f"{tenant.quota.cpu:g}")
    if memory > tenant.quota.memory_gib:
        yield Finding(
            source, "quota.memory_gib", "quota-below-floors", f"{why} {memory:g}", f"raise it to {memory:g} or lower floors",
            f"{tenant.quota.memory_gib:g}",
        )  # fmt: skip
    if pods > tenant.quota.pods:
        yield Finding(source, "quota.pods", "quota-below-floors", f"{why} {pods}", f"raise it to {pods} or lower floors", str(tenant.quota.pods))
    for resource, needed in accelerators.items():
        allowed = tenant.quota.accelerators.get(resource, 0)
        if needed > allowed:
            problem = f"the models need {needed} of {resource} to answer at all"
            yield Finding(source, "quota.accelerators", "quota-below-accelerators", problem, f"add {resource}: {needed}", str(allowed))


def _tier_findings(tenant: Tenant, name: str, model: ServedModel) -> Iterator[Finding]:
    source, path, tier = tenant_source(tenant.name), f"models.{name}", tenant.tier
    if tier.is_hot and model.scaling.min_replicas == 0:
        yield Finding(
            source, f"{path}.scaling.min_replicas", "hot-tier-to-zero", f"tier {tier} never scales to zero",
            "set at least 2", "0",
        )  # fmt: skip
    elif tier.is_hot and model.scaling.min_replicas == 1:
        yield Finding(
            source, f"{path}.scaling.min_replicas", "hot-tier-single-replica", f"tier {tier} must outlive a node",
            "set at least 2", "1",
        )  # fmt: skip
    if tier.is_hot and model.capacity == "spot":
        yield Finding(source, f"{path}.capacity", "hot-tier-on-spot", f"tier {tier} cannot run on spot", "remove it", "spot")
    if tier == "regulated" and model.rollout.strategy != "canary":
        yield Finding(
            source, f"{path}.rollout.strategy", "regulated-without-canary", "regulated models are released by canary",
            "set strategy: canary with steps_percent", model.rollout.strategy,
        )  # fmt: skip
    if tier == "regulated" and model.approval is None:
        yield Finding(source, f"{path}.approval", "regulated-without-approval", "regulated models need an approval", "add approval")
    if tier == "regulated" and model.dense_pool:
        yield Finding(
            source, f"{path}.dense_pool", "regulated-in-dense-pool", "a regulated model shares no server with others",
            "serve it on its own",
        )  # fmt: skip
    if tier == "batch" and model.scaling.min_replicas > 0 and model.accelerator:
        yield Finding(
            source, f"{path}.scaling.min_replicas", "batch-holds-gpu", "batch work must not hold a GPU while idle",
            "set 0", str(model.scaling.min_replicas),
        )  # fmt: skip


def pools_for(cluster: Cluster, model: ServedModel) -> dict[str, GpuPool]:
    """The pools of a cluster that can host one replica of `model`, by name; empty for a CPU model."""
    if model.accelerator is None:
        return {}
    wanted = {CapacityType.SPOT} if model.capacity == "spot" else {CapacityType.ON_DEMAND, CapacityType.RESERVED}
    return {
        name: pool
        for name, pool in sorted(cluster.gpu_pools.items())
        if pool.accelerator == model.accelerator.accelerator
        and pool.share == model.accelerator.share
        and wanted & set(pool.capacity_types)
    }


def _accelerator_findings(platform: Platform, tenant: Tenant, name: str, model: ServedModel) -> Iterator[Finding]:
    if model.accelerator is None:
        return
    share = f"{model.accelerator.accelerator} {model.accelerator.share} ({model.capacity})"
    for cluster_name in tenant.clusters:
        cluster = platform.clusters.get(cluster_name)
        if cluster and not pools_for(cluster, model):
            offered = ", ".join(
                f"{pool}: {facts.accelerator} {facts.share}" for pool, facts in sorted(cluster.gpu_pools.items())
            )
            yield Finding(
                tenant_source(tenant.name), f"models.{name}.accelerator", "accelerator-in-no-pool",
                f"no GPU pool of {cluster_name} offers it", f"choose one of {offered or 'none'}, or add a pool", share,
            )  # fmt: skip
