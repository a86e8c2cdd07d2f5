"""The edge and the local gateway as two listeners of one real Envoy on loopback, with the rendered settings, and a server behind them.

What Istio adds in a region is written by hand here, as small as it can be: routes, the token check, and policies under Istio's names.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import socket
import threading
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, cast

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from clusters.components.network import body_limits, cross_origin, health, http_protocol, in_flight, paths, rate_limits
from tests.clusters import gateway_patches
from tests.clusters.workloads.dense_pool.programs import free_ports
from tests.http_server import Server
from tests.measure.bench.edge_rules import started
from tidegate.facts import names
from tidegate.facts.platform import Platform

CLUSTER = "live-1"
_ISSUER = "https://login.example.com/tidegate"
HOST, MOVING_HOST = HOSTS = ("fraud.live-1.models.example.com", "fraud.models.example.com")
OTHER_CALLER = "checkout"
ANSWER_SECONDS = 2
"""How long the gateways wait for an answer; a test that holds answers back longer sets another."""
ADMITTED = ("card-authorisation", OTHER_CALLER)
_FILTERS = "type.googleapis.com/envoy.extensions.filters"
_HTTP = f"{_FILTERS}.http"
NOBODY = "outbound|80||decision-health.tenant-credit.svc.cluster.local"


Settings = Mapping[str, object]
"""Fields of one object of Envoy's configuration."""


@dataclass(frozen=True, slots=True)
class Sockets:
    """Whom each listener and each connection onwards believes, as Envoy's `transport_socket`; without one it is plain text."""

    edge: Settings = field(default_factory=dict[str, object])
    local: Settings = field(default_factory=dict[str, object])
    to_local: Settings = field(default_factory=dict[str, object])
    to_server: Settings = field(default_factory=dict[str, object])


PLAIN = Sockets()


class Behind(http.server.BaseHTTPRequestHandler):
    """Answers like a model server, and says which headers it was sent; `/v2/models/scorer/slow` never answers."""

    protocol_version = "HTTP/1.1"
    status = 200
    headers_of_its_own: ClassVar[dict[str, str]] = {}
    asked = 0
    held: ClassVar[threading.Event | None] = None
    seen: ClassVar[dict[str, str]] = {}
    requests: ClassVar[list[tuple[str, str, list[str]]]] = []
    """Method, path and verified subjects of everything that was taken for a request, whatever became of it."""

    def parse_request(self) -> bool:
        """As always, and noted down."""
        is_one = super().parse_request()
        subjects: list[str] = self.headers.get_all(names.HEADER_SUBJECT, []) if is_one else []
        Behind.requests.append((self.command or self.requestline, self.path if is_one else "", subjects))
        return is_one

    def do_POST(self) -> None:
        """The status that is set, and what a model would say."""
        Behind.seen = {name.lower(): value for name, value in self.headers.items()}
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        Behind.asked += 1
        body = json.dumps({"error": "the model's own words"} if Behind.status >= 400 else {"outputs": []}).encode()
        self.send_response(Behind.status)
        if Behind.held:
            Behind.held.wait(60)
        for name, value in {"Content-Length": str(len(body)), **Behind.headers_of_its_own}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """The same."""
        self.do_POST()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name http.server gives it
        """Nothing."""


def rendered(platform: Platform) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The fields of the edge's and the local gateway's connection managers, and the health filter."""
    cluster = platform.clusters[CLUSTER]
    edge, local = (cast("Any", one)["spec"]["configPatches"][0]["patch"]["value"]["typed_config"] for one in http_protocol.objects(cluster))
    (filters,) = health.objects(platform, cluster)
    return edge, local, cast("Any", filters)["spec"]["configPatches"][0]["patch"]["value"]


def towards_local(platform: Platform) -> dict[str, Any]:
    """The fields of the edge's cluster for the local gateway."""
    edge, _ = http_protocol.objects(platform.clusters[CLUSTER])
    return cast("Any", edge)["spec"]["configPatches"][1]["patch"]["value"]


def bootstrap(
    platform: Platform, ports: tuple[int, int, int], *, limit: Mapping[str, int], ready: bool = True, checks: bool = True,
    sockets: Sockets = PLAIN,
) -> dict[str, Any]:  # fmt: skip
    """Envoy's configuration: the edge on the first port, the local gateway on the second, the server behind on the third.

    Without `checks` the edge looks at no token, asks no policy and counts no requests.
    """
    edge, local, checked = rendered(platform)
    edge_port, local_port, behind = ports
    shared = gateway_patches.of(cross_origin.objects(platform, platform.clusters[CLUSTER]))
    limits = gateway_patches.of(rate_limits.objects(platform.clusters[CLUSTER], list(platform.tenants.values())))
    asked = [_tokens(), _denial(), _admission()] if checks else []
    counted = [_slowly(one, limit) for one in limits.filters] if checks else []
    filters = [*shared.first, checked, *asked, *shared.filters, *counted, router()]
    watched = {name: [behind] if ready or name != NOBODY else [] for name in checked["typed_config"]["cluster_min_healthy_percentages"]}
    clusters = {"local-gateway": [local_port], "server": [behind], **watched}
    further = {"server": {**_at_once(platform), **sockets.to_server}, "local-gateway": {**towards_local(platform), **sockets.to_local}}
    onward = [{"match": {"prefix": "/"}, "route": {"cluster": "server", "timeout": f"{ANSWER_SECONDS}s"}}]
    # As Istio writes a prefix that is replaced by `/`.
    rewritten: Settings = {"pattern": {"regex": "^/scorer/?"}, "substitution": "/"}
    inside = {"regex_rewrite": rewritten, "host_rewrite_literal": names.cluster_local_host("scorer-predictor", "tenant-fraud")}
    inward = [
        {"match": {"path_separated_prefix": "/scorer"}, "route": {"cluster": "local-gateway", "timeout": f"{ANSWER_SECONDS}s", **inside}}
    ]
    hosts = [{"name": host, "domains": [host], "routes": inward, **shared.of_host.get(host, {})} for host in HOSTS]
    at_edge = {**shared.of_all_hosts, "virtual_hosts": [*hosts, {"name": "rest", "domains": ["*"], "routes": inward}]}
    at_local = {"virtual_hosts": [{"name": "one", "domains": ["*"], "routes": onward}]}
    return {
        "static_resources": {
            "listeners": [
                listener(edge_port, {**edge, "use_remote_address": True}, filters, at_edge, sockets.edge),
                listener(local_port, local, [_body_limit(platform), router()], at_local, sockets.local),
            ],
            "clusters": [upstream(name, found, further.get(name, {})) for name, found in clusters.items()],
        }
    }


def listener(port: int, settings: Settings, filters: list[Any], routes: Settings, socket_of_it: Settings) -> dict[str, object]:
    """A listener on loopback with one connection manager."""
    manager = {"stat_prefix": "edge", **settings, "http_filters": filters, "route_config": routes}
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}], **socket_of_it}
    return {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}, "filter_chains": [chain]}


def _at_once(platform: Platform) -> dict[str, object]:
    """As Istio writes the rule for Envoy."""
    (rule,) = (one for one in in_flight.objects(platform, platform.clusters[CLUSTER]) if one["metadata"]["name"] == "in-flight-fraud")
    pool = cast("Any", rule)["spec"]["trafficPolicy"]["connectionPool"]["http"]
    return {
        "circuit_breakers": {
            "thresholds": [{"max_requests": pool["http2MaxRequests"], "max_pending_requests": pool["http1MaxPendingRequests"]}]
        }
    }


def _slowly(limiter: Any, limit: Mapping[str, int]) -> object:
    """The rendered limiter with other buckets, which nobody fills again while a test runs."""
    for one in limiter["typed_config"]["descriptors"]:
        tokens = limit["tenant" if len(one["entries"]) == 1 else "caller"]
        one["token_bucket"] = {"max_tokens": tokens, "tokens_per_fill": tokens, "fill_interval": "600s"}
    return limiter


def upstream(name: str, found: list[int], settings: Settings) -> dict[str, object]:
    """A cluster of servers on these ports of loopback."""
    points = [{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}} for port in found]
    return {
        **settings,
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": points}] if points else []},
    }


_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def token(subject: str | None, tenant: str = "fraud") -> str:
    """What the edge believes."""
    claims = {"iss": _ISSUER, "tenant": tenant, "exp": time.time() + 600, **({"sub": subject} if subject else {})}
    return jwt.encode(claims, _KEY, algorithm="RS256")


def _tokens() -> dict[str, object]:
    keys = {"keys": [RSAAlgorithm.to_jwk(_KEY.public_key(), as_dict=True)]}
    provider = {
        "issuer": _ISSUER,
        "local_jwks": {"inline_string": json.dumps(keys)},
        "payload_in_metadata": "payload",
        "claim_to_headers": [
            {"header_name": names.HEADER_SUBJECT, "claim_name": "sub"},
            {"header_name": names.HEADER_TENANT, "claim_name": "tenant"},
        ],
    }
    missing: dict[str, object] = {}
    rules = [
        {"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": [{"provider_name": "one"}, {"allow_missing": missing}]}}}
    ]
    return {
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": f"{_HTTP}.jwt_authn.v3.JwtAuthentication",
            "providers": {"one": provider},
            "rules": rules,
        },
    }


def _denial() -> dict[str, object]:
    served = {"url_path": {"path": {"suffix": "/infer"}}}
    kubelet = {"header": {"name": "user-agent", "string_match": {"prefix": paths.KUBELET}}}
    refused = {
        paths.POLICY: {"permissions": [{"not_rule": served}], "principals": [{"any": True}]},
        paths.USER_AGENT_POLICY: {"permissions": [{"any": True}], "principals": [kubelet]},
    }
    return rbac("DENY", {f"ns[{names.NAMESPACE_EDGE}]-policy[{name}]-rule[0]": rule for name, rule in refused.items()})


def _admission() -> dict[str, object]:
    who = [{"header": {"name": names.HEADER_SUBJECT, "string_match": {"exact": one}}} for one in ADMITTED]
    return rbac("ALLOW", {"tenants": {"permissions": [{"any": True}], "principals": who}})


def rbac(action: str, policies: Settings) -> dict[str, object]:
    """Policies as Istio hands them to Envoy."""
    return {
        "name": "envoy.filters.http.rbac",
        "typed_config": {"@type": f"{_HTTP}.rbac.v3.RBAC", "rules": {"action": action, "policies": policies}},
    }


def _body_limit(platform: Platform) -> dict[str, object]:
    (filters,) = body_limits.objects(platform, platform.clusters[CLUSTER])
    return cast("Any", filters)["spec"]["configPatches"][0]["patch"]["value"]


def router() -> dict[str, object]:
    """The last filter of every chain."""
    return {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_HTTP}.router.v3.Router"}}


@contextlib.contextmanager
def running(
    folder: Path, platform: Platform, *, ready: bool = True, limit: int = 1000, of_caller: int | None = None, at: int = 0
) -> Generator[int]:
    """The port of the edge, which lets `limit` requests in, or `of_caller` of each caller; with `at` 1 that of the local gateway, with 2 the
    server's.

    `ready` False takes the replicas of one watched model away.
    """
    ports = cast("tuple[int, int, int]", tuple(free_ports(3)))
    config = folder / f"envoy-{ready}.json"
    limits = {"tenant": limit, "caller": limit if of_caller is None else of_caller}
    config.write_text(json.dumps(bootstrap(platform, ports, ready=ready, limit=limits)), encoding="utf-8")
    server = Server(("127.0.0.1", ports[2]), Behind)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    try:
        with started(config, ports[0]):
            yield ports[at]
    finally:
        server.shutdown()
        server.server_close()


def exchange(port: int, request: bytes, *, seconds: float = 10) -> bytes:
    """One answer over a connection of its own, with what came before it (100), without waiting for the connection's end."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(request)
        answer = b""
        while not _is_whole(answer.partition(CONTINUE)[2].partition(b"\r\n\r\n")[2] if answer.startswith(CONTINUE) else answer):
            if not (part := connection.recv(65536)):
                break
            answer += part
        return answer


CONTINUE = b"HTTP/1.1 100 Continue\r\n"


def _is_whole(answer: bytes) -> bool:
    head, ended, body = answer.partition(b"\r\n\r\n")
    return bool(ended) and len(body) >= int((re.search(rb"(?i)content-length: ([0-9]+)", head) or [b"", b"0"])[1])
