"""How a tenant's host reaches its models: `https://<tenant host>/<model>/...` and what follows goes to the model."""

from __future__ import annotations

from collections.abc import Iterator

from clusters.components.network.edge_limits import hosts, subjects
from clusters.components.network.gateways import metadata
from clusters.components.network.shares import shares
from clusters.objects.gateway_api import BackendRef, HttpRoute, ReferenceGrant, RouteRule
from tidegate.facts import names, ports
from tidegate.facts.cluster import Cluster
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant
from tidegate.manifests.yaml_text import Manifest

RULES_MAX = 16
"""The most rules of one HTTPRoute; of matches it takes 128 (MaxItems and the CEL rule on `rules` in apis/v1/httproute_types.go of
sigs.k8s.io/gateway-api)."""

GRANTED_MAX = 16
"""The most Services of one ReferenceGrant (MaxItems in referencegrant_types.go, same release)."""


def objects(platform: Platform, cluster: Cluster) -> Iterator[Manifest]:
    """The HTTPRoutes of every tenant that callers from outside may reach, in the gateways' namespace."""
    for tenant in platform.tenants_of(cluster.name):
        if subjects(tenant):
            yield from _routes(cluster, tenant)


def tenant_of(route: str) -> str:
    """The tenant that a route is named after."""
    return route.partition(".")[0]


def grants(tenant: Tenant) -> Iterator[Manifest]:
    """Standard mode has no Knative host, so the edge names the tenant's Services themselves and needs leave to do so."""
    standard = {name: model for name, model in tenant.models.items() if model.scaling.mode == "standard"}
    services = [names.inference_part(name, part) for name, model in standard.items() for part in parts_of(model)]
    for called, share in shares("edge", services, GRANTED_MAX) if services else ():
        grant: ReferenceGrant = {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "ReferenceGrant",
            "metadata": {
                "name": called,
                "namespace": tenant.namespace_name,
                "labels": names.tenant_labels(tenant.name, tenant.tier),
            },
            "spec": {
                "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": names.NAMESPACE_EDGE}],
                "to": [{"group": "", "kind": "Service", "name": service} for service in share],
            },
        }
        yield grant


def entry_part(model: ServedModel) -> str:
    """The part that callers speak to."""
    return "transformer" if model.transformer else "predictor"


def parts_of(model: ServedModel) -> tuple[str, ...]:
    """The parts that a route leads to."""
    return (entry_part(model), "explainer") if model.explainer else (entry_part(model),)


def part_hosts(tenant: Tenant, name: str, model: ServedModel) -> Iterator[str]:
    """Every spelling of the hosts of a model's parts inside the mesh; Knative makes a virtual host of its own for each.

    A transformer asks its predictor by such a host, too, though no route leads there.
    """
    for part in dict.fromkeys(("predictor", *parts_of(model))):
        whole = names.cluster_local_host(names.inference_part(name, part), tenant.namespace_name)
        yield from (whole, whole.removesuffix(".cluster.local"), whole.removesuffix(".svc.cluster.local"))


def _routes(cluster: Cluster, tenant: Tenant) -> Iterator[HttpRoute]:
    """As many as Gateway API's limit asks for, filled in the file's order: who adds a model at the end moves no other.

    A model's rules stay together. The first route has the tenant's name; the others' have a dot in them, which no tenant's has. All have
    the tenant's label, by which `tidegate.live.explanation` finds them.
    """
    shares: list[list[RouteRule]] = [[]]
    for name, model in tenant.models.items():
        rules = _rules(tenant, name, model)
        if len(shares[-1]) + len(rules) > RULES_MAX:
            shares.append([])
        shares[-1] += rules
    for number, share in enumerate(shares, start=1):
        yield {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": metadata(tenant.name if number == 1 else f"{tenant.name}.{number}", tenant.name),
            "spec": {"parentRefs": [{"name": names.GATEWAY_EDGE}], "hostnames": hosts(cluster, tenant), "rules": share},
        }


def _rules(tenant: Tenant, name: str, model: ServedModel) -> list[RouteRule]:
    """One rule for the model, and one for its explainer if it has one; each has one match, so a route never has more than 16."""
    rules: list[RouteRule] = []
    if model.explainer:
        explain = f"/v1/models/{name}:explain"
        exact = {"type": "Exact", "value": f"/{name}{explain}"}
        path = {"type": "ReplaceFullPath", "replaceFullPath": explain}
        rules.append(_rule(tenant, name, model, part="explainer", match=exact, path=path))
    prefix = {"type": "PathPrefix", "value": f"/{name}"}
    path = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
    return [*rules, _rule(tenant, name, model, part=entry_part(model), match=prefix, path=path)]


def _rule(tenant: Tenant, name: str, model: ServedModel, *, part: str, match: dict[str, str], path: dict[str, str]) -> RouteRule:
    """In Knative mode the local gateway takes the call, by the host that Knative gave the part."""
    service = names.inference_part(name, part)
    host = names.cluster_local_host(service, tenant.namespace_name)
    backend: BackendRef = {"name": names.gateway_workload(names.GATEWAY_LOCAL), "port": ports.HTTP_PORT}
    if model.scaling.mode == "standard":
        backend = {"name": service, "namespace": tenant.namespace_name, "port": ports.HTTP_PORT}
    rewrite: dict[str, object] = {"type": "URLRewrite", "urlRewrite": {"hostname": host, "path": path}}
    return {"matches": [{"path": match}], "filters": [rewrite], "backendRefs": [backend]}
