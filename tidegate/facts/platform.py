"""All clusters and tenants together, and the rules that only show between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from ipaddress import IPv4Network

from tidegate.errors import Finding
from tidegate.facts import names
from tidegate.facts.cluster import Cluster
from tidegate.facts.models.images import BuiltImage
from tidegate.facts.models.route_names import name_findings
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.prices.tables import price_findings
from tidegate.facts.rules.anti_patterns import anti_pattern_findings
from tidegate.facts.rules.hosting import hosting_findings
from tidegate.facts.rules.origins import origin_findings
from tidegate.facts.rules.pools import most_turns
from tidegate.facts.rules.room import room_findings, room_warnings
from tidegate.facts.signature import ModelCatalogue
from tidegate.facts.stage import Stage
from tidegate.facts.tenant import Tenant
from tidegate.facts.tiers import tier_findings
from tidegate.facts.tombstone import Tombstone, life_findings, tombstone_source


@dataclass(frozen=True, slots=True)
class Platform:
    """The whole inventory, by name. `check` has found nothing wrong with it once `inventory.load` returns one."""

    clusters: Mapping[str, Cluster]
    tenants: Mapping[str, Tenant]
    tombstones: Mapping[str, Tombstone] = dataclass_field(default_factory=dict[str, Tombstone])
    catalogue: ModelCatalogue = dataclass_field(default_factory=ModelCatalogue)
    """Models that may be served beside those that tenants name now, and the keys of both."""
    images: tuple[BuiltImage, ...] = ()
    """Workload images that may run; none lets none in."""
    callees: Mapping[str, tuple[str, ...]] = dataclass_field(init=False, repr=False, compare=False)
    """Whom each tenant may call in the mesh, by name; looked up for each tenant, so it is not searched for each time."""

    def __post_init__(self) -> None:
        found: dict[str, list[str]] = {}
        for called, tenant in sorted(self.tenants.items()):
            for caller in tenant.callers:
                if caller.tenant:
                    found.setdefault(caller.tenant, []).append(called)
        object.__setattr__(self, "callees", {caller: tuple(called) for caller, called in found.items()})

    def tenants_of(self, cluster: str) -> list[Tenant]:
        """The tenants that run in `cluster`, by name."""
        return [tenant for _, tenant in sorted(self.tenants.items()) if cluster in tenant.clusters]

    def tombstones_of(self, cluster: str) -> list[Tombstone]:
        """The tenants that are to be gone from `cluster`, by name."""
        return [one for _, one in sorted(self.tombstones.items()) if cluster in one.clusters and not one.models]

    def removed_models(self, tenant: str, cluster: str) -> tuple[str, ...]:
        """The models of a living tenant that are to be gone from `cluster`."""
        tombstone = self.tombstones.get(tenant)
        return tombstone.models if tombstone and cluster in tombstone.clusters else ()


def cluster_source(name: str) -> str:
    """The file of a cluster, relative to the repository."""
    return f"clusters/inventory/{name}/cluster.yaml"


def tenant_source(name: str) -> str:
    """The file of a tenant, relative to the repository."""
    return f"gitops/tenants/{name}.yaml"


def check(platform: Platform) -> list[Finding]:
    """Every contradiction between facts, in no particular order; empty means the platform can be rendered."""
    findings = [*_pair_findings(platform), *_namespace_findings(platform), *_host_findings(platform)]
    for name, cluster in platform.clusters.items():
        findings += price_findings(cluster, cluster_source(name))
        findings += _domain_findings(platform, cluster)
    for tenant in platform.tenants.values():
        source, clusters = tenant_source(tenant.name), [platform.clusters[at] for at in tenant.clusters if at in platform.clusters]
        findings += _placement_findings(platform, tenant)
        findings += room_findings(source, tenant, {name: most_turns(clusters, model) for name, model in tenant.models.items()})
        findings += anti_pattern_findings(source, tenant)
        stages = {cluster.stage for cluster in clusters}
        findings += origin_findings(source, tenant, stages)
        for name, model in tenant.models.items():
            findings += [*name_findings(source, name), *tier_findings(source, tenant.tier, name, model, stages)]
            findings += _stage_findings(tenant, name, model, stages)
            findings += hosting_findings(source, clusters, name, model)
            findings += _registry_findings(tenant, name, model)
    for tombstone in platform.tombstones.values():
        findings += _cluster_findings(platform, tombstone_source(tombstone.name), tombstone.clusters)
        findings += life_findings(tombstone, platform.tenants)
    return findings


def warn(platform: Platform) -> list[Finding]:
    """What is allowed and probably not meant, sorted; nobody is refused for it."""
    return sorted(found for tenant in platform.tenants.values() for found in room_warnings(tenant_source(tenant.name), tenant))


def _pair_findings(platform: Platform) -> Iterator[Finding]:
    for name, cluster in platform.clusters.items():
        source = cluster_source(name)
        pair = platform.clusters.get(cluster.pair)
        if pair is None:
            known = ", ".join(sorted(set(platform.clusters) - {name})) or "none yet"
            yield Finding(source, "pair", "pair-unknown", "no such cluster", f"name one of: {known}", cluster.pair)
            continue
        if pair.pair not in platform.clusters:
            continue  # said where it stands: in the pair's own file
        if pair.pair != name:
            remedy = f"set pair: {name} in {cluster_source(cluster.pair)}, or pair both elsewhere"
            yield Finding(source, "pair", "pair-one-sided", f"{cluster.pair} is paired with {pair.pair}", remedy, cluster.pair)
            continue
        if name < cluster.pair:  # what follows is about both, so it is said once
            yield from _agreement_findings(cluster, pair)


def _domain_findings(platform: Platform, cluster: Cluster) -> Iterator[Finding]:
    """Records of a cluster are written into its zone, below its domain, by a role that may write nowhere else."""
    source, zone = cluster_source(cluster.name), cluster.edge.zone_name
    if not cluster.domain.endswith(f".{zone}"):
        problem, remedy = f"is not below edge.zone_name, {zone}", f"take a name below it, such as {cluster.name}.{zone}"
        yield Finding(source, "domain", "domain-outside-zone", problem, remedy, cluster.domain)
    for name, other in sorted(platform.clusters.items()):
        if other.domain != other.edge.zone_name and cluster.domain.endswith(f".{other.domain}"):
            problem = f"is below the domain of {name}, whose role may write its records"
            yield Finding(
                source, "domain", "domain-below-another", problem, "give each cluster a domain beside the others'", cluster.domain
            )


def _agreement_findings(cluster: Cluster, pair: Cluster) -> Iterator[Finding]:
    source = cluster_source(cluster.name)
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
    if pair.stage != cluster.stage:
        yield Finding(
            source, "stage", "pair-stage-differs", f"{cluster.pair} is {pair.stage}", "give both of a pair the same stage", cluster.stage
        )
    if pair.domain == cluster.domain:
        yield Finding(source, "domain", "pair-same-domain", f"{cluster.pair} uses it too", "give each cluster its own", cluster.domain)


def _namespace_findings(platform: Platform) -> Iterator[Finding]:
    holders: dict[tuple[str, str], str] = {}
    # Whoever has a namespace by default keeps it; whoever asks for it by name gets a finding.
    for name, tenant in sorted(platform.tenants.items(), key=lambda item: (item[1].namespace is not None, item[0])):
        namespace = tenant.namespace_name
        others = {holders.setdefault((cluster, namespace), name) for cluster in tenant.clusters} - {name}
        for other in sorted(others):
            yield Finding(tenant_source(name), "namespace", "namespace-shared", f"{other} already has it", "choose another", namespace)


def _host_findings(platform: Platform) -> Iterator[Finding]:
    """Hosts are one space for all clusters, because a caller's resolver knows nothing of clusters."""
    holders: dict[str, str] = {}
    own = {host for cluster in platform.clusters.values() for host in (cluster.domain, cluster.edge.zone_name)}
    for name, tenant in sorted(platform.tenants.items(), key=lambda item: (item[1].host is not None, item[0])):
        source = tenant_source(name)
        present = [platform.clusters[at] for at in tenant.clusters if at in platform.clusters]
        for host in sorted({host for at in present for host in tenant.hosts_in(at.domain, at.edge.zone_name)}):
            if (other := holders.setdefault(host, name)) != name:
                yield Finding(source, "host", "host-shared", f"{other} already has it", "choose another", host)
            if host in own:
                yield Finding(source, "host", "host-of-platform", "the platform itself answers there", "choose another", host)


def _placement_findings(platform: Platform, tenant: Tenant) -> Iterator[Finding]:
    source = tenant_source(tenant.name)
    yield from _cluster_findings(platform, source, tenant.clusters)
    for index, caller in enumerate(tenant.callers):
        if caller.tenant == tenant.name:
            yield Finding(source, f"callers[{index}].tenant", "caller-itself", "a tenant may always call itself", "remove it", tenant.name)
        elif caller.tenant and caller.tenant not in platform.tenants:
            yield Finding(
                source, f"callers[{index}].tenant", "caller-unknown", "no such tenant", "remove it or add the tenant", caller.tenant
            )
    if tenant.tier.is_hot:
        for cluster_name in tenant.clusters:
            cluster = platform.clusters.get(cluster_name)
            if cluster and cluster.pair in platform.clusters and cluster.pair not in tenant.clusters:
                yield Finding(
                    source, "clusters", "hot-tier-in-one-region", f"tier {tenant.tier} must outlive a region",
                    f"add {cluster.pair}", ", ".join(tenant.clusters),
                )  # fmt: skip


def _cluster_findings(platform: Platform, source: str, clusters: Sequence[str]) -> Iterator[Finding]:
    for index, cluster in enumerate(clusters):
        if cluster not in platform.clusters:
            known = ", ".join(sorted(platform.clusters))
            yield Finding(source, f"clusters[{index}]", "cluster-unknown", "no such cluster", f"use one of: {known}", cluster)


def _stage_findings(tenant: Tenant, name: str, model: ServedModel, stages: AbstractSet[Stage]) -> Iterator[Finding]:
    for stage in model.artefact_by_stage:
        if stage not in stages:
            yield Finding(
                tenant_source(tenant.name), f"models.{name}.artefact_by_stage.{stage}", "stage-without-cluster",
                f"no cluster of {tenant.name} is {stage}", f"remove it, or add such a cluster to clusters ({', '.join(tenant.clusters)})",
            )  # fmt: skip


def _registry_findings(tenant: Tenant, name: str, model: ServedModel) -> Iterator[Finding]:
    """A tenant's role reads its own folder of the registry and nothing else in S3; better said here than by a 403."""
    own = f"{names.MODEL_REGISTRY_URI}{tenant.name}/"
    artefacts = {f"{named.path}.uri": named.artefact.uri for named in model.named_artefacts()}
    for field, uri in {"golden_set.uri": model.golden_set.uri, **artefacts}.items():
        source, path, remedy = tenant_source(tenant.name), f"models.{name}.{field}", f"put it below {own}"
        if uri.startswith(own):
            if field in artefacts and not uri.startswith(f"{own}{name}/"):  # pods are admitted by this name (require-catalogued-model)
                yield Finding(source, path, "uri-of-another-model", "another model's folder", f"put it below {own}{name}/", uri)
            continue
        if uri.startswith(names.MODEL_REGISTRY_URI):
            yield Finding(source, path, "uri-of-another-tenant", "another tenant's folder", remedy, uri)
        else:
            yield Finding(source, path, "uri-outside-registry", "the tenant's role reads the model registry only", remedy, uri)
