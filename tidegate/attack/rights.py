"""Whether a tenant's identities could write routes of their own, which would lead around every policy; asked of the API server itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from pydantic import Field

from tidegate.attack.cells import Cell
from tidegate.attack.paths import API
from tidegate.errors import MachineError
from tidegate.facts.tenant import Tenant
from tidegate.live.kubernetes import Kubernetes, Read

FORGED = {
    "HTTPRoute": ("gateway.networking.k8s.io", "httproutes"),
    "Gateway": ("gateway.networking.k8s.io", "gateways"),
    "ReferenceGrant": ("gateway.networking.k8s.io", "referencegrants"),
    "VirtualService": ("networking.istio.io", "virtualservices"),
    "ServiceEntry": ("networking.istio.io", "serviceentries"),
    "EnvoyFilter": ("networking.istio.io", "envoyfilters"),
    "AuthorizationPolicy": ("security.istio.io", "authorizationpolicies"),
    "PeerAuthentication": ("security.istio.io", "peerauthentications"),
    "DomainMapping": ("serving.knative.dev", "domainmappings"),
    "Ingress": ("networking.internal.knative.dev", "ingresses"),
    "Endpoints": ("", "endpoints"),
}
"""Kinds that steer traffic, by their API group and resource."""


class _Status(Read):
    allowed: bool


class _Attributes(Read):
    namespace: str
    resource: str
    verb: str


class _ReviewSpec(Read):
    user: str
    attributes: _Attributes = Field(alias="resourceAttributes")


class _Review(Read):
    spec: _ReviewSpec
    status: _Status


def forged_routes(cluster: Kubernetes, region: str, sources: Sequence[Tenant], targets: Sequence[Tenant]) -> Iterator[Cell]:
    """One cell per tenant, kind and namespace; `seen` names the identities that may create the kind there, or is `forbidden`."""
    reviews = [
        (source, target, kind, account) for source in sources for target in targets for kind in FORGED for account in _accounts(source)
    ]
    document = {"apiVersion": "v1", "kind": "List", "items": [_review(*one) for one in reviews]}
    printed = cluster.run("create", "--filename=-", "--output=json", stdin=json.dumps(document), timeout_seconds=300)
    answered = [_Review.model_validate(one) for one in _items(printed)]
    allowed = {(one.spec.user, one.spec.attributes.namespace, one.spec.attributes.resource) for one in answered if one.status.allowed}
    if len(answered) != len(reviews):
        raise MachineError(f"{region}: {len(reviews)} access reviews were asked, {len(answered)} answered")
    for source in sources:
        for target in targets:
            for kind, (_, resource) in FORGED.items():
                users = [f"system:serviceaccount:{source.namespace_name}:{name}" for name in _accounts(source)]
                may = [user.rpartition(":")[2] for user in users if (user, target.namespace_name, resource) in allowed]
                seen = f"allowed for {', '.join(may)}" if may else "forbidden"
                yield Cell(region, source.name, "account", f"forged {kind}", target.name, ("forbidden",), seen, "" if may else API, not may)


def _accounts(tenant: Tenant) -> tuple[str, ...]:
    """Its pods' default, its models' and the one that Argo CD applies its objects as."""
    return "default", f"{tenant.name}-serving", f"{tenant.name}-deploy"


def _review(source: Tenant, target: Tenant, kind: str, account: str) -> dict[str, object]:
    group, resource = FORGED[kind]
    namespace = source.namespace_name
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{namespace}:{account}",
            "groups": ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"],
            "resourceAttributes": {"namespace": target.namespace_name, "verb": "create", "group": group, "resource": resource},
        },
    }


def _items(printed: str) -> Iterator[object]:
    """Kubectl prints what it created as a list, or one document after the other."""
    decoder, place = json.JSONDecoder(), 0
    while place < len(printed.rstrip()):
        document, place = decoder.raw_decode(printed, place)
        yield from document["items"] if document["kind"] == "List" else [document]
        place += len(printed[place:]) - len(printed[place:].lstrip())
