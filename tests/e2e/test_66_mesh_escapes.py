"""Known ways past Istio's policies and over Knative's shared data path, closed in the rendered files and in the running regions."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from access_review import Api
from running_platform import INVENTORY, REGIONS, ROOT, Running

from tidegate.model import names

e2e = pytest.mark.e2e
RENDERED = ROOT / "gitops" / "rendered"
TENANTS = sorted(INVENTORY.tenants)

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


@pytest.fixture(params=["rendered", *REGIONS])
def mesh(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """Everything that decides who may call whom: of the files of one region, and of each running one."""
    if request.param == "rendered":
        files = [
            path
            for kind in ("authorizationpolicy", "requestauthentication", "peerauthentication")
            for path in RENDERED.glob(f"{REGIONS[0]}/*/{kind}-*.yaml")
        ]
        return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]
    running: Running = request.getfixturevalue("platform")
    kinds = "authorizationpolicies.security.istio.io,requestauthentications.security.istio.io,peerauthentications.security.istio.io"
    return list(running.read(request.param, kinds, "--all-namespaces")["items"])


@e2e
def test_i1_every_authentication_is_paired(mesh: list[dict[str, Any]]) -> None:
    assert [one for one in mesh if one["kind"] == "RequestAuthentication"]
    assert not unpaired(mesh)


@e2e
def test_i2_no_policy_denies_by_path(mesh: list[dict[str, Any]]) -> None:
    policies = [one for one in mesh if one["kind"] == "AuthorizationPolicy"]
    assert not [one["metadata"]["name"] for one in policies if one["spec"].get("action") == "DENY" and '"paths"' in json.dumps(one)]
    # An empty specification allows nothing: the mesh's default.
    assert [one["metadata"]["namespace"] for one in policies if not one["spec"]] == [names.NAMESPACE_MESH]


@e2e
def test_i3_no_policy_names_accounts_by_pattern(platform: Running, mesh: list[dict[str, Any]]) -> None:
    assert not [
        one["metadata"]["name"] for one in mesh if '"serviceAccounts"' in json.dumps(one) or '"notServiceAccounts"' in json.dumps(one)
    ]
    for region in REGIONS:
        accounts = platform.read(region, "serviceaccounts", "--all-namespaces")["items"]
        assert not [one["metadata"]["name"] for one in accounts if "." in one["metadata"]["name"]]


@e2e
def test_i4_plain_text_is_taken_nowhere(mesh: list[dict[str, Any]]) -> None:
    settings = [one for one in mesh if one["kind"] == "PeerAuthentication"]
    assert names.NAMESPACE_MESH in {one["metadata"]["namespace"] for one in settings}
    assert all(one["spec"] == {"mtls": {"mode": "STRICT"}} for one in settings)
    assert len(settings) > len(TENANTS)


@e2e
def test_k1_activator_is_believed_nowhere_without_its_own_policy(mesh: list[dict[str, Any]]) -> None:
    assert ACTIVATOR in json.dumps(mesh)
    assert not believing(mesh)


@pytest.fixture(scope="module", params=REGIONS)
def api(platform: Running, request: pytest.FixtureRequest) -> Iterator[Api]:
    with Api(platform.checkout.embedded / f"{request.param}.kubeconfig") as opened:
        yield opened


@e2e
def test_k2_no_host_is_served_for_two_tenants(api: Api) -> None:
    owners: dict[str, set[str]] = {}
    for one in api.read("/apis/gateway.networking.k8s.io/v1/httproutes")["items"]:
        tenant = one["metadata"].get("labels", {}).get(names.LABEL_TENANT) or one["metadata"]["namespace"]
        for host in one["spec"].get("hostnames", ["*"]):
            owners.setdefault(host, set()).add(tenant)
    assert owners
    assert not {host: tenants for host, tenants in owners.items() if len(tenants) > 1 or host.startswith("*")}


@e2e
def test_k3_no_runtime_serves_models_of_several_tenants(api: Api) -> None:
    root = "/apis/serving.kserve.io/v1alpha1"
    runtimes = [*api.read(f"{root}/clusterservingruntimes")["items"], *api.read(f"{root}/servingruntimes")["items"]]
    assert runtimes
    assert not [one["metadata"]["name"] for one in runtimes if one["spec"].get("multiModel")]
    assert not api.read(f"{root}/trainedmodels")["items"]
    models = api.read("/apis/serving.kserve.io/v1beta1/inferenceservices")["items"]
    assert {one["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] for one in models} == {"Knative"}


def pods_of_models(api: Api) -> list[dict[str, Any]]:
    found = itertools.chain.from_iterable(
        api.read(f"/api/v1/namespaces/{INVENTORY.tenants[tenant].namespace_name}/pods")["items"] for tenant in TENANTS
    )
    return [pod for pod in found if any(one["name"] == "storage-initializer" for one in pod["spec"].get("initContainers", []))]


@e2e
def test_k4_storage_initializer_is_restricted(api: Api) -> None:
    pods = pods_of_models(api)
    assert pods
    for pod in pods:
        (one,) = (one for one in pod["spec"]["initContainers"] if one["name"] == "storage-initializer")
        context = {**pod["spec"].get("securityContext", {}), **one.get("securityContext", {})}
        assert context.get("allowPrivilegeEscalation") is False, pod["metadata"]["name"]
        assert context.get("runAsNonRoot") is True, pod["metadata"]["name"]
        assert context.get("capabilities", {}).get("drop") == ["ALL"], pod["metadata"]["name"]
        assert context.get("seccompProfile", {}).get("type") == "RuntimeDefault", pod["metadata"]["name"]


@e2e
@pytest.mark.parametrize("region", REGIONS)
def test_k5_model_is_verified_between_download_and_load(platform: Running, region: str) -> None:
    """By the container that fetches it, the last one before the server: nobody else writes the folder (decision 0022)."""
    with Api(platform.checkout.embedded / f"{region}.kubeconfig") as api:
        pods = [
            pod for pod in pods_of_models(api) if pod["spec"].get("nodeName", "").startswith(f"{region}-")
        ]  # others are scheduled, not executed
    assert pods
    for pod in pods:
        last = pod["spec"]["initContainers"][-1]
        assert (last["name"], "/model-verifier@" in last["image"] or "/model-verifier:" in last["image"]) == ("storage-initializer", True)
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        told = platform.cluster(region).run("logs", name, f"--namespace={namespace}", "--container=storage-initializer", "--tail=1")
        assert told.startswith("Model verified: "), f"{name}: {told}"
