"""Known ways out of Argo CD's projects, each closed by more than one fence.

Argo CD refuses by project: its rules are read from the regions and judged as it judges them. The API server refuses the account
that Argo CD acts as. What only a commit can show is in disturbing/test_committed_escapes.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.acceptance.access_review import Account, Api
from tests.acceptance.running_platform import INVENTORY, REGIONS, Running
from tests.judges.escapes import escapes, manifest, why_not
from tests.root import ROOT
from tidegate.facts import names
from tidegate.manifests.rules import RULES

pytestmark = [pytest.mark.timeout(600), pytest.mark.touches(asks=[])]

RENDERED = ROOT / "gitops" / "rendered"
TENANTS = sorted(INVENTORY.tenants)
BY_NAME = {rule.__name__.replace("_", "-"): rule for rule in RULES}

ESCAPES = sorted(escapes("", ""))


@pytest.fixture(scope="module", params=REGIONS)
def region(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def api(platform: Running, region: str) -> Iterator[Api]:
    with platform.api(region) as opened:
        yield opened


@pytest.fixture(scope="module")
def projects(api: Api) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in api.read("/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects")["items"]}


@pytest.fixture(scope="module")
def applications(api: Api) -> list[dict[str, Any]]:
    return list(api.read("/apis/argoproj.io/v1alpha1/applications")["items"])


def neighbour_of(tenant: str) -> str:
    return TENANTS[(TENANTS.index(tenant) + 1) % len(TENANTS)]


def test_project_of_a_tenant_permits_its_models_and_no_escape(projects: dict[str, dict[str, Any]]) -> None:
    for tenant in TENANTS:
        own, other = (INVENTORY.tenants[name].namespace_name for name in (tenant, neighbour_of(tenant)))
        project = projects[names.project(tenant)]
        assert not why_not(project, manifest("serving.kserve.io/v1beta1", "InferenceService", own))
        for name, (object_, _) in escapes(own, other).items():
            assert why_not(project, object_), f"project of {tenant} permits {name}"


@pytest.mark.parametrize("escape", ESCAPES)
def test_account_that_argo_cd_acts_as_is_refused(api: Api, projects: dict[str, dict[str, Any]], escape: str) -> None:
    """Also when the project were wrong, and for hooks, which Argo CD before 3.5.4 creates without asking the project."""
    for tenant in TENANTS:
        namespace = INVENTORY.tenants[tenant].namespace_name
        (acts_as,) = projects[names.project(tenant)]["spec"]["destinationServiceAccounts"]
        account = Account(acts_as["namespace"], acts_as["defaultServiceAccount"])
        object_, plural = escapes(namespace, INVENTORY.tenants[neighbour_of(tenant)].namespace_name)[escape]
        group, _, version = object_["apiVersion"].rpartition("/")
        where = object_["metadata"].get("namespace", "")
        path = f"{f'/apis/{group}' if group else '/api'}/{version}{f'/namespaces/{where}' if where else ''}/{plural}?dryRun=All"
        status, answer = api.request("POST", path, object_, user=account.user)
        assert status == 403, f"{escape} by {account.user}: {answer}"
        assert f'User "{account.user}" cannot create resource "{plural}"' in answer["message"]


def test_account_that_argo_cd_acts_as_may_apply_its_models(api: Api, region: str) -> None:
    for path in sorted(RENDERED.glob(f"{region}/tenants/fraud/inferenceservice-*.yaml")):
        model = yaml.safe_load(path.read_text(encoding="utf-8"))
        served = "/apis/serving.kserve.io/v1beta1/namespaces/tenant-fraud/inferenceservices"
        status, answer = api.request("GET", f"{served}/{model['metadata']['name']}", user=Account("tenant-fraud", "fraud-deploy").user)
        assert status == 200, answer
        patch = {"metadata": {"annotations": {"e2e.tidegate.dev/mine": "yes"}}}
        status, answer = api.request(
            "PATCH", f"{served}/{model['metadata']['name']}?dryRun=All", patch, user=Account("tenant-fraud", "fraud-deploy").user,
            content_type="application/merge-patch+json",
        )  # fmt: skip
        assert status == 200, answer


# --- how Argo CD is set up ---


def test_a2_applications_are_where_no_tenant_writes(
    api: Api, projects: dict[str, dict[str, Any]], applications: list[dict[str, Any]]
) -> None:
    assert {one["metadata"]["namespace"] for one in applications} == {"argocd"}
    parameters = api.read("/api/v1/namespaces/argocd/configmaps/argocd-cmd-params-cm")["data"]
    assert not {"application.namespaces", "applicationsetcontroller.namespaces"} & parameters.keys()
    for name, project in projects.items():
        assert not project["spec"].get("sourceNamespaces"), name
        if name.startswith("tenant-"):
            assert {one["namespace"] for one in project["spec"]["destinations"]} == {name}


def test_a3_there_are_no_application_sets(api: Api) -> None:
    known = {one["name"] for one in api.read("/apis/argoproj.io/v1alpha1")["resources"]}
    assert {"applications", "appprojects"} <= known
    assert "applicationsets" not in known
    pods = api.read("/api/v1/namespaces/argocd/pods")["items"]
    assert not [one["metadata"]["name"] for one in pods if "applicationset" in one["metadata"]["name"]]


def test_a4_whoever_runs_hooks_is_the_tenants_account(api: Api, projects: dict[str, dict[str, Any]]) -> None:
    settings = api.read("/api/v1/namespaces/argocd/configmaps/argocd-cm")["data"]
    assert settings["application.sync.impersonation.enabled"] == settings["application.sync.impersonation.enforced"] == "true"
    for tenant in TENANTS:
        spec = projects[names.project(tenant)]["spec"]
        assert [(one["namespace"], one["defaultServiceAccount"]) for one in spec["destinationServiceAccounts"]] == [
            (INVENTORY.tenants[tenant].namespace_name, names.deploy_service_account(tenant))
        ]


def test_a5_folders_of_tenants_are_read_as_plain_files(applications: list[dict[str, Any]]) -> None:
    """An explicit `directory` is what keeps Argo CD from looking for a kustomization or a chart there."""
    of_tenants = [one for one in applications if one["metadata"]["name"].startswith(("tenant-", "guard-rails-"))]
    assert len(of_tenants) >= 2 * len(TENANTS)
    for one in of_tenants:
        source = one["spec"]["source"]
        assert source.keys() == {"directory", "path", "repoURL", "targetRevision"}, one["metadata"]["name"]
        assert source["directory"].keys() <= {"include", "exclude"}, one["metadata"]["name"]
        assert "sources" not in one["spec"]


def test_a5_tools_that_nobody_uses_are_off(api: Api) -> None:
    """Jsonnet beside plain files is evaluated, with imports, unless it is off."""
    settings = api.read("/api/v1/namespaces/argocd/configmaps/argocd-cm")["data"]
    assert settings.get("jsonnet.enable") == settings.get("kustomize.enable") == "false"


def test_a7_controller_is_not_sharded(api: Api) -> None:
    controller = api.read("/apis/apps/v1/namespaces/argocd/statefulsets/argocd-application-controller")
    assert controller["spec"]["replicas"] == 1


def test_a8_nothing_empties_a_tenant_by_mistake(platform: Running, applications: list[dict[str, Any]], region: str) -> None:
    tombstones = {name for one in INVENTORY.tombstones_of(region) for name in (f"tenant-{one.name}", f"guard-rails-{one.name}")}
    for one in applications:
        if one["metadata"]["name"] not in tombstones:
            assert one["spec"]["syncPolicy"]["automated"].get("allowEmpty", False) is False, one["metadata"]["name"]
            # Whoever deletes an Application by mistake leaves its objects standing.
            assert not one["metadata"].get("finalizers"), one["metadata"]["name"]
            # Models go by a tombstone only, whatever Git seems to hold.
            holds_models = one["metadata"]["name"].startswith("tenant-")
            removed = INVENTORY.removed_models(one["metadata"]["name"].removeprefix("tenant-"), region)
            assert one["spec"]["syncPolicy"]["automated"]["prune"] is (not holds_models or bool(removed)), one["metadata"]["name"]
    for tenant in INVENTORY.tenants_of(region):
        found = platform.read(region, "namespace", tenant.namespace_name)
        assert found["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] == "Prune=confirm,Delete=confirm"
