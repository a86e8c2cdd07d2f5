"""How much of everything but machines a region uses in a month: planning figures, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from tidegate.facts.cluster import Cluster
from tidegate.facts.money import DAYS_PER_MONTH, HOURS_PER_MONTH
from tidegate.facts.nodes.node_shapes import VOLUME_GIB

INTERFACE_ENDPOINTS = 10
"""As many as `infra/stacks/network.py` adds, in three zones each."""

SYSTEM_VOLUME_GIB = 80
"""The disk of a node of the system pool, as `infra/stacks/cluster.py` has it."""

KEYS = 6
"""KMS keys that the stacks add in a region: state, logs, models, audit, Secrets, Vault's unsealing."""

LOG_DAYS = 365
"""How long the stacks keep CloudWatch's log groups (`infra/constructs/log_group.py`)."""

KIB_PER_CALL = 4
"""A request with its answer, headers and the mesh's TLS: features of a scorer are below 2 KiB."""

HOPS_PER_CALL = Fraction(2)
"""Balancer to edge, and edge to pod; a transformer adds one, and few models have one."""

OTHER_ZONE = Fraction(2, 3)
"""How often the next hop lies in another of three zones: nothing keeps calls in theirs."""

OUT_KIB_PER_CALL = 1
"""Of an answer that leaves AWS; all are reckoned to."""

LOG_KIB_PER_CALL = Fraction(1, 2)
"""One line of the edge's access log for each call."""

CONTROL_PLANE_LOG_GB, FLOW_LOG_GB = 30, 100
"""A month of the API server's audit log and of the VPC's flow log with some twenty nodes."""

NAT_GB, ENDPOINT_GB, REPLICATED_GB = 200, 300, 20
"""What has no endpoint (charts, Git, token keys); image layers of new nodes and logs through endpoints; new versions to the pair's region."""

METRICS_GIB, VAULT_GIB, OBJECT_GB = 200, 30, 100
"""Disks of Prometheus and of Vault's three replicas; versions, audit records and state in S3."""

EDGE_ADDRESSES = 3
"""The balancer has one in each zone."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """How much of one service: `price` names a field of `ServicePrices`."""

    what: str
    price: str
    amount: Fraction


@dataclass(frozen=True, slots=True)
class Usage:
    """What machines and callers make of a month."""

    calls: int
    karpenter_node_hours: Fraction
    system_node_hours: Fraction


def network(cluster: Cluster, usage: Usage) -> Iterator[Quantity]:
    """The control plane, gateways, balancers, names, keys and traffic."""
    hours = Fraction(HOURS_PER_MONTH)
    gateways = 3 if cluster.network.nat_per_zone else 1
    gb = Fraction(usage.calls * KIB_PER_CALL * 1024, 10**9)
    yield Quantity("control plane", "control_plane", hours)
    yield Quantity("NAT gateways", "nat_gateway", gateways * hours)
    yield Quantity("traffic through NAT", "nat_traffic", Fraction(NAT_GB))
    yield Quantity("public addresses", "public_address", (gateways + EDGE_ADDRESSES) * hours)
    yield Quantity("interface endpoints", "interface_endpoint", INTERFACE_ENDPOINTS * len(cluster.network.availability_zones) * hours)
    yield Quantity("traffic through endpoints", "interface_endpoint_traffic", Fraction(ENDPOINT_GB))
    yield Quantity("load balancer", "load_balancer", hours)
    # A unit is one GB an hour of TCP; new connections of the edge's callers stay below what it allows.
    yield Quantity("load balancer's capacity", "load_balancer_capacity", max(hours, gb))
    yield Quantity("traffic between zones", "traffic_between_zones", gb * HOPS_PER_CALL * OTHER_ZONE)
    yield Quantity("traffic out", "traffic_out", Fraction(usage.calls * OUT_KIB_PER_CALL * 1024, 10**9))
    yield Quantity("traffic to the pair's region", "traffic_between_regions", Fraction(REPLICATED_GB))
    yield Quantity("DNS zone", "name_zone", Fraction(1))
    yield Quantity("health check", "health_check", Fraction(1))
    yield Quantity("keys", "key", Fraction(KEYS))


def observability_and_the_rest(usage: Usage) -> Iterator[Quantity]:
    """Logs, metrics, disks and objects."""
    call_logs = Fraction(usage.calls * 1024, 10**9) * LOG_KIB_PER_CALL
    taken = call_logs + CONTROL_PLANE_LOG_GB + FLOW_LOG_GB
    yield Quantity("logs taken", "logs_taken", taken)
    yield Quantity("logs kept", "logs_kept", taken * Fraction(LOG_DAYS, DAYS_PER_MONTH))
    yield Quantity("metrics", "disk", Fraction(METRICS_GIB))
    yield Quantity("Vault's disks", "disk", Fraction(VAULT_GIB))
    node_gib = usage.karpenter_node_hours * VOLUME_GIB + usage.system_node_hours * SYSTEM_VOLUME_GIB
    yield Quantity("disks of nodes", "disk", node_gib / HOURS_PER_MONTH)
    yield Quantity("objects", "objects", Fraction(OBJECT_GB))
