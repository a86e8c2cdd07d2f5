"""Which web pages' scripts may call a tenant from a browser (CORS): those of its `cors_origins`, at its own hosts; nobody else's.

The filter stands before the token check, because a browser asks beforehand without a token (the preflight). Envoy answers that itself for an
origin that is listed; any other is refused like a request without a token. It marks the answers to listed origins, refusals too, so that a
page can read why. Istio has such a filter of its own behind its authorisation, where a preflight never comes.

Settings are looked up by the route: a page cannot read the 404 of a model that does not exist, nor what is refused before there is a request
(400, 408, 431).
"""

from __future__ import annotations

from collections.abc import Iterator

from clusters.components.network import envoy_filters, rate_limits
from clusters.components.network.edge_limits import hosts, subjects
from clusters.objects.istio import EnvoyFilter
from clusters.workloads.verified_model import MODEL, REVISION, SHA256
from tidegate.facts import names
from tidegate.facts.cluster import Cluster
from tidegate.facts.platform import Platform

_FILTER = "tidegate.cross-origin"
_TYPES = "type.googleapis.com/envoy.extensions.filters.http.cors.v3"

METHODS = "GET, POST"

ALLOWED = (
    "authorization", "content-type", "traceparent", "tracestate", "x-request-id",
    # OpenAI's SDK sends these from browsers, and gives up where one is not allowed.
    *(f"x-stainless-{word}" for word in ("arch", "lang", "os", "package-version", "retry-count", "runtime", "runtime-version", "timeout")),
)  # fmt: skip
"""What a page may send beside what every page may. Spelt out, because `*` does not stand for `authorization`."""

EXPOSED = ("x-request-id", MODEL, SHA256, REVISION, rate_limits.LIMIT_HEADER, "retry-after", "www-authenticate")
"""What a page may read of an answer."""

PREFLIGHT_SECONDS = 600
"""How long a browser need not ask again; an origin that is taken away is refused after that at the latest."""

_SERVERS_WORDS = tuple(
    f"access-control-{word}"
    for word in ("allow-origin", "allow-credentials", "allow-methods", "allow-headers", "expose-headers", "max-age")
)


def objects(platform: Platform, cluster: Cluster) -> Iterator[EnvoyFilter]:
    """The filter, what holds for every host, and the origins of the tenants that have any.

    A model server's own words are taken out for all: vLLM answers every origin that it is welcome.
    """
    admitted = {
        host: origins
        for tenant in platform.tenants_of(cluster.name)
        if subjects(tenant) and (origins := tenant.origins_in(cluster.stage))
        for host in hosts(cluster, tenant)
    }
    common: dict[str, object] = {
        "@type": f"{_TYPES}.CorsPolicy", "allow_methods": METHODS, "allow_headers": ", ".join(ALLOWED),
        "expose_headers": ", ".join(EXPOSED), "max_age": str(PREFLIGHT_SECONDS),
    }  # fmt: skip
    for_all: dict[str, object] = {"response_headers_to_remove": list(_SERVERS_WORDS)}
    patches: list[dict[str, object]] = []
    if admitted:
        patches.append(envoy_filters.http_filter(_FILTER, {"@type": f"{_TYPES}.Cors"}, first=True))
        for_all["typed_per_filter_config"] = {_FILTER: common}
    patches.append(envoy_filters.of_all_hosts(for_all))
    patches += [envoy_filters.of_host(host, _FILTER, _policy(origins)) for host, origins in admitted.items()]
    yield from envoy_filters.of_gateway(names.GATEWAY_EDGE, "cross-origin", patches)


def _policy(origins: list[str]) -> dict[str, object]:
    return {"@type": f"{_TYPES}.CorsPolicy", "allow_origin_string_match": [{"exact": origin} for origin in origins]}
