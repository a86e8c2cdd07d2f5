"""How Knative's ingress controller sees that a route is there: it asks the local gateway itself, on a port of its own.

Refused with 403 it gives up asking and calls the route ready, so that callers of a new revision meet 404 for a second. It asks pods by
address and in plain text, and a header that everybody can send proves nothing. So its pod has a sidecar that takes what goes to that port
alone (clusters/addons/knative_gateway.py), and shows the mesh's certificate there. The gateway admits that identity, for the questions that
it asks, at hosts behind which queue-proxy or the activator answers them and no model.
"""

from __future__ import annotations

from collections.abc import Iterator

from clusters.components.network.isolation import gateway_principal, tenant_hosts
from clusters.components.network.routes import part_hosts
from clusters.objects.istio import EnvoyFilter, Rule
from tidegate.facts import names, ports
from tidegate.facts.cluster import Cluster
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant

COMPONENT = "mesh"
PROBE_HEADER = "K-Network-Probe"

CONTROLLER = "net-gateway-api-controller"
"""Its Deployment, and the label `app` of its pods."""

_PATHS = ["/", "/.well-known/knative/revision/*"]
"""Of a whole route, and of one revision that a release is about to send traffic to (net-gateway-api 0.48, pkg/reconciler/ingress)."""

_TYPES = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"


def objects() -> Iterator[EnvoyFilter]:
    """The controller's sidecar speaks mTLS to whatever it was asked for by address, and believes the local gateway only.

    Istio does so for hosts that it knows. The controller asks an address for a tenant's host, which to Istio is a stranger.
    """
    secrets: dict[str, object] = {
        "api_config_source": {
            "api_type": "GRPC",
            "transport_api_version": "V3",
            "set_node_on_first_message_only": True,
            "grpc_services": [{"envoy_grpc": {"cluster_name": "sds-grpc"}}],
        },
        "initial_fetch_timeout": "0s",
        "resource_api_version": "V3",
    }
    gateway = f"spiffe://{gateway_principal(names.GATEWAY_LOCAL)}"
    context: dict[str, object] = {
        "@type": f"{_TYPES}.UpstreamTlsContext",
        "common_tls_context": {
            "tls_certificate_sds_secret_configs": [{"name": "default", "sds_config": secrets}],
            "combined_validation_context": {
                "default_validation_context": {"match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {"exact": gateway}}]},
                "validation_context_sds_secret_config": {"name": "ROOTCA", "sds_config": secrets},
            },
        },
    }
    patch: dict[str, object] = {
        "applyTo": "CLUSTER",
        "match": {"context": "SIDECAR_OUTBOUND", "cluster": {"name": "PassthroughCluster"}},
        "patch": {
            "operation": "MERGE",
            "value": {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context}},
        },
    }
    yield {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": "ingress-probes", "namespace": names.NAMESPACE_KNATIVE, "labels": names.component_labels(COMPONENT)},
        "spec": {"workloadSelector": {"labels": {"app": CONTROLLER}}, "configPatches": [patch]},
    }


def rules(platform: Platform, cluster: Cluster) -> Iterator[Rule]:
    """What the local gateway lets through on the port of probes."""
    prober = names.mesh_principal(names.NAMESPACE_KNATIVE, names.CONTROLLER_KNATIVE)
    for tenant in platform.tenants_of(cluster.name):
        if hosts := _hosts(tenant):
            yield {
                "from": [{"source": {"principals": [prober]}}],
                "to": [{"operation": {"hosts": hosts, "ports": [str(ports.KNATIVE_PROBE_PORT)], "methods": ["GET"], "paths": _PATHS}}],
                "when": [{"key": f"request.headers[{PROBE_HEADER}]", "values": ["probe"]}],
            }


def _hosts(tenant: Tenant) -> list[str]:
    """Of models in Knative mode only: a server in standard mode would take the question for a request."""
    if all(model.scaling.mode == "knative" for model in tenant.models.values()):
        return tenant_hosts(tenant)
    return [host for name, model in tenant.models.items() if model.scaling.mode == "knative" for host in part_hosts(tenant, name, model)]
