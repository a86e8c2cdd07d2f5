"""Known ways past Istio's policies are seen where they are, and the rendered files have none of them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.judges.mesh_policies import (
    ACTIVATOR,
    WAYS,
    believing,
    denying_by_path,
    naming_accounts_by_pattern,
    taking_plain_text,
    unpaired,
)
from tests.root import ROOT
from tidegate.facts import names


def policy(namespace: str, spec: dict[str, Any], kind: str = "AuthorizationPolicy") -> dict[str, Any]:
    return {"apiVersion": "security.istio.io/v1", "kind": kind, "metadata": {"name": "one", "namespace": namespace}, "spec": spec}


TOKENS = policy("istio-ingress", {"targetRefs": [{"kind": "Gateway", "name": "edge"}]}, "RequestAuthentication")


PAIRS: dict[str, tuple[dict[str, Any], bool]] = {
    "paired": ({"rules": [{"from": [{"source": {"requestPrincipals": ["a/b"]}}]}]}, True),
    "other-target": (
        {"targetRefs": [{"kind": "Gateway", "name": "other"}], "rules": [{"from": [{"source": {"requestPrincipals": ["a/b"]}}]}]}, False,
    ),
    "by-namespace": ({"rules": [{"from": [{"source": {"namespaces": ["a"]}}]}]}, False),
    "for-everybody": ({"rules": [{}]}, False),
    "for-everybody-as-well": ({"rules": [{"from": [{"source": {"requestPrincipals": ["a/b"]}}]}, {}]}, False),
    "allows-nothing": ({}, False),
    "denial": ({"action": "DENY", "rules": [{"from": [{"source": {"requestPrincipals": ["*"]}}]}]}, False),
}  # fmt: skip
"""An AuthorizationPolicy beside the RequestAuthentication, and whether it demands its tokens."""


@pytest.mark.parametrize("case", PAIRS)
def test_unpaired_authentication_is_seen(case: str) -> None:
    spec, is_paired = PAIRS[case]
    beside = policy("istio-ingress", TOKENS["spec"] | spec)
    assert unpaired([TOKENS, beside]) == ([] if is_paired else ["istio-ingress/one"])
    assert unpaired([TOKENS]) == ["istio-ingress/one"]


def test_belief_in_the_activator_is_seen() -> None:
    admits = policy("tenant-fraud", {"rules": [{"from": [{"source": {"principals": [ACTIVATOR]}}]}]})

    def guard(host: str) -> dict[str, Any]:
        rule = {"from": [{"source": {"namespaces": ["tenant-fraud"]}}], "to": [{"operation": {"hosts": [host]}}]}
        return policy("knative-serving", {"selector": {"matchLabels": {"app": "activator"}}, "action": "ALLOW", "rules": [rule]})

    assert believing([admits]) == ["tenant-fraud/one"]
    assert not believing([admits, guard("*.tenant-fraud.svc.cluster.local")])
    assert believing([admits, guard("*.svc.cluster.local")])
    assert believing([admits, guard("*.tenant-credit.svc.cluster.local")])


def test_other_faults_are_seen() -> None:
    default = policy(names.NAMESPACE_MESH, {})
    assert not denying_by_path([default])
    assert denying_by_path([default, policy("a", {"action": "DENY", "rules": [{"to": [{"operation": {"paths": ["/x"]}}]}]})]) == ["a/one"]
    assert denying_by_path([default, policy("a", {})]) == ["empty policies in ['a', 'istio-system']"]
    assert naming_accounts_by_pattern([policy("a", {"rules": [{"from": [{"source": {"serviceAccounts": ["a.b"]}}]}]})]) == ["a/one"]
    strict = [policy(name, {"mtls": {"mode": "STRICT"}}, "PeerAuthentication") for name in (names.NAMESPACE_MESH, *"abcdef")]
    assert not taking_plain_text(strict)
    assert taking_plain_text(strict[1:]) == ["settings only in ['a', 'b', 'c', 'd', 'e', 'f']"]
    assert taking_plain_text([*strict, policy("g", {"mtls": {"mode": "PERMISSIVE"}}, "PeerAuthentication")]) == ["g/one"]


@pytest.fixture(scope="module")
def rendered() -> list[dict[str, Any]]:
    """Everything that decides who may call whom, as committed for one region."""
    kinds = ("authorizationpolicy", "requestauthentication", "peerauthentication")
    files = [path for kind in kinds for path in (ROOT / "gitops" / "rendered" / "live-1").rglob(f"{kind}-*.yaml")]
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]


@pytest.mark.parametrize("way", WAYS)
def test_way_past_the_policies_is_closed_in_what_is_rendered(rendered: list[dict[str, Any]], way: str) -> None:
    assert {one["kind"] for one in rendered} == {"AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication"}
    assert not WAYS[way](rendered)
