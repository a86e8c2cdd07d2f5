"""`gateway.networking.k8s.io` (Gateway API 1.5, standard channel)."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from clusters.objects import Metadata


class Listener(TypedDict):
    """One port of a Gateway."""

    name: str
    port: int
    protocol: Literal["HTTP", "HTTPS"]
    allowedRoutes: dict[str, dict[str, str]]
    tls: NotRequired[dict[str, object]]


class GatewaySpec(TypedDict):
    """`infrastructure.parametersRef` names a ConfigMap with Istio's options for the Deployment."""

    gatewayClassName: Literal["istio"]
    infrastructure: NotRequired[dict[str, dict[str, str]]]
    listeners: list[Listener]


class Gateway(TypedDict):
    """An entrance."""

    apiVersion: Literal["gateway.networking.k8s.io/v1"]
    kind: Literal["Gateway"]
    metadata: Metadata
    spec: GatewaySpec


class BackendRef(TypedDict):
    """A Service, in the route's namespace unless said."""

    name: str
    namespace: NotRequired[str]
    port: int


class RouteRule(TypedDict):
    """Which requests go where."""

    matches: list[dict[str, dict[str, str]]]
    filters: list[dict[str, object]]
    backendRefs: list[BackendRef]


class HttpRouteSpec(TypedDict):
    """A tenant's host and its models."""

    parentRefs: list[dict[str, str]]
    hostnames: list[str]
    rules: list[RouteRule]


class HttpRoute(TypedDict):
    """Routes of one host."""

    apiVersion: Literal["gateway.networking.k8s.io/v1"]
    kind: Literal["HTTPRoute"]
    metadata: Metadata
    spec: HttpRouteSpec


ReferenceGrantSpec = TypedDict("ReferenceGrantSpec", {"from": list[dict[str, str]], "to": list[dict[str, str]]})
"""Spelled as a call because `from` is a keyword."""


class ReferenceGrant(TypedDict):
    """Lets routes of another namespace name Services of this one."""

    apiVersion: Literal["gateway.networking.k8s.io/v1"]
    kind: Literal["ReferenceGrant"]
    metadata: Metadata
    spec: ReferenceGrantSpec
