"""Patches of a gateway's Envoy, and the EnvoyFilters that Istio takes them in. Istio types neither."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from clusters.components.network.gateways import metadata, target
from clusters.components.network.shares import shares
from clusters.objects.istio import EnvoyFilter, EnvoyFilterSpec

PATCHES_MAX = 512
"""The most patches of one EnvoyFilter: ours, each of some 600 bytes, then stay far below what etcd takes."""

MANAGER = "envoy.filters.network.http_connection_manager"
_ROUTER = "envoy.filters.http.router"


def of_gateway(gateway: str, name: str, patches: Sequence[dict[str, object]], *, priority: int = 0) -> Iterator[EnvoyFilter]:
    """As many EnvoyFilters as the patches need: the first is called `name`, the others `<name>-2` and so on.

    Istio applies those of a lower `priority` first, and of one priority the oldest: without it a region that grew differs from a new one.
    """
    for called, share in shares(name, patches, PATCHES_MAX):
        spec: EnvoyFilterSpec = {"targetRefs": [target(gateway)], "configPatches": share}
        if priority:
            spec["priority"] = priority
        yield {"apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter", "metadata": metadata(called), "spec": spec}


def http_filter(
    name: str, config: dict[str, object], *, first: bool = False, context: Literal["GATEWAY", "SIDECAR_INBOUND"] = "GATEWAY"
) -> dict[str, object]:
    """Puts an HTTP filter last before the router, or `first` of all."""
    chain: dict[str, object] = {"name": MANAGER} if first else {"name": MANAGER, "subFilter": {"name": _ROUTER}}
    return {
        "applyTo": "HTTP_FILTER",
        "match": {"context": context, "listener": {"filterChain": {"filter": chain}}},
        "patch": {"operation": "INSERT_FIRST" if first else "INSERT_BEFORE", "value": {"name": name, "typed_config": config}},
    }


def of_host(host: str, name: str, config: dict[str, object]) -> dict[str, object]:
    """Gives an HTTP filter other settings for one host."""
    return {
        "applyTo": "VIRTUAL_HOST",
        "match": {"context": "GATEWAY", "routeConfiguration": {"vhost": {"domainName": host}}},
        "patch": {"operation": "MERGE", "value": {"typed_per_filter_config": {name: config}}},
    }


def of_all_hosts(fields: dict[str, object]) -> dict[str, object]:
    """Sets fields of every table of routes, which hold for each host of it."""
    return {"applyTo": "ROUTE_CONFIGURATION", "match": {"context": "GATEWAY"}, "patch": {"operation": "MERGE", "value": fields}}


def upstream_protocol(host: str, port: int, options: dict[str, object]) -> dict[str, object]:
    """How a gateway speaks to a Service: these options take the place of Istio's own for it."""
    kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "applyTo": "CLUSTER",
        "match": {"context": "GATEWAY", "cluster": {"service": host, "portNumber": port}},
        "patch": {
            "operation": "MERGE",
            "value": {"typed_extension_protocol_options": {kind: {"@type": f"type.googleapis.com/{kind}", **options}}},
        },
    }


def connection_manager(fields: dict[str, object]) -> dict[str, object]:
    """Sets fields of the HTTP connection manager; it adds to lists, and cannot set a flag to false."""
    kind = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return {
        "applyTo": "NETWORK_FILTER",
        "match": {"context": "GATEWAY", "listener": {"filterChain": {"filter": {"name": MANAGER}}}},
        "patch": {"operation": "MERGE", "value": {"typed_config": {"@type": kind, **fields}}},
    }
