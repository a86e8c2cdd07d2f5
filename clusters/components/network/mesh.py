"""Mesh-wide STRICT mTLS with nothing allowed by default, the policies that keep tenants apart, and the log of what is refused.

The activator may reach every tenant, so it must know on whose behalf it calls. The policies below were attacked in a
trial: a tenant's own certificate, past its own sidecar, reached no other tenant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from clusters.components.network import ingress_probes, paths, request_log
from clusters.components.network.gateways import target
from clusters.components.network.isolation import gateway_principal, tenant_hosts
from clusters.components.network.neighbours import callers_of
from clusters.components.network.shares import shares
from clusters.objects import LabelSelector, Metadata
from clusters.objects.istio import AuthorizationPolicy, AuthorizationPolicySpec, Condition, Operation, PeerAuthentication, Rule
from tidegate.facts import names, ports
from tidegate.facts.cluster import Cluster
from tidegate.facts.platform import Platform
from tidegate.manifests.yaml_text import Manifest

COMPONENT = "mesh"
_OF_TENANTS = re.compile(r"(activator|local-gateway(-probes)?)(-[0-9]+)?")
_DATA_PORTS = [str(port) for port in ports.KNATIVE_DATA_PORTS]
_ROUTING_HEADERS = ("Knative-Serving-Namespace", "Knative-Serving-Revision")
"""The activator believes these, and they can be sent twice; only the gateways may send them."""


def objects(platform: Platform, cluster: Cluster) -> Iterator[Manifest]:
    """The mesh-wide defaults and the policies of the local gateway, the activator and the autoscaler."""
    authentication: PeerAuthentication = {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": _metadata("strict", names.NAMESPACE_MESH),
        "spec": {"mtls": {"mode": "STRICT"}},
    }
    yield authentication
    yield _policy("allow-nothing", names.NAMESPACE_MESH, {})
    yield _refusals()
    yield _requests()
    gateway = target(names.GATEWAY_LOCAL)
    for name, rules in shares("local-gateway", _local_gateway_rules(platform, cluster)):
        yield _policy(name, names.NAMESPACE_EDGE, {"targetRefs": [gateway], "action": "ALLOW", "rules": rules})
    if probes := list(ingress_probes.rules(platform, cluster)):
        for name, rules in shares("local-gateway-probes", probes):
            yield _policy(name, names.NAMESPACE_EDGE, {"targetRefs": [gateway], "action": "ALLOW", "rules": rules})
    models = [model for tenant in platform.tenants_of(cluster.name) for model in tenant.models.values()]
    unserved: Operation = {"ports": [str(ports.HTTP_PORT)], "notPaths": paths.served(models, below_a_name=False)}
    yield _policy(
        f"{paths.POLICY}-in-the-mesh",
        names.NAMESPACE_EDGE,
        {"targetRefs": [gateway], "action": "DENY", "rules": [{"to": [{"operation": unserved}]}]},
    )
    selector: LabelSelector = {"matchLabels": {"app": "activator"}}
    for name, rules in shares("activator", _activator_rules(platform, cluster)):
        yield _policy(name, names.NAMESPACE_KNATIVE, {"selector": selector, "action": "ALLOW", "rules": rules})
    headers: list[Rule] = [
        {
            "from": [{"source": {"notPrincipals": [gateway_principal(names.GATEWAY_LOCAL)]}}],
            "when": [{"key": f"request.headers[{header}]", "values": ["*"]}],
        }
        for header in _ROUTING_HEADERS
    ]
    yield _policy("activator-headers", names.NAMESPACE_KNATIVE, {"selector": selector, "action": "DENY", "rules": headers})
    reports: list[Rule] = [
        {
            "from": [{"source": {"principals": [names.mesh_principal(names.NAMESPACE_KNATIVE, "activator")]}}],
            "to": [{"operation": {"ports": [str(ports.AUTOSCALER_PORT)]}}],
        }
    ]
    yield _policy(
        "autoscaler", names.NAMESPACE_KNATIVE, {"selector": {"matchLabels": {"app": "autoscaler"}}, "action": "ALLOW", "rules": reports}
    )


def names_tenants(policy: str) -> bool:
    """Whether a policy's rules follow from the tenants."""
    return _OF_TENANTS.fullmatch(policy) is not None


def _local_gateway_rules(platform: Platform, cluster: Cluster) -> list[Rule]:
    """A tenant's hosts are for itself, for its callers and for the edge, which has checked the token."""
    rules: list[Rule] = []
    for tenant in platform.tenants_of(cluster.name):
        namespaces = [tenant.namespace_name, *(caller.namespace_name for caller in callers_of(platform, cluster.name, tenant))]
        rules.append(
            {
                "from": [{"source": {"namespaces": namespaces}}, {"source": {"principals": [gateway_principal(names.GATEWAY_EDGE)]}}],
                "to": [{"operation": {"hosts": tenant_hosts(tenant), "ports": [str(ports.HTTP_PORT)]}}],
            }
        )
    return rules


def _activator_rules(platform: Platform, cluster: Cluster) -> list[Rule]:
    gateway = gateway_principal(names.GATEWAY_LOCAL)
    without_headers: list[Condition] = [{"key": f"request.headers[{header}]", "notValues": ["*"]} for header in _ROUTING_HEADERS]
    rules: list[Rule] = []
    for tenant in platform.tenants_of(cluster.name):
        namespace = tenant.namespace_name
        rules.append(
            {
                "from": [{"source": {"principals": [gateway]}}],
                "to": [{"operation": {"hosts": tenant_hosts(tenant), "ports": _DATA_PORTS}}],
                "when": [{"key": f"request.headers[{_ROUTING_HEADERS[0]}]", "values": [namespace]}],
            }
        )
        rules.append(
            {
                "from": [{"source": {"namespaces": [namespace]}}],
                "to": [{"operation": {"hosts": [f"*.{namespace}.svc.cluster.local"], "ports": _DATA_PORTS}}],
                "when": without_headers,
            }
        )
    probers = [gateway, names.mesh_principal(names.NAMESPACE_KNATIVE, "controller")]
    rules.append(
        {
            "from": [{"source": {"principals": probers}}],
            "to": [{"operation": {"ports": _DATA_PORTS}}],
            "when": [{"key": f"request.headers[{ingress_probes.PROBE_HEADER}]", "values": ["probe", "activator"]}],
        }
    )
    return rules


def _refusals() -> Manifest:
    """Every proxy writes a line for each request that it answered itself: refused, limited, broken off, without a route.

    What a model answered is not written, good or bad. `envoy` is Istio's own name for the log on stdout.
    """
    log = {"providers": [{"name": "envoy"}], "filter": {"expression": "response.code_details != 'via_upstream'"}}
    return {
        "apiVersion": "telemetry.istio.io/v1",
        "kind": "Telemetry",
        "metadata": _metadata("refusals", names.NAMESPACE_MESH),
        "spec": {"accessLogging": [log]},
    }


def _requests() -> Manifest:
    """The edge writes a line for every request, in place of the line above."""
    return {
        "apiVersion": "telemetry.istio.io/v1",
        "kind": "Telemetry",
        "metadata": _metadata("requests", names.NAMESPACE_EDGE),
        "spec": {"targetRefs": [target(names.GATEWAY_EDGE)], "accessLogging": [{"providers": [{"name": request_log.NAME}]}]},
    }


def _policy(name: str, namespace: str, spec: AuthorizationPolicySpec) -> Manifest:
    policy: AuthorizationPolicy = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": _metadata(name, namespace),
        "spec": spec,
    }
    return policy


def _metadata(name: str, namespace: str) -> Metadata:
    return {"name": name, "namespace": namespace, "labels": names.component_labels(COMPONENT)}
