"""The two entrances of a cluster: `edge` for callers with a token, `knative-local` for calls inside the mesh."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from clusters.custom_resources import Metadata
from clusters.custom_resources.gateway_api import Gateway
from clusters.custom_resources.istio import DestinationRule
from clusters.wire_form import to_wire
from tidegate.manifests.yaml_text import Manifest
from tidegate.model import names
from tidegate.model.cluster import Cluster

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import ConfigMapArgsDict

COMPONENT = "edge"

TLS_SECRET = "edge-tls"  # noqa: S105 - the name of a Secret, not its content
"""The certificate of every tenant host; it is put there by the secrets add-on, never rendered."""

_OPTIONS = "gateway-options"
_EDGE_OPTIONS = "edge-options"


def objects(cluster: Cluster) -> Iterator[Manifest]:
    """Both Gateways, how Istio runs them, and mTLS towards the local one."""
    replicas = cluster.edge.replicas
    # Istio merges these into what it makes for a Gateway; JSON is YAML, and its key order is ours.
    merged: dict[str, object] = {
        "deployment": {"spec": {"replicas": replicas}},
        "podDisruptionBudget": {"spec": {"minAvailable": replicas - 1}},
    }
    yield _options(_OPTIONS, merged)
    if cluster.edge.addresses:
        yield _options(_EDGE_OPTIONS, {**merged, "service": {"spec": {"externalIPs": list(cluster.edge.addresses)}}})
    yield _edge(cluster)
    yield _local()
    host = names.cluster_local_host(names.gateway_workload(names.GATEWAY_LOCAL), names.NAMESPACE_EDGE)
    mutual: DestinationRule = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": metadata("local-gateway-mtls"),
        "spec": {"host": host, "trafficPolicy": {"portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "ISTIO_MUTUAL"}}]}},
    }
    yield mutual


def _options(name: str, merged: dict[str, object]) -> Manifest:
    options: ConfigMapArgsDict = {
        "api_version": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": names.NAMESPACE_EDGE, "labels": names.component_labels(COMPONENT)},
        "data": {key: json.dumps(value) for key, value in merged.items()},
    }
    return to_wire(options)


def metadata(name: str) -> Metadata:
    """Name and labels of an object in the gateways' namespace."""
    return {"name": name, "namespace": names.NAMESPACE_EDGE, "labels": names.component_labels(COMPONENT)}


def _edge(cluster: Cluster) -> Gateway:
    """Routes come from this namespace only: a tenant's own route could rewrite itself into another tenant."""
    described, options = metadata(names.GATEWAY_EDGE), _OPTIONS
    if cluster.edge.addresses:  # the default, LoadBalancer, would wait for a balancer that never comes
        described["annotations"] = {"networking.istio.io/service-type": "ClusterIP"}
        options = _EDGE_OPTIONS
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": described,
        "spec": {
            "gatewayClassName": "istio",
            "infrastructure": {"parametersRef": {"group": "", "kind": "ConfigMap", "name": options}},
            "listeners": [
                {
                    "name": "https",
                    "port": 443,
                    "protocol": "HTTPS",
                    "allowedRoutes": {"namespaces": {"from": "Same"}},
                    "tls": {"mode": "Terminate", "certificateRefs": [{"name": TLS_SECRET}]},
                }
            ],
        },
    }


def _local() -> Gateway:
    """Port 80 takes mesh certificates only; 8081 is plain, for the probes of Knative's ingress controller, and serves no tenant."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {**metadata(names.GATEWAY_LOCAL), "annotations": {"networking.istio.io/service-type": "ClusterIP"}},
        "spec": {
            "gatewayClassName": "istio",
            "infrastructure": {"parametersRef": {"group": "", "kind": "ConfigMap", "name": _OPTIONS}},
            "listeners": [
                {
                    "name": "mesh",
                    "port": 80,
                    "protocol": "HTTPS",
                    "allowedRoutes": {"namespaces": {"from": "All"}},
                    "tls": {"mode": "Terminate", "options": {"gateway.istio.io/tls-terminate-mode": "ISTIO_MUTUAL"}},
                },
                {"name": "probe", "port": 8081, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}},
            ],
        },
    }
