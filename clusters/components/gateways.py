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

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import ConfigMapArgsDict

COMPONENT = "edge"

EDGE_REPLICAS = 3
"""One per availability zone. Rate limits count per proxy, so they are divided by this number."""

TLS_SECRET = "edge-tls"  # noqa: S105 - the name of a Secret, not its content
"""The certificate of every tenant host; it is put there by the secrets add-on, never rendered."""

_OPTIONS = "gateway-options"


def objects() -> Iterator[Manifest]:
    """Both Gateways, how Istio runs them, and mTLS towards the local one."""
    options: ConfigMapArgsDict = {
        "api_version": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": _OPTIONS, "namespace": names.NAMESPACE_EDGE, "labels": names.component_labels(COMPONENT)},
        "data": {
            # Istio merges these into what it makes for a Gateway; JSON is YAML, and its key order is ours.
            "deployment": json.dumps({"spec": {"replicas": EDGE_REPLICAS}}),
            "podDisruptionBudget": json.dumps({"spec": {"minAvailable": EDGE_REPLICAS - 1}}),
        },
    }
    yield to_wire(options)
    yield _edge()
    yield _local()
    host = names.cluster_local_host(names.gateway_workload(names.GATEWAY_LOCAL), names.NAMESPACE_EDGE)
    mutual: DestinationRule = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": metadata("local-gateway-mtls"),
        "spec": {"host": host, "trafficPolicy": {"portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "ISTIO_MUTUAL"}}]}},
    }
    yield mutual


def metadata(name: str) -> Metadata:
    """Name and labels of an object in the gateways' namespace."""
    return {"name": name, "namespace": names.NAMESPACE_EDGE, "labels": names.component_labels(COMPONENT)}


def _edge() -> Gateway:
    """Routes come from this namespace only: a tenant's own route could rewrite itself into another tenant."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": metadata(names.GATEWAY_EDGE),
        "spec": {
            "gatewayClassName": "istio",
            "infrastructure": {"parametersRef": {"group": "", "kind": "ConfigMap", "name": _OPTIONS}},
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
