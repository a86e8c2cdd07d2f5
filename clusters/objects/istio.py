"""`security.istio.io` and `networking.istio.io` (Istio 1.31)."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from clusters.objects import LabelSelector, Metadata


class TargetRef(TypedDict):
    """The Gateway a policy is about."""

    group: Literal["gateway.networking.k8s.io"]
    kind: Literal["Gateway"]
    name: str


class PeerAuthentication(TypedDict):
    """Who must present a mesh certificate."""

    apiVersion: Literal["security.istio.io/v1"]
    kind: Literal["PeerAuthentication"]
    metadata: Metadata
    spec: dict[Literal["mtls"], dict[Literal["mode"], Literal["STRICT"]]]


class Source(TypedDict, total=False):
    """Every field given must match."""

    principals: list[str]
    notPrincipals: list[str]
    namespaces: list[str]
    requestPrincipals: list[str]


class Operation(TypedDict, total=False):
    """Every field given must match."""

    methods: list[str]
    hosts: list[str]
    ports: list[str]
    paths: list[str]
    notPaths: list[str]


class Condition(TypedDict):
    """One further attribute."""

    key: str
    values: NotRequired[list[str]]
    notValues: NotRequired[list[str]]


Rule = TypedDict(
    "Rule",
    {
        "from": NotRequired[list[dict[Literal["source"], Source]]],
        "to": NotRequired[list[dict[Literal["operation"], Operation]]],
        "when": NotRequired[list[Condition]],
    },
)
"""Spelled as a call because `from` is a keyword."""


class AuthorizationPolicySpec(TypedDict, total=False):
    """Empty: nothing is allowed. An ALLOW with one empty rule would allow everything."""

    selector: LabelSelector
    targetRefs: list[TargetRef]
    action: Literal["ALLOW", "DENY"]
    rules: list[Rule]


class AuthorizationPolicy(TypedDict):
    """Who may call what."""

    apiVersion: Literal["security.istio.io/v1"]
    kind: Literal["AuthorizationPolicy"]
    metadata: Metadata
    spec: AuthorizationPolicySpec


class JwtRule(TypedDict):
    """Whose tokens are believed."""

    issuer: str
    jwksUri: str
    audiences: list[str]


class RequestAuthenticationSpec(TypedDict):
    """Refuses a bad token; a missing one is refused by the AuthorizationPolicy only."""

    targetRefs: list[TargetRef]
    jwtRules: list[JwtRule]


class RequestAuthentication(TypedDict):
    """How tokens are checked."""

    apiVersion: Literal["security.istio.io/v1"]
    kind: Literal["RequestAuthentication"]
    metadata: Metadata
    spec: RequestAuthenticationSpec


class DestinationRule(TypedDict):
    """How a host is spoken to."""

    apiVersion: Literal["networking.istio.io/v1"]
    kind: Literal["DestinationRule"]
    metadata: Metadata
    spec: dict[str, object]


class EnvoyFilterSpec(TypedDict):
    """Of gateways, or of sidecars with these labels. The patches themselves are Envoy's configuration, which Istio does not type."""

    targetRefs: NotRequired[list[TargetRef]]
    workloadSelector: NotRequired[dict[Literal["labels"], dict[str, str]]]
    priority: NotRequired[int]
    configPatches: list[dict[str, object]]


class EnvoyFilter(TypedDict):
    """A patch of Envoy's configuration."""

    apiVersion: Literal["networking.istio.io/v1alpha3"]
    kind: Literal["EnvoyFilter"]
    metadata: Metadata
    spec: EnvoyFilterSpec
