"""Every tenant is fenced in every cluster it names, and nothing of it stands anywhere else."""

from __future__ import annotations

from typing import Any, cast

import pytest

from clusters import cluster_tree
from clusters.delivery import applications
from tests.clusters.selection import Select
from tidegate.facts import names
from tidegate.facts.models.scaling import Scaling
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.platform import Platform
from tidegate.manifests.tree import RenderedObject

CLUSTERS = ("live-1", "live-2")
TENANTS = ("assistant", "credit", "fraud", "merchants", "scoring")
EVERYWHERE = [(cluster, tenant) for cluster in CLUSTERS for tenant in TENANTS]

GUARD_RAILS = {
    ("Namespace", "tenant-{tenant}"), ("ResourceQuota", "quota"), ("LimitRange", "containers"), ("ServiceAccount", "default"),
    ("ServiceAccount", "{tenant}-serving"), ("ServiceAccount", "{tenant}-deploy"), ("Role", "{tenant}-deploy"), ("RoleBinding", "{tenant}-deploy"),
    ("NetworkPolicy", "default-deny"), ("NetworkPolicy", "allow-dns"), ("NetworkPolicy", "allow-same-tenant"), ("NetworkPolicy", "allow-gateways"),
    ("NetworkPolicy", "allow-knative"), ("NetworkPolicy", "allow-prometheus"), ("NetworkPolicy", "allow-mesh-control"),
    ("NetworkPolicy", "allow-model-store"), ("PeerAuthentication", "strict"), ("AuthorizationPolicy", "callers"), ("PodMonitor", "pods"),
}  # fmt: skip


@pytest.mark.parametrize(("cluster", "tenant"), EVERYWHERE)
def test_tenant_has_every_guard_rail(select: Select, cluster: str, tenant: str) -> None:
    found = {(each["kind"], each["metadata"]["name"]) for each in select(f"{cluster}/tenants/{tenant}")}
    assert {(kind, name.format(tenant=tenant)) for kind, name in GUARD_RAILS} <= found


def test_committed_tenants_are_all_covered(platform: Platform) -> None:
    assert (tuple(sorted(platform.tenants)), tuple(sorted(platform.clusters))) == (TENANTS, CLUSTERS)


def test_tenants_objects_stay_in_the_tenants_namespace(rendered: list[RenderedObject], platform: Platform) -> None:
    for each in rendered:
        tenant = platform.tenants[each.folder.split("/")[2]] if "/tenants/" in each.folder else None
        metadata: Any = each.manifest["metadata"]
        if tenant:
            where = metadata["name"] if each.manifest["kind"] == "Namespace" else metadata["namespace"]
            assert where == tenant.namespace_name
        else:
            assert metadata.get("namespace", "") not in {other.namespace_name for other in platform.tenants.values()}


def test_large_numbers_keep_all_their_digits(platform: Platform) -> None:
    fraud = platform.tenants["fraud"]
    quota = fraud.quota.model_copy(update={"cpu": 1000, "memory_gib": 2048, "pods": 2000})
    changed = fraud.model_copy(update={"budget_usd_per_month": 1234567.0, "quota": quota})
    found: Any = {each["kind"]: each for each in cluster_tree.tenant_objects(platform, platform.clusters["live-1"], changed)}
    assert found["Namespace"]["metadata"]["annotations"][names.ANNOTATION_BUDGET] == "1234567"
    hard = found["ResourceQuota"]["spec"]["hard"]
    assert (hard["requests.cpu"], hard["requests.memory"], hard["pods"]) == ("1k", "2Ti", "2k")


def test_default_deny_has_no_exception(select: Select) -> None:
    (policy,) = select("live-1/tenants/fraud", "NetworkPolicy", "default-deny")
    assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_only_named_callers_reach_a_tenant(select: Select) -> None:
    (callers,) = select("live-1/tenants/credit", "NetworkPolicy", "allow-callers")
    sources = [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in callers["spec"]["ingress"][0]["from"]]
    assert sources == ["tenant-fraud"]
    assert select("live-1/tenants/fraud", "NetworkPolicy", "allow-callers") == []
    (called,) = select("live-1/tenants/fraud", "NetworkPolicy", "allow-called")
    targets = [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in called["spec"]["egress"][0]["to"]]
    assert targets == ["tenant-credit", "tenant-scoring"]


def test_local_gateway_lets_a_tenants_hosts_to_itself_its_callers_and_the_edge(select: Select) -> None:
    (policy,) = select("live-1/platform/mesh", "AuthorizationPolicy", "local-gateway")
    allowed = {rule["to"][0]["operation"]["hosts"][0]: rule["from"] for rule in policy["spec"]["rules"]}
    assert allowed["*.tenant-credit.svc.cluster.local"] == [
        {"source": {"namespaces": ["tenant-credit", "tenant-fraud"]}},
        {"source": {"principals": ["cluster.local/ns/istio-ingress/sa/edge-istio"]}},
    ]
    assert set(allowed) == {f"*.tenant-{tenant}.svc.cluster.local" for tenant in TENANTS}


def test_edge_asks_for_host_claim_and_exact_subject(select: Select) -> None:
    (policy,) = select("live-1/platform/edge", "AuthorizationPolicy", "tenants")
    by_tenant = {rule["when"][1]["values"][0]: rule for rule in policy["spec"]["rules"]}
    own, moving = "fraud.live-1.models.example.com", "fraud.models.example.com"
    assert by_tenant["fraud"] == {
        "from": [{"source": {"requestPrincipals": ["https://login.example.com/tidegate/*"]}}],
        "to": [{"operation": {"hosts": [own, f"{own}:*", moving, f"{moving}:*"]}}],
        "when": [
            {"key": "request.auth.claims[sub]", "values": ["card-authorisation"]},
            {"key": "request.auth.claims[tenant]", "values": ["fraud"]},
            {"key": "request.headers[x-tidegate-tenant]", "values": ["fraud"]},
        ],
    }
    assert set(by_tenant) == set(TENANTS)
    (tokens,) = select("live-1/platform/edge", "RequestAuthentication")
    assert tokens["spec"]["targetRefs"] == policy["spec"]["targetRefs"], "a token check without its policy lets a missing token pass"


def test_rate_limit_of_all_proxies_together_is_the_tenants(select: Select, platform: Platform) -> None:
    (limits,) = select("live-1/platform/edge", "EnvoyFilter", "rate-limits")
    (patch,) = limits["spec"]["configPatches"]
    rates: dict[str, int] = {}
    for one in patch["patch"]["value"]["typed_config"]["descriptors"]:
        (claim,) = one["entries"]
        rates[claim["value"]] = one["token_bucket"]["max_tokens"]
    assert rates.keys() == platform.tenants.keys()
    for tenant in platform.tenants.values():
        assert 0 <= 3 * rates[tenant.name] - tenant.requests_per_second < 3


@pytest.mark.parametrize(("cluster", "tenant"), EVERYWHERE)
def test_project_cannot_be_escaped(select: Select, cluster: str, tenant: str) -> None:
    (project,) = select(f"{cluster}/delivery", "AppProject", f"tenant-{tenant}")
    spec = project["spec"]
    assert [entry["namespace"] for entry in spec["destinations"]] == [f"tenant-{tenant}"]
    assert spec["sourceRepos"] == ["https://git.example.com/payments/tidegate.git"]
    assert spec["clusterResourceWhitelist"] == []
    assert spec["namespaceResourceWhitelist"] == [{"group": "serving.kserve.io", "kind": "InferenceService"}]
    (application,) = select(f"{cluster}/delivery", "Application", f"tenant-{tenant}")
    assert application["spec"]["project"] == f"tenant-{tenant}"
    assert application["spec"]["ignoreDifferences"][0]["jsonPointers"] == ["/spec/predictor/canaryTrafficPercent"]


def test_every_rendered_kind_may_be_applied_by_its_application(rendered: list[RenderedObject], platform: Platform) -> None:
    for cluster in CLUSTERS:
        project: Any = next(iter(applications.bootstrap(platform, cluster)))
        allowed = {
            (entry["group"], entry["kind"])
            for group in ("clusterResourceWhitelist", "namespaceResourceWhitelist")
            for entry in project["spec"][group]
        }
        namespaces = {entry["namespace"] for entry in project["spec"]["destinations"]}
        for each in rendered:
            kind = str(each.manifest["kind"])
            metadata: Any = each.manifest["metadata"]
            if each.folder.startswith(f"{cluster}/") and kind != "InferenceService" and not each.folder.endswith("-kwok"):
                assert (str(each.manifest["apiVersion"]).rpartition("/")[0], kind) in allowed
                assert metadata.get("namespace") in {None, *namespaces}


def test_every_component_folder_has_an_application(rendered: list[RenderedObject], select: Select) -> None:
    folders = {each.folder for each in rendered if each.folder.startswith("live-1/")} - {
        "live-1/delivery",
        "live-1/platform/gpu-pools-kwok",
    }
    applications = [each for each in select("live-1/delivery", "Application") if each["spec"]["project"] != "add-ons"]
    paths = {each["spec"]["source"]["path"].removeprefix("gitops/rendered/") for each in applications}
    assert paths == folders


def test_tenant_without_gpu_models_gets_no_gpu(select: Select) -> None:
    for each in select("live-1/tenants/fraud"):
        if each["kind"] == "ResourceQuota":
            granted = {name: count for name, count in each["spec"]["hard"].items() if "nvidia.com" in name}
            assert set(granted.values()) == {"0"}, "unlisted extended resources are unlimited, so they are listed as none"
        else:
            assert "nvidia.com" not in str(each)


def test_autoscaler_aims_at_what_the_model_says(platform: Platform) -> None:
    fraud = platform.tenants["fraud"]
    by_concurrency = Scaling(min_replicas=2, max_replicas=4, concurrency_target=4)
    by_rate = Scaling(min_replicas=2, max_replicas=4, requests_per_second_target=50)
    for scaling, expected in ((by_concurrency, ("concurrency", 4)), (by_rate, ("rps", 50))):
        models = {"scorer": fraud.models["scorer"].model_copy(update={"scaling": scaling})}
        changed = Platform(platform.clusters, {"fraud": fraud.model_copy(update={"models": models})})
        services = [each.manifest for each in cluster_tree.objects(changed) if each.manifest["kind"] == "InferenceService"]
        predictors: list[Any] = [each["spec"]["predictor"] for each in cast("list[Any]", services)]
        assert {(one["scaleMetric"], one["scaleTarget"]) for one in predictors} == {expected}


def test_standard_mode_lets_the_edge_name_the_tenants_service(platform: Platform) -> None:
    credit = platform.tenants["credit"]
    decision = credit.models["decision"]
    scaling = decision.scaling.model_copy(update={"mode": "standard"})
    models: dict[str, ServedModel] = {"decision": decision.model_copy(update={"scaling": scaling})}
    tenant = credit.model_copy(update={"models": models})
    changed = Platform(platform.clusters, {"credit": tenant})
    objects = [each.manifest for each in cluster_tree.objects(changed) if each.folder.startswith("live-1/")]
    by_kind: dict[str, Any] = {str(each["kind"]): each for each in objects}
    assert by_kind["ReferenceGrant"]["spec"]["to"] == [
        {"group": "", "kind": "Service", "name": "decision-transformer"},
        {"group": "", "kind": "Service", "name": "decision-explainer"},
    ]
    assert by_kind["HTTPRoute"]["spec"]["rules"][1]["backendRefs"] == [
        {"name": "decision-transformer", "namespace": "tenant-credit", "port": 80}
    ]
    service = by_kind["InferenceService"]
    assert service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Standard"
    assert service["spec"]["predictor"]["scaleMetric"] == "cpu"
    assert names.ANNOTATION_MODEL_SHA256 in service["metadata"]["annotations"]
