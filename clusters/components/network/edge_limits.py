"""Who may come in at the edge and how often: token, tenant claim, exact subjects, and rate limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypedDict

from clusters.components.network import paths, rate_limits
from clusters.components.network.gateways import metadata, target
from clusters.components.network.shares import shares
from clusters.objects.istio import AuthorizationPolicy, Operation, RequestAuthentication, Rule
from tidegate.facts import names
from tidegate.facts.cluster import Cluster
from tidegate.facts.models.dense_pool import DensePool
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant
from tidegate.manifests.yaml_text import Manifest


class _TokenRule(TypedDict):
    """Whose tokens are believed, where they are looked for, and which of their claims are passed on as headers."""

    issuer: str
    jwksUri: str
    audiences: list[str]
    fromHeaders: list[dict[Literal["name", "prefix"], str]]
    outputClaimToHeaders: list[dict[Literal["header", "claim"], str]]


_EDGE = target(names.GATEWAY_EDGE)


def objects(platform: Platform, cluster: Cluster) -> Iterator[Manifest]:
    """Token check, admission by tenant and rate limits of one cluster's edge."""
    tenants = [tenant for tenant in platform.tenants_of(cluster.name) if subjects(tenant)]
    issuer = cluster.token_issuer
    rule: _TokenRule = {
        "issuer": issuer.issuer,
        "jwksUri": issuer.jwks_uri,
        "audiences": [issuer.audience],
        # Said because a token in the query is taken otherwise, and addresses end up in everybody's logs.
        "fromHeaders": [{"name": "Authorization", "prefix": "Bearer "}],
        "outputClaimToHeaders": [
            {"header": names.HEADER_TENANT, "claim": issuer.tenant_claim},
            {"header": names.HEADER_SUBJECT, "claim": "sub"},
        ],
    }
    authentication: RequestAuthentication = {
        "apiVersion": "security.istio.io/v1",
        "kind": "RequestAuthentication",
        "metadata": metadata("tokens"),
        "spec": {
            "targetRefs": [_EDGE],
            "jwtRules": [rule],
        },
    }
    yield authentication
    for name, rules in shares("tenants", [rule for tenant in tenants for rule in _admissions(cluster, tenant)]):
        admission: AuthorizationPolicy = {
            "apiVersion": "security.istio.io/v1",
            "kind": "AuthorizationPolicy",
            "metadata": metadata(name),
            "spec": {"targetRefs": [_EDGE]},  # admits nobody, which is right for a cluster without tenants
        }
        if rules:
            admission["spec"]["action"] = "ALLOW"
            admission["spec"]["rules"] = rules
        yield admission
    if tenants:
        yield _paths_served(tenants)
        yield _reserved_user_agents()
        yield from rate_limits.objects(cluster, tenants)


def _reserved_user_agents() -> AuthorizationPolicy:
    """Refuses callers that call themselves kubelet: Knative answers those itself, and the model never sees what they ask."""
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": metadata(paths.USER_AGENT_POLICY),
        "spec": {
            "targetRefs": [_EDGE],
            "action": "DENY",
            "rules": [{"when": [{"key": "request.headers[User-Agent]", "values": [f"{paths.KUBELET}*"]}]}],
        },
    }


def _paths_served(tenants: Sequence[Tenant]) -> AuthorizationPolicy:
    """Refuses every path but those of inference, before anybody looks at who asks."""
    listed = paths.served([model for tenant in tenants for model in tenant.models.values()], below_a_name=True)
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": metadata(paths.POLICY),
        "spec": {"targetRefs": [_EDGE], "action": "DENY", "rules": [{"to": [{"operation": {"notPaths": listed}}]}]},
    }


def subjects(tenant: Tenant) -> list[str]:
    """The token subjects that may call the tenant."""
    return [caller.subject for caller in tenant.callers if caller.subject]


def _admissions(cluster: Cluster, tenant: Tenant) -> Iterator[Rule]:
    """Host, claim and subject must all fit; a missing token has no principal and so fits nothing.

    A caller that reaches only some models of a dense pool has a rule of its own, with the paths that it reaches.
    """
    whole = [subject for subject in subjects(tenant) if _reaches_everything(tenant, subject)]
    if whole:
        yield _admission(cluster, tenant, whole, [])
    for subject in subjects(tenant):
        if subject not in whole and (reached := list(_reached(tenant, subject))):
            yield _admission(cluster, tenant, [subject], reached)


def _admission(cluster: Cluster, tenant: Tenant, admitted: Sequence[str], reached: list[str]) -> Rule:
    """`admitted` may call any path, or those `reached` when there are some.

    The subject is asked for by itself: Istio splits a request principal at its last `/`, so a subject with one of its own (as GitHub,
    GitLab and SPIFFE give them) is never let in by it.
    """
    issuer = cluster.token_issuer
    operation: Operation = {"hosts": [one for host in hosts(cluster, tenant) for one in (host, f"{host}:*")]}
    if reached:
        operation["paths"] = reached
    asked = {
        "request.auth.claims[sub]": list(admitted),
        f"request.auth.claims[{issuer.tenant_claim}]": [tenant.name],
        # A claim that is a list fits with one of its parts, but is not written as a header, by which the rate limits find their buckets.
        f"request.headers[{names.HEADER_TENANT}]": [tenant.name],
    }
    return {
        "from": [{"source": {"requestPrincipals": [f"{issuer.issuer}/*"]}}],
        "to": [{"operation": operation}],
        "when": [{"key": key, "values": values} for key, values in asked.items()],
    }


def hosts(cluster: Cluster, tenant: Tenant) -> list[str]:
    """Where the tenant is answered for in a cluster: at its host there, and at the one that moves with failover."""
    return tenant.hosts_in(cluster.domain, cluster.edge.zone_name)


def _reaches_everything(tenant: Tenant, subject: str) -> bool:
    return all("*" in _pooled(model.dense_pool, subject) for model in tenant.models.values() if model.dense_pool)


def _reached(tenant: Tenant, subject: str) -> Iterator[str]:
    """What `subject` reaches, as Istio writes paths: exactly, or a beginning and a star."""
    for name, model in tenant.models.items():
        if model.dense_pool is None:
            yield from (f"/{name}", f"/{name}/*")
            continue
        for pooled in _pooled(model.dense_pool, subject):
            path = f"/{name}/v2/models/{pooled}"
            yield from (path,) if pooled.endswith("*") else (path, f"{path}/*")


def _pooled(pool: DensePool, subject: str) -> tuple[str, ...]:
    return next((one.models for one in pool.access if one.subject == subject), ())
