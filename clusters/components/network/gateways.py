"""The two entrances of a cluster: `edge` for callers with a token, `knative-local` for calls inside the mesh."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from clusters.components.network import gateway_memory
from clusters.objects import Metadata
from clusters.objects.gateway_api import Gateway
from clusters.objects.istio import DestinationRule, TargetRef
from clusters.objects.wire_form import to_wire
from tidegate.contracts import address_records
from tidegate.facts import names, ports
from tidegate.facts.cluster import Cluster
from tidegate.manifests.yaml_text import Manifest

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import ConfigMapArgsDict

COMPONENT = "edge"

TLS_SECRET = "edge-tls"  # noqa: S105 - the name of a Secret, not its content
"""The certificate of every tenant host; it is put there by the secrets add-on, never rendered."""

_EDGE_OPTIONS, _LOCAL_OPTIONS = "edge-options", "knative-local-options"
_EDGE_PORT = ports.HTTPS_PORT

ANNOTATION_DNS = "external-dns.alpha.kubernetes.io/hostname"
"""The names that external-dns points at a Service's balancer: the region's own, and every tenant's below it by one record."""

COUNTED_READINESS = r"cluster[.]outbound[|]80[|][|][a-z0-9-]+-health[.].*membership_(healthy|degraded|total)"
"""What a proxy must count for the answer to the region's health check (`health`): Istio leaves it out, and nobody would ever count as ready.
Without a comma, which would split it."""

LIVENESS_SECONDS = 120
"""A gateway that listens on no port of its own for so long is started again.

A proxy that connects while its control plane is still learning where pods are (every pod of a machine starts at once) can be told
of no listener, and is never told again: seen once after a machine was stopped and started, with Istio's branch of 1.31. It is ready
all the while, because Envoy is.
"""

START_SECONDS = 600
"""How long a gateway may take to start, its control plane's own start included; Istio's 30 s are less than that when a whole machine
starts on two busy cores. A gateway killed for it waits longer each time until it may try again, at last five minutes.
"""


def objects(cluster: Cluster) -> Iterator[Manifest]:
    """Both Gateways, how Istio runs them, and mTLS towards the local one."""
    replicas = cluster.edge.replicas
    # Istio merges these into what it makes for a Gateway; JSON is YAML, and its key order is ours.
    budget: dict[str, object] = {"podDisruptionBudget": {"spec": {"minAvailable": replicas - 1}}}
    if addresses := list(cluster.edge.addresses):
        service: dict[str, object] = {"spec": {"externalIPs": addresses}}
    else:
        service = {"metadata": {"annotations": {ANNOTATION_DNS: ",".join(address_records.hosts(cluster))}}}
    yield _options(_EDGE_OPTIONS, {"deployment": _deployment(replicas, _EDGE_PORT), **budget, "service": service})
    # Knative's ingress controller finds its port by one of a few names; it takes no other for one to ask.
    named: dict[str, object] = {"service": {"spec": {"ports": [{"port": ports.KNATIVE_PROBE_PORT, "name": "http2"}]}}}
    yield _options(_LOCAL_OPTIONS, {"deployment": _deployment(replicas, ports.KNATIVE_PROBE_PORT), **budget, **named})
    yield gateway_memory.file_object()
    yield _edge(cluster)
    yield _local()
    yield from _towards_local()


def _towards_local() -> Iterator[DestinationRule]:
    """The edge speaks HTTP/2 to the local gateway, which can reset the largest requests of no other (`gateway_memory`).

    To sidecars the local gateway's port is bytes in TLS, since Istio calls it HTTPS: told to speak HTTP/2 they would promise it in the
    handshake and then pass on the HTTP/1.1 of their programs. So the rule for the edge is one for its pods alone.
    """
    tls: dict[str, object] = {"tls": {"mode": "ISTIO_MUTUAL"}}
    http2 = {"connectionPool": {"http": {"h2UpgradePolicy": "UPGRADE"}}}
    edge = {"workloadSelector": {"matchLabels": {names.GATEWAY_LABEL: names.GATEWAY_EDGE}}}
    host = names.cluster_local_host(names.gateway_workload(names.GATEWAY_LOCAL), names.NAMESPACE_EDGE)
    for name, settings, selected in (("local-gateway-mtls", tls, {}), ("edge-to-local-gateway", tls | http2, edge)):
        rule: DestinationRule = {
            "apiVersion": "networking.istio.io/v1",
            "kind": "DestinationRule",
            "metadata": metadata(name),
            "spec": {"host": host, **selected, "trafficPolicy": {"portLevelSettings": [{"port": {"number": ports.HTTP_PORT}, **settings}]}},
        }
        yield rule


def _deployment(replicas: int, port: int) -> dict[str, object]:
    period = 10
    hears = {"tcpSocket": {"port": port}, "periodSeconds": period, "timeoutSeconds": 5, "failureThreshold": LIVENESS_SECONDS // period}
    # Merged into Istio's own probe, which asks once a second.
    probes = {"livenessProbe": hears, "startupProbe": {"failureThreshold": START_SECONDS}}
    container = {"name": "istio-proxy", **probes, **gateway_memory.of_container()}
    template = gateway_memory.of_template()
    return {"spec": {"replicas": replicas, "template": {**template, "spec": {"containers": [container], **template["spec"]}}}}


def _options(name: str, merged: dict[str, object]) -> Manifest:
    options: ConfigMapArgsDict = {
        "api_version": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": names.NAMESPACE_EDGE, "labels": names.component_labels(COMPONENT)},
        "data": {key: json.dumps(value) for key, value in merged.items()},
    }
    return to_wire(options)


def target(gateway: str) -> TargetRef:
    """What makes an object of Istio's about one gateway."""
    return {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": gateway}


def metadata(name: str, tenant: str = "") -> Metadata:
    """Name and labels of an object in the gateways' namespace; with the label of a tenant when it is that tenant's alone."""
    labels = {**names.component_labels(COMPONENT), **({names.LABEL_TENANT: tenant} if tenant else {})}
    return {"name": name, "namespace": names.NAMESPACE_EDGE, "labels": labels}


def _edge(cluster: Cluster) -> Gateway:
    """Routes come from this namespace only: a tenant's own route could rewrite itself into another tenant."""
    described = metadata(names.GATEWAY_EDGE)
    if cluster.edge.addresses:  # the default, LoadBalancer, would wait for a balancer that never comes
        described["annotations"] = {"networking.istio.io/service-type": "ClusterIP"}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": described,
        "spec": {
            "gatewayClassName": "istio",
            "infrastructure": {
                "parametersRef": {"group": "", "kind": "ConfigMap", "name": _EDGE_OPTIONS},
                "annotations": {"sidecar.istio.io/statsInclusionRegexps": COUNTED_READINESS},
            },
            "listeners": [
                {
                    "name": "https",
                    "port": _EDGE_PORT,
                    "protocol": "HTTPS",
                    "allowedRoutes": {"namespaces": {"from": "Same"}},
                    "tls": {"mode": "Terminate", "certificateRefs": [{"name": TLS_SECRET}]},
                }
            ],
        },
    }


def _local() -> Gateway:
    """Both take certificates of the mesh only: 80 calls, 8081 the probes of Knative's ingress controller (`ingress_probes`)."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {**metadata(names.GATEWAY_LOCAL), "annotations": {"networking.istio.io/service-type": "ClusterIP"}},
        "spec": {
            "gatewayClassName": "istio",
            "infrastructure": {"parametersRef": {"group": "", "kind": "ConfigMap", "name": _LOCAL_OPTIONS}},
            "listeners": [
                {
                    "name": name,
                    "port": port,
                    "protocol": "HTTPS",
                    "allowedRoutes": {"namespaces": {"from": "All"}},
                    "tls": {"mode": "Terminate", "options": {"gateway.istio.io/tls-terminate-mode": "ISTIO_MUTUAL"}},
                }
                for name, port in (("mesh", ports.HTTP_PORT), ("probe", ports.KNATIVE_PROBE_PORT))
            ],
        },
    }
