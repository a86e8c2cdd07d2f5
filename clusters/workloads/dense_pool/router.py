"""The router in front of a dense pool's server: Envoy's bootstrap, from who may reach which models and where the pods are.

Envoy is the data path. It admits callers, asks the placer for the pod of each request, and goes to the next pod when one fails.
Without the placer it asks any pod: every pod can answer for every model of the same catalogue, and refuses requests of another.

The caller is who the edge says it is; nobody but gateways, the activator and the tenant's own pods reaches a router.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

HEADER_SUBJECT = "x-tidegate-subject"
"""The edge sets it, whatever the caller sent (tidegate/facts/names.py)."""

HEADER_CATALOGUE = "x-tidegate-catalogue"
"""The digest of the catalogue that the router's placer knows; a pod with another, in a rollout, refuses with 503."""

HEADER_POD = "x-tidegate-pod"
"""The placer's answer: addresses, best first."""

READY_PATH = "/router/ready"

TRIES = 5
"""How often a request is sent at most, to another pod each time while there is one. It changes nothing, whatever became of it."""

_TRY_SECONDS = 10
"""Twice as long as a fetch from the registry may take; a pod that hangs is given up for another."""

_WHOLE_SECONDS = 30

_IDLE_SECONDS = 100
"""Shorter than the 120 s after which a pod closes a connection."""

_OWN_FAILURES = 30
"""In a row until a pod is no longer ready by its own server: 30 to 90 s. One that ended takes the whole pod with it at once; one that is only
too busy to say that it is well must not send its load to the next."""

_MOST_RETRIES = 1_000
"""At once; as many as requests may wait for a connection."""

_MOST_CONNECTIONS = 10_000
"""Gateways keep a few dozen each; Envoy wants a limit to be said."""

_TYPES = "type.googleapis.com/envoy"
_VERSION = r"(/versions/[0-9A-Za-z.-]+)?"
Config = dict[str, object]


@dataclass(frozen=True, slots=True)
class RouterAddresses:
    """Where everything listens, as host and port."""

    listen: tuple[str, int]
    placer: tuple[str, int]
    pods: Sequence[tuple[str, int]]
    """A name may stand for several addresses, which are looked up every second."""
    own: tuple[str, int]
    """The server of this pod."""
    statistics: tuple[str, int]
    """Envoy's own interface, for metrics; never to be reached from outside of the pod."""


def bootstrap(addresses: RouterAddresses, access: Mapping[str, Sequence[str]], catalogue: str) -> Config:
    """Envoy's whole configuration. Who is not in `access` (models by caller) reaches nothing; `catalogue` is its digest."""
    return {
        "admin": {"address": _socket(addresses.statistics)},
        "overload_manager": {
            "resource_monitors": [
                _typed(
                    "resource_monitors.global_downstream_max_connections",
                    "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    max_active_downstream_connections=_MOST_CONNECTIONS,
                )
            ]
        },
        "static_resources": {
            "listeners": [
                {"name": "pool", "address": _socket(addresses.listen), "filter_chains": [{"filters": [_connections(access, catalogue)]}]}
            ],
            "clusters": [_pods(addresses.pods, catalogue), _own(addresses.own, catalogue), _placer(addresses.placer)],
        },
    }


def allowed_paths(models: Sequence[str]) -> str:
    """The regular expression of the paths that reach `models` (names, or beginnings that end with a star), and nothing else."""
    names = "|".join(re.escape(model[:-1]) + "[a-z0-9-]*" if model.endswith("*") else re.escape(model) for model in models)
    return f"/v2/models/({names}){_VERSION}(/infer|/ready)?"


def _connections(access: Mapping[str, Sequence[str]], catalogue: str) -> Config:
    any_path = f"/v2/models/[a-z0-9-]+{_VERSION}(/infer|/ready)?"
    route: Config = {
        "cluster": "pods",
        "timeout": f"{_WHOLE_SECONDS}s",
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,reset,retriable-status-codes",
            "retriable_status_codes": [503],  # no room, or the registry is down: another pod may have the model in memory
            "num_retries": TRIES - 1,
            "retry_back_off": {"base_interval": "0.05s", "max_interval": "1s"},
            "per_try_timeout": f"{_TRY_SECONDS}s",
            "retry_host_predicate": [_typed("retry_host_predicates.previous_hosts", "retry.host.previous_hosts.v3.PreviousHostsPredicate")],
            "host_selection_retry_max_attempts": 5,
        },
    }
    # What a caller sends under this name would choose the pod, if the placer is away.
    removal = {"mutations": [{"remove": HEADER_POD}]}
    return _typed(
        "filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="pool",
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="REJECT_REQUEST",
        early_header_mutation_extensions=[
            {
                "name": "envoy.http.early_header_mutation.header_mutation",
                "typed_config": {
                    "@type": f"{_TYPES}.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
                    **removal,
                },
            }
        ],
        http_filters=[
            _typed(
                "filters.http.health_check", "filters.http.health_check.v3.HealthCheck", pass_through_mode=False,
                headers=[{"name": ":path", "string_match": {"exact": READY_PATH}}],
                cluster_min_healthy_percentages={"pods": {"value": 1}, "own": {"value": 1}},
            ),
            _typed("filters.http.rbac", "filters.http.rbac.v3.RBAC", matcher=_admission(access)),
            _typed(
                "filters.http.ext_authz", "filters.http.ext_authz.v3.ExtAuthz", failure_mode_allow=True, stat_prefix="placer",
                http_service={
                    "server_uri": {"uri": "http://placer", "cluster": "placer", "timeout": "0.25s"},
                    "authorization_response": {"allowed_upstream_headers": {"patterns": [{"exact": HEADER_POD}]}},
                },
            ),
            _typed("filters.http.router", "filters.http.router.v3.Router", suppress_envoy_headers=True),
        ],
        route_config={
            "request_headers_to_add": _of_catalogue(catalogue),
            "virtual_hosts": [{"name": "pool", "domains": ["*"], "routes": [{"match": {"safe_regex": {"regex": any_path}}, "route": route}]}],
        },
    )  # fmt: skip


def _admission(access: Mapping[str, Sequence[str]]) -> Config:
    """Subject and path must fit.

    By matchers and not by policies, because a policy takes a header that was sent twice for a match when either value is one;
    here the values are one text, which no caller has for a name.
    """
    deny: Config = {"action": _decision("DENY")}

    def paths(models: Sequence[str]) -> Config:
        empty: Config = {}
        matches = {"safe_regex": {"google_re2": empty, "regex": allowed_paths(models) + r"(\?.*)?"}}
        predicate = {"single_predicate": {"input": _header(":path"), "value_match": matches}}
        allowed = {"matchers": [{"predicate": predicate, "on_match": {"action": _decision("ALLOW")}}]}
        return {"matcher": {"matcher_list": allowed, "on_no_match": deny}}

    by_subject = {"map": {subject: paths(models) for subject, models in access.items()}}
    return {"matcher_tree": {"input": _header(HEADER_SUBJECT), "exact_match_map": by_subject}, "on_no_match": deny}


def _of_catalogue(catalogue: str) -> list[Config]:
    return [{"header": {"key": HEADER_CATALOGUE, "value": catalogue}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]


def _header(name: str) -> Config:
    return {
        "name": "request-headers",
        "typed_config": {"@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput", "header_name": name},
    }


def _decision(word: str) -> Config:
    action = {"@type": "type.googleapis.com/envoy.config.rbac.v3.Action", "name": word.lower(), "action": word}
    return {"name": word.lower(), "typed_config": action}


def _pods(pods: Sequence[tuple[str, int]], catalogue: str) -> Config:
    least = _typed("load_balancing_policies.least_request", "load_balancing_policies.least_request.v3.LeastRequest")
    chosen = _typed(
        "load_balancing_policies.override_host", "load_balancing_policies.override_host.v3.OverrideHost",
        override_host_sources=[{"header": HEADER_POD}], fallback_policy={"policies": [{"typed_extension_config": least}]},
    )  # fmt: skip
    return {
        **_cluster("pods", pods),
        # Envoy allows three retries at a time in the whole cluster, and fails what is beyond: when a pod dies, all its requests are.
        "circuit_breakers": {"thresholds": [{"max_retries": _MOST_RETRIES}]},
        # A pod that is only too busy to say that it is well is still better than none.
        "common_lb_config": {"healthy_panic_threshold": {"value": 1}},
        "load_balancing_policy": {"policies": [{"typed_extension_config": chosen}]},
        "health_checks": [_health_check(catalogue, failures=3)],
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{_TYPES}.extensions.upstreams.http.v3.HttpProtocolOptions",
                "common_http_protocol_options": {"idle_timeout": f"{_IDLE_SECONDS}s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }  # fmt: skip


def _own(own: tuple[str, int], catalogue: str) -> Config:
    """No request goes this way. A pod that can only pass requests on would count as a replica, and the last real one could be evicted."""
    return {**_cluster("own", [own]), "health_checks": [_health_check(catalogue, failures=_OWN_FAILURES)]}


def _health_check(catalogue: str, *, failures: int) -> Config:
    return {
        "timeout": "3s", "interval": "1s", "no_traffic_interval": "1s", "unhealthy_threshold": failures, "healthy_threshold": 1,
        "http_health_check": {"path": "/v2/health/ready", "request_headers_to_add": _of_catalogue(catalogue)},
    }  # fmt: skip


def _placer(placer: tuple[str, int]) -> Config:
    return _cluster("placer", [placer])


def _cluster(name: str, addresses: Sequence[tuple[str, int]]) -> Config:
    endpoints = [{"endpoint": {"address": _socket(address)}} for address in addresses]
    return {
        "name": name, "connect_timeout": "1s",
        "cluster_type": _typed(
            "clusters.dns", "clusters.dns.v3.DnsCluster", dns_lookup_family="V4_ONLY", respect_dns_ttl=False, dns_refresh_rate="1s"
        ),
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }  # fmt: skip


def _socket(address: tuple[str, int]) -> Config:
    return {"socket_address": {"address": address[0], "port_value": address[1]}}


def _typed(name: str, message: str, /, **fields: object) -> Config:
    return {"name": f"envoy.{name}", "typed_config": {"@type": f"{_TYPES}.extensions.{message}", **fields}}
