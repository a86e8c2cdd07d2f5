"""How the gateways speak HTTP: what is passed on, what is ignored, how long a caller may take, and what every answer carries.

Istio offers none of these by an interface of its own, hence two EnvoyFilters.

The edge speaks HTTP/2 to the local gateway for one reason: a gateway that is short of memory can reset the largest requests
(`gateway_memory`). Each request has a connection of its own all the same, as with HTTP/1.1. On a shared one, callers that cancel many
requests would end those of all tenants (Envoy closes a connection whose streams are mostly reset), and two that do not read their answers
would use up its window.
"""

from __future__ import annotations

from collections.abc import Iterator

from clusters.components.network import envoy_filters, replies
from clusters.components.network.request_log import CALLER_REQUEST_ID
from clusters.objects.istio import EnvoyFilter
from tidegate.facts import names, ports
from tidegate.facts.cluster import Cluster

HEADERS_SECONDS = 10
"""How long a caller may take to send the headers. A phone on a bad line needs one or two; who dribbles them holds a connection."""

BODY_SECONDS = 60
"""How long a whole request may take to arrive: 16 MiB, the largest body that a model takes, at 2.2 Mbit/s."""

WINDOW_BYTES = 1 << 18
"""What may be under way of one body between the gateways and lie in memory unread; Envoy's own 16 MiB are for long ways."""

HEADERS_KIB, HEADERS = 12, 80
"""What callers may send: less than what every hop takes, because the gateways add some fifteen headers of their own and keep the path twice.
Uvicorn, under MLServer and vLLM, breaks off somewhere above 16 KiB, and a pod's sidecar takes 100 headers, with words of its own."""

_LOCAL_HEADERS_KIB, _LOCAL_HEADERS = 160, 200
"""What is taken from the edge: far more than that. A request that were too large only here would be reset, and look as one that the gateway
has no memory for."""

_IGNORED_UPGRADES: list[dict[str, object]] = [
    {"prefix": "TLS/", "ignore_case": True},
    {"prefix": "HTTP/", "ignore_case": True},
    {"exact": "websocket", "ignore_case": True},
]
"""Apache HttpClient offers TLS, curl HTTP/2, load balancers' checks sometimes WebSocket; a model answers none of them differently."""


_OF_KNATIVE = ("k-kubelet-probe", "k-network-probe", "k-network-hash", "k-proxy-request", "k-original-host")
"""Said by Knative's own programs to each other. With one of them a caller's load is not counted, or an activator answers for the model."""


def objects(cluster: Cluster) -> Iterator[EnvoyFilter]:
    """The settings of both gateways' HTTP connection managers."""
    local = names.cluster_local_host(names.gateway_workload(names.GATEWAY_LOCAL), names.NAMESPACE_EDGE)
    patches = [envoy_filters.connection_manager(_edge(cluster)), envoy_filters.upstream_protocol(local, ports.HTTP_PORT, _TOWARDS_LOCAL)]
    yield from envoy_filters.of_gateway(names.GATEWAY_EDGE, "http-protocol", patches)
    yield from envoy_filters.of_gateway(names.GATEWAY_LOCAL, "local-http-protocol", [envoy_filters.connection_manager(_local())])


_HTTP2: dict[str, object] = {"initial_stream_window_size": WINDOW_BYTES, "initial_connection_window_size": WINDOW_BYTES}
_TOWARDS_LOCAL: dict[str, object] = {
    "explicit_http_config": {"http2_protocol_options": {**_HTTP2, "max_concurrent_streams": 1}},
    "common_http_protocol_options": {"max_headers_count": _LOCAL_HEADERS},
}


def _edge(cluster: Cluster) -> dict[str, object]:
    return {
        # The local gateway answers 100, after the token was checked here. It must not be passed further on: Knative's queue-proxy takes
        # 100 for the final status. Istiod's ENABLE_100_CONTINUE_HEADERS (clusters/addons/istio.py) is the other half.
        "proxy_100_continue": True,
        "http_protocol_options": {
            "accept_http_10": True,
            "default_host_for_http_10": cluster.domain,
            "ignore_http_11_upgrade": _IGNORED_UPGRADES,
        },
        "max_request_headers_kb": HEADERS_KIB,
        "common_http_protocol_options": {"max_headers_count": HEADERS},
        "request_headers_timeout": f"{HEADERS_SECONDS}s",
        "request_timeout": f"{BODY_SECONDS}s",
        # Envoy gives every request a new id here; a caller's own is kept beside it. What a caller sends under the name is removed first.
        "early_header_mutation_extensions": [_callers_request_id()],
        "always_set_request_id_in_response": True,
        "local_reply_config": replies.configuration(replies.EDGE),
    }


def _local() -> dict[str, object]:
    return {
        # The edge's id, so that an answer, its line in each log and the pod name one request alike.
        "preserve_external_request_id": True,
        # For callers in the mesh: to their own sidecars this gateway is no HTTP, so that it is the first to read what they ask.
        "http_protocol_options": {"ignore_http_11_upgrade": _IGNORED_UPGRADES},
        "http2_protocol_options": _HTTP2,
        "max_request_headers_kb": _LOCAL_HEADERS_KIB,
        "common_http_protocol_options": {"max_headers_count": _LOCAL_HEADERS},
        # Callers in the mesh do not pass the edge, and this gateway keeps a body until it is whole.
        "request_timeout": f"{BODY_SECONDS}s",
        "always_set_request_id_in_response": True,
        "local_reply_config": replies.configuration(replies.LOCAL_GATEWAY),
    }


def _callers_request_id() -> dict[str, object]:
    kept = {
        "header": {"key": CALLER_REQUEST_ID, "value": "%REQ(X-REQUEST-ID)%"},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [*({"remove": name} for name in (CALLER_REQUEST_ID, *_OF_KNATIVE)), {"append": kept}],
        },
    }
