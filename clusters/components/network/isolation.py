"""What fences a tenant's namespace: NetworkPolicies, STRICT mTLS and who may call its pods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from clusters.components.network import paths
from clusters.components.network.neighbours import called_by, callers_of
from clusters.objects.istio import AuthorizationPolicy, Operation, PeerAuthentication, Rule
from clusters.objects.wire_form import to_wire
from tidegate.facts import names, ports
from tidegate.facts.cluster import Cluster
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant
from tidegate.manifests.yaml_text import Manifest

if TYPE_CHECKING:
    from pulumi_kubernetes.networking.v1 import (
        NetworkPolicyArgsDict,
        NetworkPolicyEgressRuleArgsDict,
        NetworkPolicyIngressRuleArgsDict,
        NetworkPolicyPeerArgsDict,
        NetworkPolicyPortArgsDict,
        NetworkPolicySpecArgsDict,
    )

PRIVATE_RANGES = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")
"""RFC 1918 and link-local: the model store is outside of them, everything else that pods could attack is inside."""


def guard_rails(platform: Platform, cluster: Cluster, tenant: Tenant) -> Iterator[Manifest]:
    """Default deny, then one policy per reason to be reached or to reach out; mTLS and mesh callers."""
    callers, called = callers_of(platform, cluster.name, tenant), called_by(platform, cluster.name, tenant)
    yield from _network_policies(tenant, callers, called)
    authentication: PeerAuthentication = {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": "strict", "namespace": tenant.namespace_name, "labels": names.tenant_labels(tenant.name, tenant.tier)},
        "spec": {"mtls": {"mode": "STRICT"}},
    }
    yield authentication
    yield _callers_policy(tenant, callers)


def tenant_hosts(tenant: Tenant) -> list[str]:
    """Every spelling of the tenant's hosts inside the mesh; the star stands for a Service, never for a namespace."""
    namespace = tenant.namespace_name
    return [f"*.{namespace}.svc.cluster.local", f"*.{namespace}.svc", f"*.{namespace}"]


def gateway_principals() -> list[str]:
    """The gateways as the mesh knows them."""
    return [gateway_principal(gateway) for gateway in (names.GATEWAY_EDGE, names.GATEWAY_LOCAL)]


def gateway_principal(gateway: str) -> str:
    """One gateway as the mesh knows it."""
    return names.mesh_principal(names.NAMESPACE_EDGE, names.gateway_workload(gateway))


def _network_policies(tenant: Tenant, callers: Sequence[Tenant], called: Sequence[Tenant]) -> Iterator[Manifest]:
    gateways = _pods(names.NAMESPACE_EDGE)
    activator = _pods(names.NAMESPACE_KNATIVE, {"app": "activator"})
    autoscaler = _pods(names.NAMESPACE_KNATIVE, {"app": "autoscaler"})
    own_pods: NetworkPolicyPeerArgsDict = {"pod_selector": {}}
    pooled = (ports.POOL_PORT,) if any(model.dense_pool for model in tenant.models.values()) else ()
    among_own = _ports((*ports.SERVING_PORTS, *pooled))
    yield _policy(tenant, "default-deny", ingress=[], egress=[])
    yield _policy(
        tenant,
        "allow-dns",
        egress=[
            {
                "to": [_pods(names.NAMESPACE_KUBERNETES, {"k8s-app": "kube-dns"})],
                "ports": [_port(ports.DNS_PORT, "UDP"), _port(ports.DNS_PORT)],
            }
        ],
    )
    yield _policy(
        tenant, "allow-same-tenant",
        ingress=[{"from_": [own_pods], "ports": among_own}],
        egress=[{"to": [own_pods], "ports": among_own}],
    )  # fmt: skip
    yield _policy(
        tenant, "allow-gateways",
        ingress=[{"from_": [gateways], "ports": _ports(ports.SERVING_PORTS)}],
        egress=[{"to": [_pods(names.NAMESPACE_EDGE, {names.GATEWAY_LABEL: names.GATEWAY_LOCAL})], "ports": [_port(ports.HTTP_PORT)]}],
    )  # fmt: skip
    yield _policy(
        tenant, "allow-knative",
        ingress=[
            {"from_": [activator], "ports": _ports(ports.KNATIVE_DATA_PORTS)},
            {"from_": [autoscaler], "ports": [_port(ports.QUEUE_METRICS_PORT)]},
        ],
        egress=[{"to": [activator], "ports": _ports(ports.KNATIVE_DATA_PORTS)}],
    )  # fmt: skip
    prometheus = _pods(names.NAMESPACE_MONITORING, {"app.kubernetes.io/name": "prometheus"})
    yield _policy(tenant, "allow-prometheus", ingress=[{"from_": [prometheus], "ports": [_port(ports.SIDECAR_METRICS_PORT)]}])
    yield _policy(
        tenant, "allow-mesh-control", egress=[{"to": [_pods(names.NAMESPACE_MESH, {"app": "istiod"})], "ports": [_port(ports.ISTIOD_PORT)]}]
    )
    yield _policy(
        tenant, "allow-model-store",
        egress=[
            {"to": [{"ip_block": {"cidr": "0.0.0.0/0", "except_": list(PRIVATE_RANGES)}}], "ports": [_port(ports.HTTPS_PORT)]},
            {"to": [{"ip_block": {"cidr": ports.POD_IDENTITY_ADDRESS}}], "ports": [_port(ports.HTTP_PORT)]},
        ],
    )  # fmt: skip
    yield _policy(tenant, "allow-vault", egress=[{"to": [_pods(names.NAMESPACE_VAULT)], "ports": [_port(ports.VAULT_PORT)]}])
    if callers:
        sources = [_pods(caller.namespace_name) for caller in callers]
        yield _policy(tenant, "allow-callers", ingress=[{"from_": sources, "ports": _ports(ports.SERVING_PORTS)}])
    if called:
        targets = [_pods(other.namespace_name) for other in called]
        yield _policy(tenant, "allow-called", egress=[{"to": targets, "ports": _ports(ports.SERVING_PORTS)}])


def _policy(
    tenant: Tenant,
    name: str,
    *,
    ingress: list[NetworkPolicyIngressRuleArgsDict] | None = None,
    egress: list[NetworkPolicyEgressRuleArgsDict] | None = None,
) -> Manifest:
    """An empty list denies that direction, None leaves it to other policies."""
    spec: NetworkPolicySpecArgsDict = {
        "pod_selector": {},
        "policy_types": [word for word, rules in (("Ingress", ingress), ("Egress", egress)) if rules is not None],
    }
    if ingress:
        spec["ingress"] = ingress
    if egress:
        spec["egress"] = egress
    policy: NetworkPolicyArgsDict = {
        "api_version": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": tenant.namespace_name, "labels": names.tenant_labels(tenant.name, tenant.tier)},
        "spec": spec,
    }
    return to_wire(policy)


def _pods(namespace: str, labels: dict[str, str] | None = None) -> NetworkPolicyPeerArgsDict:
    peer: NetworkPolicyPeerArgsDict = {"namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": namespace}}}
    if labels:
        peer["pod_selector"] = {"match_labels": labels}
    return peer


def _ports(numbers: Sequence[int]) -> list[NetworkPolicyPortArgsDict]:
    return [_port(number) for number in numbers]


def _port(number: int, protocol: str = "TCP") -> NetworkPolicyPortArgsDict:
    return {"protocol": protocol, "port": number}


def _callers_policy(tenant: Tenant, callers: Sequence[Tenant]) -> AuthorizationPolicy:
    """The activator's own policy keeps tenants apart (`mesh`); here it may come in, as Knative's data path needs."""
    data: Operation = {"ports": [str(port) for port in ports.KNATIVE_DATA_PORTS]}
    activator = names.mesh_principal(names.NAMESPACE_KNATIVE, "activator")
    autoscaler = names.mesh_principal(names.NAMESPACE_KNATIVE, "controller")  # the autoscaler runs under this account
    rules: list[Rule] = [
        {"from": [{"source": {"namespaces": [tenant.namespace_name]}}]},
        {
            "from": [{"source": {"principals": gateway_principals()}}],
            "to": [{"operation": {"hosts": tenant_hosts(tenant), "ports": [str(port) for port in ports.SERVING_PORTS]}}],
        },
        {"from": [{"source": {"principals": [activator]}}], "to": [{"operation": data}]},
        {"from": [{"source": {"principals": [autoscaler]}}], "to": [{"operation": {"ports": [str(ports.QUEUE_METRICS_PORT)]}}]},
    ]
    if callers:
        rules.append(
            {
                "from": [{"source": {"namespaces": [caller.namespace_name for caller in callers]}}],
                "to": [
                    {
                        "operation": {
                            "ports": [str(port) for port in ports.SERVING_PORTS],
                            "paths": paths.served(tenant.models.values(), below_a_name=False),
                        }
                    }
                ],
            }
        )
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "callers", "namespace": tenant.namespace_name, "labels": names.tenant_labels(tenant.name, tenant.tier)},
        "spec": {"action": "ALLOW", "rules": rules},
    }
