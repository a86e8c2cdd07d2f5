"""Known ways past Istio's policies and over Knative's shared data path, closed in the running regions."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.access_review import Api
from tests.acceptance.running_platform import INVENTORY, REGIONS, Running
from tests.judges.mesh_policies import ACTIVATOR, WAYS
from tidegate.facts import names

pytestmark = [pytest.mark.timeout(600), pytest.mark.touches(asks=[])]

TENANTS = sorted(INVENTORY.tenants)


@pytest.fixture(scope="module", params=REGIONS)
def api(platform: Running, request: pytest.FixtureRequest) -> Iterator[Api]:
    with platform.api(request.param) as opened:
        yield opened


@pytest.fixture(scope="module")
def mesh(api: Api) -> list[dict[str, Any]]:
    """Everything that decides who may call whom."""
    root = "/apis/security.istio.io/v1"
    kinds = {
        "authorizationpolicies": "AuthorizationPolicy",
        "requestauthentications": "RequestAuthentication",
        "peerauthentications": "PeerAuthentication",
    }
    return [{"kind": kind, **one} for plural, kind in kinds.items() for one in api.read(f"{root}/{plural}")["items"]]


@pytest.mark.parametrize("way", WAYS)
def test_way_past_the_policies_is_closed(mesh: list[dict[str, Any]], way: str) -> None:
    assert {one["kind"] for one in mesh} == {"AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication"}
    assert ACTIVATOR in json.dumps(mesh)
    assert not WAYS[way](mesh)


def test_no_account_has_a_dot_that_a_pattern_would_take(api: Api) -> None:
    accounts = api.read("/api/v1/serviceaccounts")["items"]
    assert accounts
    assert not [one["metadata"]["name"] for one in accounts if "." in one["metadata"]["name"]]


def test_k2_no_host_is_served_for_two_tenants(api: Api) -> None:
    owners: dict[str, set[str]] = {}
    for one in api.read("/apis/gateway.networking.k8s.io/v1/httproutes")["items"]:
        tenant = one["metadata"].get("labels", {}).get(names.LABEL_TENANT) or one["metadata"]["namespace"]
        for host in one["spec"].get("hostnames", ["*"]):
            owners.setdefault(host, set()).add(tenant)
    assert owners
    assert not {host: tenants for host, tenants in owners.items() if len(tenants) > 1 or host.startswith("*")}


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


def has_fetched(pod: dict[str, Any]) -> bool:
    return any(one["name"] == "storage-initializer" and one["ready"] for one in pod["status"].get("initContainerStatuses", []))


@pytest.mark.parametrize("region", REGIONS)
def test_k5_model_is_verified_between_download_and_load(platform: Running, region: str) -> None:
    """By the container that fetches it, the last one before the server: nobody else writes the folder (decision 0022)."""
    with platform.api(region) as api:
        pods = [
            pod for pod in pods_of_models(api)
            # Others are scheduled, not executed; one that comes from zero has fetched nothing yet.
            if pod["spec"].get("nodeName", "").startswith(f"{region}-") and has_fetched(pod)
        ]  # fmt: skip
    assert pods
    for pod in pods:
        last = pod["spec"]["initContainers"][-1]
        assert (last["name"], "/model-verifier@" in last["image"] or "/model-verifier:" in last["image"]) == ("storage-initializer", True)
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        told = platform.cluster(region).run("logs", name, f"--namespace={namespace}", "--container=storage-initializer", "--tail=1")
        assert told.startswith("Model verified: "), f"{name}: {told}"
