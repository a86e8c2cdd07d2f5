"""How often a tenant's callers may ask: a bucket for each caller, and one for the whole tenant, at every proxy of the edge.

Envoy's local rate limit; Istio offers it through EnvoyFilter only. Buckets are found by what the token check wrote of the verified claims, not
by the host, so all hosts of a tenant, and requests that no route takes, use up the same one. Who may call at all is settled before
(`edge_limits`): no request without claims comes so far, and every subject that does is listed in a tenant's file. So all buckets are known
beforehand. Envoy could make one for each subject that it meets, too, but keeps a fixed number of them and forgets the oldest: whoever has many
subjects would get a full bucket each time.

The caller's own bucket is asked first. What it refuses takes nothing of the tenant's, so a caller that floods leaves the others the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from clusters.components.network import envoy_filters
from clusters.components.network.shares import shares
from clusters.objects.istio import EnvoyFilter
from tidegate.facts import names
from tidegate.facts.cluster import Cluster
from tidegate.facts.tenant import Tenant

LIMIT_HEADER = "tidegate-limit"
"""In an answer 429: whose limit it was, `caller` or `tenant`."""

OF_CALLER, OF_TENANT = "caller", "tenant"

BUCKETS_MAX = 1024
"""The most buckets of one filter: an EnvoyFilter then stays below a quarter of what etcd takes, with the longest subjects too."""

_FIRST = -1
"""Each filter is put last, so the one that Istio puts there first is asked first."""

_CLAIMS = {"tenant": names.HEADER_TENANT, "subject": names.HEADER_SUBJECT}


def objects(cluster: Cluster, tenants: Sequence[Tenant]) -> Iterator[EnvoyFilter]:
    """One filter for the callers, then one for the tenants; each as often as its buckets need. A bucket holds one second's worth.

    A caller that may take the whole of its tenant's rate needs no bucket of its own.
    """
    callers = [
        ({"tenant": tenant.name, "subject": subject}, rate)
        for tenant in tenants
        for subject, rate in tenant.caller_rates.items()
        if rate < tenant.requests_per_second
    ]
    whole = [({"tenant": tenant.name}, tenant.requests_per_second) for tenant in tenants]
    if callers:
        yield from _filters(cluster, "caller-rate-limits", OF_CALLER, callers, priority=_FIRST)
    yield from _filters(cluster, "rate-limits", OF_TENANT, whole, priority=0)


def _filters(
    cluster: Cluster, name: str, whose: str, listed: Sequence[tuple[Mapping[str, str], int]], *, priority: int
) -> Iterator[EnvoyFilter]:
    buckets = [(key, per_proxy(cluster, rate)) for key, rate in listed]
    for called, share in shares(name, buckets, BUCKETS_MAX):
        limiter = envoy_filters.http_filter(f"tidegate.{called}", _limiter(whose, list(share[0][0]), share))
        yield from envoy_filters.of_gateway(names.GATEWAY_EDGE, called, [limiter], priority=priority)


def per_proxy(cluster: Cluster, rate: int) -> int:
    """Requests per second at one of the edge's proxies, rounded up, so that the sum is never too low."""
    return math.ceil(rate / cluster.edge.replicas)


def _limiter(whose: str, claims: Sequence[str], buckets: Sequence[tuple[Mapping[str, str], int]]) -> dict[str, object]:
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    said = {"header": {"key": LIMIT_HEADER, "value": whose}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": f"{whose}s",
        "filter_enabled": always,
        "filter_enforced": always,
        "rate_limits": [{"actions": [{"request_headers": {"descriptor_key": claim, "header_name": _CLAIMS[claim]}} for claim in claims]}],
        "descriptors": [
            {"entries": [{"key": claim, "value": value} for claim, value in key.items()], "token_bucket": _bucket(rate)}
            for key, rate in buckets
        ],
        "response_headers_to_add": [said],
    }


def _bucket(tokens: int) -> dict[str, object]:
    return {"max_tokens": tokens, "tokens_per_fill": tokens, "fill_interval": "1s"}
