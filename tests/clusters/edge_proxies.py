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
from pathlib import Path
from typing import Any, ClassVar, cast

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from clusters.components.network import body_limits, health, http_protocol, paths
from tests.clusters.workloads.dense_pool.programs import free_ports
from tests.measure.bench.edge_rules import started
from tidegate.facts import names
from tidegate.facts.platform import Platform

CLUSTER = "live-1"
_ISSUER = "https://login.example.com/tidegate"
HOST = "fraud.live-1.models.example.com"
_FILTERS = "type.googleapis.com/envoy.extensions.filters"
_HTTP = f"{_FILTERS}.http"
NOBODY = "outbound|80||decision-health.tenant-credit.svc.cluster.local"


class Behind(http.server.BaseHTTPRequestHandler):
    """Answers like a model server, and says which headers it was sent; `/v2/models/scorer/slow` never answers."""

    protocol_version = "HTTP/1.1"
    status = 200
    seen: ClassVar[dict[str, str]] = {}

    def do_POST(self) -> None:
        """The status that is set, and what a model would say."""
        Behind.seen = {name.lower(): value for name, value in self.headers.items()}
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps({"error": "the model's own words"} if Behind.status >= 400 else {"outputs": []}).encode()
        self.send_response(Behind.status)
        self.send_header("Content-Length", str(len(body)))
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


def bootstrap(platform: Platform, ports: tuple[int, int, int], *, ready: bool, limit: int) -> dict[str, object]:
    """Envoy's configuration: the edge on the first port, the local gateway on the second, the server behind on the third."""
    edge, local, checked = rendered(platform)
    edge_port, local_port, behind = ports
    filters: list[object] = [checked, _tokens(), _denial(), _admission(), _limit(limit), _router()]
    watched = {name: [behind] if ready or name != NOBODY else [] for name in checked["typed_config"]["cluster_min_healthy_percentages"]}
    clusters = {"local-gateway": [local_port], "server": [behind], **watched}
    return {
        "static_resources": {
            "listeners": [
                _listener(edge_port, edge, filters, "local-gateway"),
                _listener(local_port, local, [_body_limit(platform), _router()], "server"),
            ],
            "clusters": [_upstream(name, found) for name, found in clusters.items()],
        }
    }


def _listener(port: int, settings: Mapping[str, Any], filters: list[object], cluster: str) -> dict[str, object]:
    route = {"match": {"path_separated_prefix": "/scorer"}, "route": {"cluster": cluster, "timeout": "2s", "prefix_rewrite": "/"}}
    onward = {"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "2s"}}
    manager = {
        **settings,
        "stat_prefix": "edge",
        "use_remote_address": cluster != "server",
        "http_filters": filters,
        "route_config": {
            "virtual_hosts": [{"name": "one", "domains": ["*"], "routes": [onward if cluster == "server" else route]}],
        },
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {"name": cluster, "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}, "filter_chains": [chain]}


def _upstream(name: str, found: list[int]) -> dict[str, object]:
    points = [{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}} for port in found]
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": points}] if points else []},
    }


_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def token(subject: str) -> str:
    """What the edge believes."""
    return jwt.encode({"iss": _ISSUER, "sub": subject, "exp": time.time() + 600}, _KEY, algorithm="RS256")


def _tokens() -> dict[str, object]:
    keys = {"keys": [RSAAlgorithm.to_jwk(_KEY.public_key(), as_dict=True)]}
    provider = {
        "issuer": _ISSUER,
        "local_jwks": {"inline_string": json.dumps(keys)},
        "claim_to_headers": [{"header_name": names.HEADER_SUBJECT, "claim_name": "sub"}],
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
    rule = {"permissions": [{"not_rule": served}], "principals": [{"any": True}]}
    return _rbac("DENY", {f"ns[{names.NAMESPACE_EDGE}]-policy[{paths.POLICY}]-rule[0]": rule})


def _admission() -> dict[str, object]:
    who = {"header": {"name": names.HEADER_SUBJECT, "string_match": {"exact": "card-authorisation"}}}
    return _rbac("ALLOW", {"tenants": {"permissions": [{"any": True}], "principals": [who]}})


def _rbac(action: str, policies: dict[str, object]) -> dict[str, object]:
    return {
        "name": "envoy.filters.http.rbac",
        "typed_config": {"@type": f"{_HTTP}.rbac.v3.RBAC", "rules": {"action": action, "policies": policies}},
    }


def _limit(requests: int) -> dict[str, object]:
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    config = {
        "@type": f"{_HTTP}.local_ratelimit.v3.LocalRateLimit", "stat_prefix": "tenants", "filter_enabled": always, "filter_enforced": always,
        "token_bucket": {"max_tokens": requests, "tokens_per_fill": requests, "fill_interval": "600s"},
    }  # fmt: skip
    return {"name": "envoy.filters.http.local_ratelimit", "typed_config": config}


def _body_limit(platform: Platform) -> dict[str, object]:
    (filters,) = body_limits.objects(platform, platform.clusters[CLUSTER])
    return cast("Any", filters)["spec"]["configPatches"][0]["patch"]["value"]


def _router() -> dict[str, object]:
    return {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_HTTP}.router.v3.Router"}}


@contextlib.contextmanager
def running(folder: Path, platform: Platform, *, ready: bool = True, limit: int = 1000) -> Generator[int]:
    """The port of the edge, which lets `limit` requests in. `ready` False takes the replicas of one watched model away."""
    ports = cast("tuple[int, int, int]", tuple(free_ports(3)))
    config = folder / f"envoy-{ready}.json"
    config.write_text(json.dumps(bootstrap(platform, ports, ready=ready, limit=limit)), encoding="utf-8")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", ports[2]), Behind)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    try:
        with started(config, ports[0]):
            yield ports[0]
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
