"""How the gateways speak HTTP: what is passed on, what is ignored, how long a caller may take, and what every answer carries.

Istio offers none of these by an interface of its own, hence two EnvoyFilters.
"""

from __future__ import annotations

from collections.abc import Iterator

from clusters.components.network import envoy_filters, replies
from clusters.components.network.request_log import CALLER_REQUEST_ID
from clusters.objects.istio import EnvoyFilter
from tidegate.facts import names
from tidegate.facts.cluster import Cluster

HEADERS_SECONDS = 10
"""How long a caller may take to send the headers. A phone on a bad line needs one or two; who dribbles them holds a connection."""

BODY_SECONDS = 60
"""How long a whole request may take to arrive: 16 MiB, the largest body that a model takes, at 2.2 Mbit/s."""

_IGNORED_UPGRADES: list[dict[str, object]] = [
    # Apache HttpClient offers TLS, curl HTTP/2, load balancers' checks sometimes WebSocket; a model answers none of them differently.
    {"prefix": "TLS/", "ignore_case": True},
    {"prefix": "HTTP/", "ignore_case": True},
    {"exact": "websocket", "ignore_case": True},
]


def objects(cluster: Cluster) -> Iterator[EnvoyFilter]:
    """The settings of both gateways' HTTP connection managers."""
    yield from envoy_filters.of_gateway(names.GATEWAY_EDGE, "http-protocol", [envoy_filters.connection_manager(_edge(cluster))])
    yield from envoy_filters.of_gateway(names.GATEWAY_LOCAL, "local-http-protocol", [envoy_filters.connection_manager(_local())])


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
            "mutations": [{"remove": CALLER_REQUEST_ID}, {"append": kept}],
        },
    }
