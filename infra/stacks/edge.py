"""How callers find the region that serves them: one health check per region and failover records per tenant host.

Here: the DNS zone (the primary's stack owns it, the secondary reads its id), health checks, failover records and the
right of external-dns to write its own cluster's names. Not here: load balancers and certificates (made in the cluster),
tokens and rate limits (Istio at the edge, decision 0009).

A tenant's callers use `<tenant>.<zone>` (or the host its file sets); the record points at `<tenant>.<cluster domain>`,
which external-dns keeps for the cluster's gateway. The Host header stays the caller's: gateways must accept both names.

Alternative: Akamai GTM in front. Then the zone delegates to it, its liveness tests replace the health checks, and the
failover records become a property with the two cluster domains as data centres; nothing else in this repository changes.
"""

from __future__ import annotations

from infra.constructs.policy import Condition, Statement
from infra.constructs.role import add_pod_role
from infra.constructs.stack import Resource, Stack
from infra.outputs import ClusterOutputs, EdgeOutputs
from tidegate.facts import names, ports

TTL_SECONDS = 30
"""How long callers may keep the old answer; part of the recovery time."""

CHECK_SECONDS = 10
"""Route 53's fast interval; with three failures in a row a region is out after about 30 s."""

FAILURES = 3

EXTERNAL_DNS_SERVICE_ACCOUNT = "external-dns"


def build(stack: Stack) -> None:
    """Adds what one region contributes to the shared zone."""
    cluster = stack.cluster
    zone_id = _zone_id(stack)
    health = stack.add(
        "aws_route53_health_check", "region",
        type="HTTPS", fqdn=cluster.domain, port=ports.HTTPS_PORT, resource_path=cluster.edge.health_path, enable_sni=True,
        request_interval=CHECK_SECONDS, failure_threshold=FAILURES, measure_latency=False,
        tags={"Name": cluster.name},
    )  # fmt: skip
    _add_records(stack, zone_id, health)
    _add_external_dns(stack, zone_id)
    stack.publish(EdgeOutputs(zone_id=zone_id))


def _zone_id(stack: Stack) -> str:
    if stack.cluster.edge.role == "secondary":
        return stack.read(EdgeOutputs, stack.pair).zone_id
    zone = stack.add(
        "aws_route53_zone", "main",
        name=stack.cluster.edge.zone_name, comment="Tidegate: failover between regions",
        tags={"Name": stack.cluster.edge.zone_name},
        force_destroy=True if stack.target.is_emulated else None, lifecycle=stack.keep(),
    )  # fmt: skip
    return zone["zone_id"]


def _add_records(stack: Stack, zone_id: str, health: Resource) -> None:
    cluster = stack.cluster
    zone_name = cluster.edge.zone_name
    for tenant in stack.platform.tenants_of(cluster.name):
        host = tenant.host_in(zone_name)
        if not host.endswith(f".{zone_name}"):
            continue  # a host outside of our zone is pointed here by its owner
        alone = cluster.pair not in tenant.clusters
        role = "PRIMARY" if alone or cluster.edge.role == "primary" else "SECONDARY"
        stack.add(
            "aws_route53_record", tenant.name,
            zone_id=zone_id, name=host, type="CNAME", ttl=TTL_SECONDS,
            records=[names.tenant_host(tenant.name, cluster.domain)],
            set_identifier=cluster.name, failover_routing_policy=[{"type": role}], health_check_id=health["id"],
        )  # fmt: skip


def _add_external_dns(stack: Stack, zone_id: str) -> None:
    """external-dns may write addresses of its own cluster's names (and its TXT marks), not the failover records."""
    domain = stack.cluster.domain
    own_names: Condition = {
        "ForAllValues:StringLike": {"route53:ChangeResourceRecordSetsNormalizedRecordNames": [domain, f"*.{domain}"]},
        "ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsRecordTypes": ["A", "AAAA", "TXT"]},
    }
    statements = [
        Statement("WriteOwnNames", ["route53:ChangeResourceRecordSets"], [f"arn:aws:route53:::hostedzone/{zone_id}"], condition=own_names),
        Statement("ReadZone", ["route53:ListResourceRecordSets"], [f"arn:aws:route53:::hostedzone/{zone_id}"]),
        # Listing zones knows no resources.
        Statement("FindZone", ["route53:ListHostedZones"], ["*"]),
    ]
    cluster = stack.read(ClusterOutputs)
    add_pod_role(
        stack, "external-dns", role_name=f"{stack.cluster.name}-external-dns", namespace=names.NAMESPACE_EXTERNAL_DNS,
        service_account=EXTERNAL_DNS_SERVICE_ACCOUNT, cluster_name=cluster.cluster_name, allows={"own-names": statements},
    )  # fmt: skip
