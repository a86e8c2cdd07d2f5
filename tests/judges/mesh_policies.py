"""Istio's policies that open a known way past them, in a list of objects."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tidegate.facts import names

ACTIVATOR = names.mesh_principal(names.NAMESPACE_KNATIVE, "activator")


def unpaired(objects: list[dict[str, Any]]) -> list[str]:
    """I1: RequestAuthentications for whose target no ALLOW demands a request principal; alone they let in who shows no token."""

    def target(one: dict[str, Any]) -> tuple[str, str]:
        spec = one["spec"]
        return one["metadata"]["namespace"], json.dumps(spec.get("targetRefs") or spec.get("selector") or "", sort_keys=True)

    def demands(spec: dict[str, Any]) -> bool:
        sources = [[one["source"] for one in rule.get("from", [])] for rule in spec.get("rules", [])]
        is_allow = spec.get("action", "ALLOW") == "ALLOW"
        return is_allow and bool(sources) and all(some and all(one.get("requestPrincipals") for one in some) for some in sources)

    demanding = {target(one) for one in objects if one["kind"] == "AuthorizationPolicy" and demands(one["spec"])}
    return [
        f"{one['metadata']['namespace']}/{one['metadata']['name']}"
        for one in objects if one["kind"] == "RequestAuthentication" and target(one) not in demanding
    ]  # fmt: skip


def believing(objects: list[dict[str, Any]]) -> list[str]:
    """K1: policies that let the activator in where none says on whose behalf it may call."""
    policies = [one for one in objects if one["kind"] == "AuthorizationPolicy"]
    guards = [
        one["spec"] for one in policies
        if one["metadata"]["namespace"] == names.NAMESPACE_KNATIVE
        and one["spec"].get("selector") == {"matchLabels": {"app": "activator"}} and one["spec"].get("action") == "ALLOW"
    ]  # fmt: skip
    crossing = [
        f"the activator's own policy lets {namespaces} reach {hosts}"
        for guard in guards for rule in guard["rules"] for source in rule["from"]
        if (namespaces := source["source"].get("namespaces"))
        for hosts in [[host for to in rule.get("to", [{}]) for host in to.get("operation", {}).get("hosts", ["*"])]]
        if len(namespaces) != 1 or not all(f".{namespaces[0]}" in host and host.count(f".{namespaces[0]}") == 1 for host in hosts)
    ]  # fmt: skip
    admitting = [
        f"{one['metadata']['namespace']}/{one['metadata']['name']}"
        for one in policies
        if one["metadata"]["namespace"] != names.NAMESPACE_KNATIVE and ACTIVATOR in json.dumps(one["spec"])
    ]
    return crossing if guards else admitting


def _named(objects: list[dict[str, Any]]) -> list[str]:
    return [f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in objects]


def denying_by_path(objects: list[dict[str, Any]]) -> list[str]:
    """I2: denials by path, which another spelling of the path escapes; and empty policies elsewhere than for the whole mesh."""
    policies = [one for one in objects if one["kind"] == "AuthorizationPolicy"]
    by_path = [one for one in policies if one["spec"].get("action") == "DENY" and '"paths"' in json.dumps(one)]
    # An empty specification allows nothing: the mesh's default.
    empty = {one["metadata"]["namespace"] for one in policies if not one["spec"]}
    return _named(by_path) + ([] if empty == {names.NAMESPACE_MESH} else [f"empty policies in {sorted(empty)}"])


def naming_accounts_by_pattern(objects: list[dict[str, Any]]) -> list[str]:
    """I3: policies that name ServiceAccounts in the field that takes dots for anything."""
    return _named([one for one in objects if any(f'"{field}"' in json.dumps(one) for field in ("serviceAccounts", "notServiceAccounts"))])


def taking_plain_text(objects: list[dict[str, Any]]) -> list[str]:
    """I4: settings that are not strict, and a mesh without one of its own or without one for each tenant."""
    settings = [one for one in objects if one["kind"] == "PeerAuthentication"]
    namespaces = {one["metadata"]["namespace"] for one in settings}
    lacking = [] if names.NAMESPACE_MESH in namespaces and len(namespaces) > 5 else [f"settings only in {sorted(namespaces)}"]
    return lacking + _named([one for one in settings if one["spec"] != {"mtls": {"mode": "STRICT"}}])


WAYS: dict[str, Callable[[list[dict[str, Any]]], list[str]]] = {
    "i1-authentication-without-its-policy": unpaired,
    "i2-denial-by-path": denying_by_path,
    "i3-accounts-by-pattern": naming_accounts_by_pattern,
    "i4-plain-text": taking_plain_text,
    "k1-activator-is-believed": believing,
}
"""Each returns what is wrong in a list of objects, by namespace and name."""
