"""The DNS records that say where a region's edge is. external-dns writes them for a cluster with a balancer, `tidegate up` for one here."""

from __future__ import annotations

from tidegate.facts.cluster import Cluster

MARK_PREFIX, MARK_OF_WILDCARD = "external-dns-%{record_type}.", "any"
"""Of the TXT records by which external-dns knows its own: `external-dns-a.any.live-1.models.example.com` for
`*.live-1.models.example.com`."""

TTL_SECONDS = 300
"""external-dns's own, as long as nobody sets another."""


def hosts(cluster: Cluster) -> tuple[str, str]:
    """The region's own name, which health checks ask, and every tenant's below it by one record."""
    return cluster.domain, f"*.{cluster.domain}"


def mark_of(host: str) -> str:
    """The name of the TXT record beside the address of `host`."""
    return MARK_PREFIX.replace("%{record_type}", "a") + host.replace("*", MARK_OF_WILDCARD)


def mark_text(cluster: Cluster, service: str) -> str:
    """What it says; `service` is `<namespace>/<name>`."""
    return f'"heritage=external-dns,external-dns/owner={cluster.name},external-dns/resource=service/{service}"'
