"""How Knative's ingress controller sees that a route is there: it asks the local gateway itself, on a port that nobody else reaches.

Refused with 403 it would give up asking and call the route ready, so that callers of a new revision meet 404 for a second. It has no
certificate of the mesh, and a header that everybody can send proves nothing. So the network admits its pods alone to that port, and the
gateway there only the questions that it asks, for hosts behind which queue-proxy or the activator answers it and no model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from clusters.components.network.gateways import COMPONENT
from clusters.components.network.isolation import tenant_hosts
from clusters.components.network.routes import parts_of
from clusters.objects.istio import Rule
from clusters.objects.wire_form import to_wire
from tidegate.facts import names, ports
from tidegate.facts.cluster import Cluster
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant
from tidegate.manifests.yaml_text import Manifest

if TYPE_CHECKING:
    from pulumi_kubernetes.networking.v1 import NetworkPolicyArgsDict

PROBE_HEADER = "K-Network-Probe"
_PATHS = ["/", "/.well-known/knative/revision/*"]
"""Of a whole route, and of one revision that a release is about to send traffic to (net-gateway-api 0.48, pkg/reconciler/ingress)."""

_CONTROLLER = {"app": "net-gateway-api-controller"}
_FOR_ALL = (ports.HTTP_PORT, ports.SIDECAR_METRICS_PORT, ports.SIDECAR_HEALTH_PORT, ports.ENVOY_METRICS_PORT)
"""The port that wants a certificate of the mesh, and those for metrics and the kubelet."""


def objects() -> Iterator[Manifest]:
    """Who reaches which port of the local gateway."""
    policy: NetworkPolicyArgsDict = {
        "api_version": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "local-gateway-probes", "namespace": names.NAMESPACE_EDGE, "labels": names.component_labels(COMPONENT)},
        "spec": {
            "pod_selector": {"match_labels": {"gateway.networking.k8s.io/gateway-name": names.GATEWAY_LOCAL}},
            "policy_types": ["Ingress"],
            "ingress": [
                {"ports": [{"protocol": "TCP", "port": port} for port in _FOR_ALL]},
                {
                    "from_": [
                        {
                            "namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": names.NAMESPACE_KNATIVE}},
                            "pod_selector": {"match_labels": _CONTROLLER},
                        }
                    ],
                    "ports": [{"protocol": "TCP", "port": ports.KNATIVE_PROBE_PORT}],
                },
            ],
        },
    }
    yield to_wire(policy)


def rules(platform: Platform, cluster: Cluster) -> Iterator[Rule]:
    """What the local gateway lets through on the port of probes."""
    for tenant in platform.tenants_of(cluster.name):
        if hosts := _hosts(tenant):
            yield {
                "to": [{"operation": {"hosts": hosts, "ports": [str(ports.KNATIVE_PROBE_PORT)], "methods": ["GET"], "paths": _PATHS}}],
                "when": [{"key": f"request.headers[{PROBE_HEADER}]", "values": ["probe"]}],
            }


def _hosts(tenant: Tenant) -> list[str]:
    """Of models in Knative mode only: a server in standard mode would take the question for a request."""
    if all(model.scaling.mode == "knative" for model in tenant.models.values()):
        return tenant_hosts(tenant)
    services = [
        names.cluster_local_host(names.inference_part(name, part), tenant.namespace_name)
        for name, model in tenant.models.items()
        if model.scaling.mode == "knative"
        for part in parts_of(model)
    ]
    return [
        spelled for host in services for spelled in (host, host.removesuffix(".cluster.local"), host.removesuffix(".svc.cluster.local"))
    ]
