"""Which proxy refused a call, as the proxies' own access logs say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import BaseModel, ValidationError

from tidegate.attack.cells import UNKNOWN, Outcome, Planned
from tidegate.attack.paths import ACTIVATOR, API, ATTACKER, EDGE, LOCAL, NETWORK, SIDECAR
from tidegate.attack.targets import Places
from tidegate.errors import ToolError
from tidegate.facts import names, ports
from tidegate.live.kubernetes import Kubernetes

_LINE = re.compile(r'" (?P<status>[0-9]+) (?P<flags>\S+) (?P<details>\S+) ')
_AGENT = "tidegate-attack/"
_CALLER = re.compile(rf'"{_AGENT}(?P<id>[^"]+)"')
_ENDS = re.compile(r" (?P<local>\S+) (?P<address>[0-9.]+:[0-9]+) \S+ \S+\s*$")
"""Whom the caller had reached, and the caller."""

_PASSED_ON = "via_upstream"
"""Envoy's word for an answer that somebody behind it gave."""

_API_PORTS = (ports.HTTPS_PORT, ports.API_SERVER_PORT, ports.KUBELET_PORT, ports.ISTIOD_METRICS_PORT)


@dataclass(frozen=True, slots=True)
class Logged:
    """What one proxy wrote about one call."""

    layer: str
    status: str
    flags: str
    details: str
    reached: str = ""
    """The address that the caller of a broken connection had reached, empty when it was not written."""

    @property
    def is_own(self) -> bool:
        """Whether the proxy itself gave the answer."""
        return self.details != _PASSED_ON


@dataclass
class Journal:
    """What the proxies wrote during an attack, by call and, where there was no request yet, by the caller's address and port."""

    by_call: dict[str, list[Logged]]
    by_connection: dict[str, list[Logged]]


_EDGES = (EDGE, names.NAMESPACE_EDGE, f"{names.GATEWAY_LABEL}={names.GATEWAY_EDGE}")


def read_journal(cluster: Kubernetes, places: Places, elsewhere: Sequence[Kubernetes], since: datetime) -> Journal:
    """What every proxy that could refuse an attack wrote since then (UTC): all of a region's, and the edges of those `elsewhere`.

    Not more, because addresses and ports of earlier attackers are taken again.
    """
    wanted = [
        _EDGES,
        (LOCAL, names.NAMESPACE_EDGE, f"{names.GATEWAY_LABEL}={names.GATEWAY_LOCAL}"),
        (ACTIVATOR, names.NAMESPACE_KNATIVE, "app=activator"),
        ("autoscaler", names.NAMESPACE_KNATIVE, "app=autoscaler"),
        *((SIDECAR, one.tenant.namespace_name, f"serving.knative.dev/service={one.service}") for one in places.targets),
        *((ATTACKER, one.tenant.namespace_name, f"{names.LABEL_ATTACK},sidecar.istio.io/inject!=false") for one in places.targets),
    ]
    logs: list[tuple[str, str]] = []
    for at, (layer, namespace, selector) in [*((cluster, one) for one in wanted), *((other, _EDGES) for other in elsewhere)]:
        options = [
            f"--namespace={namespace}",
            f"--selector={selector}",
            "--container=istio-proxy",
            f"--since-time={since:%Y-%m-%dT%H:%M:%SZ}",
            "--tail=-1",
        ]
        try:
            logs.append((layer, at.run("logs", *options)))
        except ToolError:  # a pod that is just starting or ending
            continue
    return journal_of(logs)


def journal_of(logs: Iterable[tuple[str, str]]) -> Journal:
    """A journal of pieces of log, each with the layer that wrote it."""
    journal = Journal({}, {})
    for layer, text in logs:
        for line in text.splitlines():
            read = _read_json(layer, line) if line.startswith("{") else _read_text(layer, line)
            if read is None:
                continue
            logged, call, address = read
            if call:
                journal.by_call.setdefault(call, []).append(logged)
            elif address:
                journal.by_connection.setdefault(address, []).append(logged)
    return journal


_Read = tuple[Logged, str, str]
"""What was logged, the call's id (empty without one), and else the caller's address and port."""


def _read_text(layer: str, line: str) -> _Read | None:
    """Istio's line, which every proxy but the edge writes."""
    found = _LINE.search(line)
    if found is None:
        return None
    logged = Logged(layer, found["status"], found["flags"], found["details"])
    if caller := _CALLER.search(line):
        return logged, caller["id"], ""
    if ends := _ENDS.search(line):
        return replace(logged, reached=ends["local"].rpartition(":")[0]), "", ends["address"]
    return None


class _Request(BaseModel):
    """What is read here of a line of the edge's (clusters/components/network/request_log.py)."""

    status: float
    flags: str | None = None
    details: str | None = None
    user_agent: str | None = None
    local_address: str | None = None
    remote_address: str | None = None


def _read_json(layer: str, line: str) -> _Read | None:
    try:
        told = _Request.model_validate_json(line)
    except ValidationError:
        return None
    reached = (told.local_address or "").rpartition(":")[0]
    logged = Logged(layer, str(int(told.status)), told.flags or "-", told.details or "-", reached)
    call = (told.user_agent or "").removeprefix(_AGENT) if (told.user_agent or "").startswith(_AGENT) else ""
    return (replace(logged, reached="") if call else logged), call, told.remote_address or ""


def refuser(planned: Planned, outcome: Outcome, journal: Journal, attacker_address: str) -> str:
    """The layer that refused a call: by the logs, else by who was asked directly, else `unknown`."""
    logged = [one for one in journal.by_call.get(outcome.id, []) if one.is_own and one.status != "200"]
    beyond = [one for one in logged if one.layer != ATTACKER]
    named = journal.by_connection.get(f"{attacker_address}:{outcome.port}", [])
    # Ports are taken again within an attack, so that several proxies may name one. Who gave this answer wrote its status (0: none)
    # and whom it reached; of several the one that was asked is believed.
    fitting = [one for one in named if one.status == str(outcome.status) and _may_mean(planned, one)]
    broken = [one for one in fitting if one.layer in planned.layers] or fitting
    # A request that the attacker's own sidecar logged went on by a connection of the sidecar's: whoever names the attacker's port
    # means an earlier connection, whose port was taken again.
    for found in (beyond, logged, broken):
        if found:
            return found[-1].layer
    if outcome.failure in {"timeout", "refused", "unreachable"}:
        return NETWORK
    if outcome.status == 401 and planned.call.port in _API_PORTS:
        return API
    return UNKNOWN


def _may_mean(planned: Planned, logged: Logged) -> bool:
    """Whether a line of a connection can be of this call: when a pod was asked, it has the pod's address, or none and is of who should refuse."""
    if not planned.pod or logged.reached == planned.pod:
        return True
    return not logged.reached and logged.layer in planned.layers
