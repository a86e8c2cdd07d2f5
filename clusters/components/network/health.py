"""What Route 53's health check asks of a region: whether every model that must never be away has a ready replica.

Answered by the edge from what it knows of the pods, without a token, a tenant's rate limit or a request to a model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from clusters.components.network import envoy_filters
from clusters.components.network.routes import entry_part
from clusters.objects.istio import EnvoyFilter
from clusters.objects.wire_form import to_wire
from tidegate.facts import names, ports
from tidegate.facts.cluster import Cluster
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant
from tidegate.manifests.yaml_text import Manifest

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import ServiceArgsDict

READY_PERCENT = 1
"""The share of a model's replicas that must be ready: one is enough to answer."""


def objects(platform: Platform, cluster: Cluster) -> Iterator[EnvoyFilter]:
    """The health check's answer, before every other filter of the edge."""
    config: dict[str, object] = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck",
        "pass_through_mode": False,
        "headers": [
            {"name": ":path", "string_match": {"exact": cluster.edge.health_path}},
            {"name": ":authority", "string_match": {"exact": cluster.domain}},
            {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}},
        ],
    }
    if clusters := {_envoy_cluster(host): {"value": READY_PERCENT} for host in _hosts(platform, cluster)}:
        config["cluster_min_healthy_percentages"] = clusters
    answer = envoy_filters.http_filter("envoy.filters.http.health_check", config, first=True)
    yield from envoy_filters.of_gateway(names.GATEWAY_EDGE, "health", [answer])


def service_name(model: str) -> str:
    """The Service of a model's ready replicas, whatever its versions are called."""
    return f"{model}-health"


def watched(tenant: Tenant) -> list[str]:
    """The models that a region must be able to serve to be healthy."""
    return list(tenant.models) if tenant.tier.is_hot else []


def guard_rails(tenant: Tenant) -> Iterator[Manifest]:
    """A Service for each of them, with a name that no release changes; its endpoints are the ready pods of the part that callers speak to."""
    for name in watched(tenant):
        service: ServiceArgsDict = {
            "api_version": "v1",
            "kind": "Service",
            "metadata": {
                "name": service_name(name),
                "namespace": tenant.namespace_name,
                "labels": names.tenant_labels(tenant.name, tenant.tier),
            },
            "spec": {
                "selector": {names.KSERVE_LABEL_MODEL: name, names.KSERVE_LABEL_PART: entry_part(tenant.models[name])},
                "ports": [{"name": "http", "port": ports.HTTP_PORT, "target_port": _pod_port(tenant.models[name])}],
            },
        }
        yield to_wire(service)


def _pod_port(model: ServedModel) -> int:
    """Where a pod is called: Knative's queue-proxy, or the server itself."""
    return ports.KNATIVE_DATA_PORTS[0] if model.scaling.mode == "knative" else ports.MODEL_PORT


def _hosts(platform: Platform, cluster: Cluster) -> list[str]:
    return [
        names.cluster_local_host(service_name(model), tenant.namespace_name)
        for tenant in platform.tenants_of(cluster.name)
        for model in watched(tenant)
    ]


def _envoy_cluster(host: str) -> str:
    return f"outbound|{ports.HTTP_PORT}||{host}"
