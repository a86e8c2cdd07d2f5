"""Every data path from one tenant's pod to another tenant's model, each with what must be seen and who must refuse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tidegate.attack.cells import OPEN, Call, Mode, Planned
from tidegate.attack.targets import AttackTarget, Places
from tidegate.facts import names, ports
from tidegate.facts.platform import Platform

EDGE, LOCAL, ACTIVATOR, SIDECAR, ATTACKER = "edge", "local gateway", "activator", "target's sidecar", "attacker's sidecar"
API, NETWORK = "API server", "network"

FORBIDDEN = frozenset({"403"})
_UNSERVED = frozenset({"404"})
_MANAGEMENT = "/v2/repository/models/{model}/unload"
"""What a model server offers to whoever runs it: nobody's caller reaches it."""

_BROKEN: dict[Mode, frozenset[str]] = {"meshed": frozenset({"503", "reset"}), "outside": frozenset({"reset"}), "certificate": FORBIDDEN}
"""How a proxy that wants mTLS and a policy refuses: without a certificate the connection breaks, and a sidecar tells that as 503."""

_SILENT = frozenset({"refused", "timeout", "unreachable", "reset", "503"})
"""Nobody answers; behind a sidecar that is a 503 or a reset."""

POLICY_PORTS = (
    *ports.SERVING_PORTS, ports.QUEUE_METRICS_PORT, ports.QUEUE_USER_METRICS_PORT, ports.QUEUE_ADMIN_PORT, ports.ENVOY_ADMIN_PORT,
    ports.ENVOY_OUTBOUND_PORT,
)  # fmt: skip
"""Queue-proxy's requests, HTTP/2, metrics for the autoscaler and for people, its admin port; the model's own two; Envoy's admin
and outbound listener, which the inbound one must not lead to."""

SIDECAR_PORTS = {
    ports.SIDECAR_METRICS_PORT: "/stats/prometheus", ports.SIDECAR_HEALTH_PORT: "/healthz/ready",
    ports.ENVOY_METRICS_PORT: "/stats/prometheus",
}  # fmt: skip
"""The sidecar answers on these without mTLS; 15020 speaks for the application too."""

_NAMESPACE, _REVISION, _PROBE = "Knative-Serving-Namespace", "Knative-Serving-Revision", "K-Network-Probe"
_PROBES = {"": ((_PROBE, "probe"),), ", header twice": ((_PROBE, "probe"), (_PROBE, "activator"))}
"""Only Knative's ingress controller gets an answer there, whatever is said."""


@dataclass(frozen=True, slots=True)
class Attacker:
    """Who attacks, and the token that the identity provider gave its first caller."""

    target: AttackTarget
    mode: Mode
    token: str

    @property
    def name(self) -> str:
        """The tenant."""
        return self.target.tenant.name


@dataclass(frozen=True, slots=True)
class Pair:
    """One attacker and one target in one region; makes the calls between them."""

    places: Places
    attacker: Attacker
    target: AttackTarget
    called: bool
    """Whether the target's file names the attacker among its callers."""

    @property
    def own(self) -> bool:
        """Whether the attacker calls itself."""
        return self.attacker.name == self.target.tenant.name

    def plan(
        self, path: str, address: str, port: int, *, expected: frozenset[str], layers: frozenset[str], host: str, pod: str = "",
        headers: tuple[tuple[str, str], ...] = (), tls: str = "", sni: str = "", url: str = "", method: str = "POST",
        seconds: float = 15,
    ) -> Planned:  # fmt: skip
        """A call with the target's own sample as its body, so that one which gets through is answered 200.

        It says to be a caller of the target's, as the edge tells models: that opens nothing to others, and own pods are believed.
        """
        mode, name = self.attacker.mode, self.target.tenant.name
        identity = f"{self.places.region}/{self.attacker.name}/{mode}/{path}/{name}".replace(" ", "-").replace("'", "")
        transport = tls or ("mutual" if mode == "certificate" else "none")
        forged = tuple((names.HEADER_SUBJECT, one.subject) for one in self.target.tenant.callers if one.subject)[:1]
        call = Call.model_validate(
            {
                "id": identity, "address": address, "port": port, "tls": transport, "sni": sni or host, "method": method,
                "path": url or self.target.path, "body": "" if method == "GET" else self.target.body, "timeout_seconds": seconds,
                "headers": (("Host", host), ("Content-Type", "application/json"), ("User-Agent", f"tidegate-attack/{identity}"), *forged, *headers),
            }
        )  # fmt: skip
        return Planned(self.places.region, self.attacker.name, mode, path, name, expected, layers, call, pod)


def is_caller(platform: Platform, source: str, target: str) -> bool:
    """Whether the target's file lets that tenant call it inside the mesh."""
    return any(caller.tenant == source for caller in platform.tenants[target].callers)


def to_gateways(pair: Pair, platform: Platform) -> Iterator[Planned]:
    """By the edge, here and in other regions, and by the local gateway. None of them needs a pod of the target."""
    places, target, mode = pair.places, pair.target, pair.attacker.mode
    bearer = (("Authorization", f"Bearer {pair.attacker.token}"),)
    url = f"/{target.model}{target.path}"
    host = target.tenant.host_in(platform.clusters[places.region].domain)
    expected = frozenset({OPEN}) if pair.own else FORBIDDEN
    edge = frozenset({EDGE})
    yield pair.plan("edge", places.edge, 443, expected=expected, layers=edge, host=host, headers=bearer, tls="plain", url=url)
    if pair.own:
        yield pair.plan("edge without token", places.edge, 443, expected=frozenset({"401"}), layers=edge, host=host, tls="plain", url=url)
    else:
        own = pair.attacker.target.tenant.host_in(platform.clusters[places.region].domain)
        yield pair.plan(
            "edge, own server name", places.edge, 443, expected=frozenset({"403", "404", "421"}), layers=edge, host=host, headers=bearer,
            tls="plain", sni=own, url=url,
        )  # fmt: skip
        for other in places.elsewhere:
            there = target.tenant.host_in(platform.clusters[other.region].domain)
            yield pair.plan(
                "other region's edge", other.node, 443, expected=FORBIDDEN, layers=edge, host=there, headers=bearer, tls="plain", url=url
            )
    allowed = (pair.own or pair.called) and mode != "outside"
    expected = frozenset({OPEN}) if allowed else (frozenset({"reset"}) if mode == "outside" else FORBIDDEN)
    yield pair.plan("local gateway", places.local_gateway, 80, expected=expected, layers=frozenset({LOCAL}), host=target.host)
    if allowed:
        managed = _MANAGEMENT.format(model=target.model)
        yield pair.plan(
            "local gateway, server's management", places.local_gateway, 80, expected=_UNSERVED, layers=frozenset({LOCAL}), host=target.host,
            url=managed,
        )  # fmt: skip
    layers = frozenset({LOCAL, ATTACKER} if mode == "meshed" else {LOCAL})
    for path, headers in _PROBES.items():
        yield pair.plan(
            f"local gateway, probe port{path}", places.local_gateway, ports.KNATIVE_PROBE_PORT, expected=_BROKEN[mode], layers=layers,
            host=target.host, url="/", method="GET", headers=headers,
        )  # fmt: skip


def to_activator(pair: Pair) -> Iterator[Planned]:
    """Straight to the activator, which may reach every tenant."""
    target, mode = pair.target, pair.attacker.mode
    asked = _BROKEN[mode]
    headers = ((_NAMESPACE, target.tenant.namespace_name), (_REVISION, target.revision))
    mine = (_NAMESPACE, pair.attacker.target.tenant.namespace_name)
    answered = frozenset({OPEN}) if pair.own and mode == "certificate" else asked
    yield _activator(pair, "activator by host", expected=answered)
    yield _activator(pair, "activator by headers", expected=asked, headers=headers)
    if pair.own:
        return
    yield _activator(pair, "activator by host, HTTP/2 port", expected=asked, port=ports.KNATIVE_DATA_PORTS[1])
    yield _activator(pair, "activator by headers, own first", expected=asked, headers=(mine, *headers))
    yield _activator(pair, "activator by headers, own last", expected=asked, headers=(*headers, mine))
    yield _activator(pair, "activator by headers, own host", expected=asked, headers=headers, host=pair.attacker.target.revision_host)
    yield _activator(pair, "activator by probe", expected=asked, headers=((_PROBE, "activator"),))
    yield _activator(pair, "activator by probe and headers", expected=asked, headers=((_PROBE, "probe"), *headers))


def _activator(
    pair: Pair, path: str, *, expected: frozenset[str], headers: tuple[tuple[str, str], ...] = (), host: str = "", port: int = 8012,
) -> Planned:  # fmt: skip
    layers = frozenset({ACTIVATOR, ATTACKER} if pair.attacker.mode == "meshed" else {ACTIVATOR})
    named = host or pair.target.revision_host
    return pair.plan(path, pair.places.activator, port, expected=expected, layers=layers, host=named, headers=headers)


def to_revision(pair: Pair) -> Iterator[Planned]:
    """By the address of the revision's Service: to its pods, or to the activator while it is at zero or scaled with its help."""
    target, mode = pair.target, pair.attacker.mode
    allowed = mode != "outside" and (pair.own or (pair.called and target.direct))
    refused = frozenset({"reset"}) if mode == "outside" else FORBIDDEN
    layers = frozenset({SIDECAR if target.direct else ACTIVATOR})
    expected = frozenset({OPEN}) if allowed else refused
    yield pair.plan("revision's service", target.revision_ip, 80, expected=expected, layers=layers, host=target.revision_host)


def to_pods(pair: Pair) -> Iterator[Planned]:
    """Straight to the target's pods; nothing while there are none."""
    target, mode = pair.target, pair.attacker.mode
    if not target.pods:
        return
    pod = target.pods[0]
    layers = frozenset({SIDECAR, ATTACKER} if mode == "meshed" else {SIDECAR})
    open_here = pair.own or pair.called
    if target.private_ip:
        allowed = open_here and mode != "outside"
        expected = frozenset({OPEN}) if allowed else (frozenset({"reset"}) if mode == "outside" else FORBIDDEN)
        host = names.cluster_local_host(f"{target.revision}-private", target.tenant.namespace_name)
        yield pair.plan("service", target.private_ip, 80, expected=expected, layers=layers, host=host, pod=pod)
    for port in (8012, 8080) if open_here else POLICY_PORTS:
        expected = frozenset({OPEN}) if open_here and mode == "certificate" else _BROKEN[mode]
        yield pair.plan(f"pod, port {port}", pod, port, expected=expected, layers=layers, host=target.revision_host, pod=pod)
    if pair.own:
        return
    if pair.called:  # what callers may use ends at the ports that serve, and at the paths of inference
        if mode == "certificate":
            managed = _MANAGEMENT.format(model=target.model)
            yield pair.plan(
                "pod, server's management", pod, 8012, expected=FORBIDDEN, layers=layers, host=target.revision_host, url=managed, pod=pod
            )
        for port in (9090, 9091, 8022):
            yield pair.plan(f"pod, port {port}", pod, port, expected=_BROKEN[mode], layers=layers, host=target.revision_host, pod=pod)
    broken = frozenset({"reset", "503"})
    shut = broken | _BROKEN[mode]
    yield pair.plan(f"pod, port {ports.POOL_PORT}", pod, ports.POOL_PORT, expected=shut, layers=layers, host=target.revision_host, pod=pod)
    yield pair.plan("pod, port 15006", pod, 15006, expected=broken, layers=layers, host=target.revision_host, pod=pod)
    for port, url in SIDECAR_PORTS.items():
        if mode == "meshed" and port != 15020:
            continue  # the attacker's own sidecar listens there too and answers whatever the address
        yield pair.plan(
            f"pod, sidecar's port {port}", pod, port, expected=_SILENT, layers=frozenset({NETWORK, ATTACKER}), host=target.revision_host,
            tls="none", url=url, method="GET", pod=pod, seconds=3,
        )  # fmt: skip


def to_platform(pair: Pair) -> Iterator[Planned]:
    """What belongs to no tenant: API servers, kubelets, the control plane's own ports, the cloud's metadata. Once per attacker."""
    yield from (replace(one, target="platform") for one in _to_platform(pair))


def _to_platform(pair: Pair) -> Iterator[Planned]:
    places, mode = pair.places, pair.attacker.mode
    api = frozenset({API})
    unauthorised = frozenset({"401"})
    servers = [("API server", places.api, 443, "/api/v1/secrets"), ("kubelet", places.node, 10250, "/pods")]
    for other in places.elsewhere:
        servers += [
            ("other region's API server", other.node, 6443, "/api/v1/secrets"),
            ("other region's kubelet", other.node, 10250, "/pods"),
        ]
    for path, address, port, url in servers:
        yield pair.plan(path, address, port, expected=unauthorised, layers=api, host="kubernetes", tls="plain", url=url, method="GET")
    yield pair.plan(
        "control plane's debug port", places.istiod, 15014, expected=unauthorised, layers=api, host="istiod", tls="none",
        url="/debug/syncz", method="GET",
    )  # fmt: skip
    yield pair.plan(
        "autoscaler", places.autoscaler, 8080, expected=_BROKEN[mode], layers=frozenset({"autoscaler", ATTACKER}), host="autoscaler",
        url="/", method="GET",
    )  # fmt: skip
    yield pair.plan(
        "cloud's metadata", "169.254.169.254", 80, expected=_SILENT, layers=frozenset({NETWORK, ATTACKER}), host="169.254.169.254",
        tls="none", url="/latest/meta-data/", method="GET", seconds=3,
    )  # fmt: skip
