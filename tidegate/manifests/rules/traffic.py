"""Traffic: mTLS without exception, nobody allowed by accident, no host that stands for all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tidegate.errors import Finding
from tidegate.facts.names import NAMESPACE_EDGE
from tidegate.manifests.placed import Placed, fields, fields_in, items
from tidegate.manifests.policy_files import sentences

_DOMAIN_MAPPING, _NO_HOST, _NOT_THE_TENANTS, _OUTSIDE_NAMESPACE = sentences("forbid-shared-hosts")
_ONE_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


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


def forbid_principal_wildcard(placed: Placed) -> Iterator[Finding]:
    """`*` lets every identity in, `*/...` those of every issuer. A pattern behind a name, such as `https://issuer/*`, names whose they are."""
    if placed.kind != "AuthorizationPolicy" or placed.spec.get("action", "ALLOW") != "ALLOW":
        return
    for index, rule in fields_in(placed.spec.get("rules")):
        for position, entry in fields_in(rule.get("from")):
            source = fields(entry.get("source"))
            for field in ("principals", "requestPrincipals", "namespaces", "serviceAccounts"):
                for number, name in enumerate(items(source.get(field))):
                    if str(name).startswith("*"):
                        at = f"spec.rules[{index}].from[{position}].source.{field}[{number}]"
                        yield placed.finding(
                            "forbid-principal-wildcard", at, "anybody's identity matches it", "name whose identities they are", name
                        )


def forbid_shared_hosts(placed: Placed) -> Iterator[Finding]:
    """Of two routes with one host, one takes the other's traffic. Which host is a tenant's, the policy knows."""
    if placed.kind == "DomainMapping":
        yield placed.finding("forbid-shared-hosts", "kind", *_DOMAIN_MAPPING, placed.kind)
    if placed.kind not in {"GRPCRoute", "HTTPRoute", "TLSRoute"}:
        return
    hosts, namespace = [str(host) for host in items(placed.spec.get("hostnames"))], str(placed.metadata.get("namespace", ""))
    if not hosts:
        yield placed.finding("forbid-shared-hosts", "spec.hostnames", *_NO_HOST)
    elif namespace == NAMESPACE_EDGE:
        if not (_ONE_HOST.fullmatch(hosts[0]) and all(_moves_with_failover(host, hosts[0]) for host in hosts[1:])):
            yield placed.finding("forbid-shared-hosts", "spec.hostnames", *_NOT_THE_TENANTS, ", ".join(hosts))
    else:
        inside = re.compile(rf"[a-z0-9-]+\.{re.escape(namespace)}(\.svc(\.cluster\.local)?)?")
        for index, host in enumerate(hosts):
            if not inside.fullmatch(host):
                yield placed.finding("forbid-shared-hosts", f"spec.hostnames[{index}]", *_OUTSIDE_NAMESPACE, host)


def _moves_with_failover(host: str, own: str) -> bool:
    """Whether `host` is the tenant's in the zone that `own`, its host in a region, belongs to."""
    (tenant, _, zone), (own_tenant, _, region) = host.partition("."), own.partition(".")
    return tenant == own_tenant and region.endswith(f".{zone}") and "." in zone


def forbid_host_wildcard(placed: Placed) -> Iterator[Finding]:
    """A host that stands for all takes other tenants' traffic. Those of routes are `forbid-shared-hosts`'."""
    for path, host in _hosts(placed):
        if host in {"*", "*.*"} or host.startswith("*:") or host.endswith("."):
            yield placed.finding(
                "forbid-host-wildcard", path, "the host stands for all hosts, or is spelled so that it may", "write the tenant's host", host
            )


def _hosts(placed: Placed) -> Iterator[tuple[str, str]]:
    if placed.kind in {"VirtualService", "ServiceEntry"}:
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


RULES = (
    forbid_host_wildcard,
    forbid_open_allow,
    forbid_path_based_denial,
    forbid_principal_wildcard,
    forbid_shared_hosts,
    require_strict_mtls,
)
