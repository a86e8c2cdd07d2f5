"""Traffic: mTLS without exception, nobody allowed by accident, no host that stands for all."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.errors import Finding
from tidegate.manifests.placed import Placed, fields, fields_in, items


def require_strict_mtls(placed: Placed) -> Iterator[Finding]:
    """PERMISSIVE, Istio's default, takes plain text from anybody."""
    if placed.kind != "PeerAuthentication":
        return
    mode = fields(placed.spec.get("mtls")).get("mode")
    if mode != "STRICT":
        yield placed.finding("require-strict-mtls", "spec.mtls.mode", "plain text is taken", "set it to STRICT", mode or "")
    for port, setting in fields(placed.spec.get("portLevelMtls")).items():
        if fields(setting).get("mode") != "STRICT":
            yield placed.finding(
                "require-strict-mtls",
                f"spec.portLevelMtls[{port}].mode",
                "an exception for one port",
                "remove it",
                fields(setting).get("mode", ""),
            )


def forbid_open_allow(placed: Placed) -> Iterator[Finding]:
    """An ALLOW rule without `from` allows everybody; an empty list of rules says nothing clearly."""
    if placed.kind != "AuthorizationPolicy" or placed.spec.get("action", "ALLOW") != "ALLOW" or "rules" not in placed.spec:
        return
    if not items(placed.spec["rules"]):
        yield placed.finding(
            "forbid-open-allow", "spec.rules", "an empty list reads like everything and allows nothing", "leave rules out to allow nothing"
        )
    for index, rule in fields_in(placed.spec["rules"]):
        sources = [fields(entry.get("source")) for _, entry in fields_in(rule.get("from"))]
        if not sources or not all(sources):
            yield placed.finding(
                "forbid-open-allow",
                f"spec.rules[{index}].from",
                "the rule allows everybody",
                "name principals, namespaces or requestPrincipals",
            )


def forbid_host_wildcard(placed: Placed) -> Iterator[Finding]:
    """A host that stands for all takes other tenants' traffic."""
    for path, host in _hosts(placed):
        if host in {"*", "*.*"} or host.startswith("*:") or host.endswith("."):
            yield placed.finding(
                "forbid-host-wildcard", path, "the host stands for all hosts, or is spelled so that it may", "write the tenant's host", host
            )


def _hosts(placed: Placed) -> Iterator[tuple[str, str]]:
    if placed.kind in {"HTTPRoute", "GRPCRoute", "TLSRoute"}:
        for index, host in enumerate(items(placed.spec.get("hostnames"))):
            yield f"spec.hostnames[{index}]", str(host)
    elif placed.kind in {"VirtualService", "ServiceEntry"}:
        for index, host in enumerate(items(placed.spec.get("hosts"))):
            yield f"spec.hosts[{index}]", str(host)
    elif placed.kind == "AuthorizationPolicy":
        for index, rule in fields_in(placed.spec.get("rules")):
            for position, entry in fields_in(rule.get("to")):
                for number, host in enumerate(items(fields(entry.get("operation")).get("hosts"))):
                    yield f"spec.rules[{index}].to[{position}].operation.hosts[{number}]", str(host)


def forbid_path_based_denial(placed: Placed) -> Iterator[Finding]:
    """`//`, `%2F` and `#` have slipped past DENY by path more than once (CVE-2021-31920, CVE-2021-39156)."""
    if placed.kind != "AuthorizationPolicy" or placed.spec.get("action") != "DENY":
        return
    for index, rule in fields_in(placed.spec.get("rules")):
        for position, entry in fields_in(rule.get("to")):
            if "paths" in fields(entry.get("operation")):
                at = f"spec.rules[{index}].to[{position}].operation.paths"
                yield placed.finding(
                    "forbid-path-based-denial", at, "another spelling of the path gets through", "allow what is right instead"
                )


RULES = (forbid_host_wildcard, forbid_open_allow, forbid_path_based_denial, require_strict_mtls)
