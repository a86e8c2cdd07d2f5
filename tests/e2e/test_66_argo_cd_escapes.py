"""Known ways out of Argo CD's projects, each closed by more than one fence.

Argo CD refuses by project: its rules are read from the regions and judged as it judges them. The API server refuses the account
that Argo CD acts as. The rules for manifests refuse on the pull request. What only a commit can show is at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from access_review import Account, Api
from escapes import escapes, manifest, why_not
from running_platform import INVENTORY, REGIONS, ROOT, Running, wait_for
from served_repository import Repository, model_file

from clusters.addons import argo_cd
from tidegate.manifests.placed import Placed
from tidegate.manifests.rules import RULES
from tidegate.model import names

e2e = pytest.mark.e2e
RENDERED = ROOT / "gitops" / "rendered"
TENANTS = sorted(INVENTORY.tenants)
BY_NAME = {rule.__name__.replace("_", "-"): rule for rule in RULES}

ESCAPES = sorted(escapes("", ""))


@pytest.fixture(scope="module", params=REGIONS)
def region(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def api(platform: Running, region: str) -> Iterator[Api]:
    with Api(platform.checkout.embedded / f"{region}.kubeconfig") as opened:
        yield opened


@pytest.fixture(scope="module")
def projects(api: Api) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in api.read("/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects")["items"]}


@pytest.fixture(scope="module")
def applications(api: Api) -> list[dict[str, Any]]:
    return list(api.read("/apis/argoproj.io/v1alpha1/applications")["items"])


def neighbour_of(tenant: str) -> str:
    return TENANTS[(TENANTS.index(tenant) + 1) % len(TENANTS)]


@e2e
def test_project_of_a_tenant_permits_its_models_and_no_escape(projects: dict[str, dict[str, Any]]) -> None:
    for tenant in TENANTS:
        own, other = (INVENTORY.tenants[name].namespace_name for name in (tenant, neighbour_of(tenant)))
        project = projects[names.project(tenant)]
        assert not why_not(project, manifest("serving.kserve.io/v1beta1", "InferenceService", own))
        for name, (object_, _) in escapes(own, other).items():
            assert why_not(project, object_), f"project of {tenant} permits {name}"


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"destinations": [{"namespace": "tenant-fraud"}], "namespaceResourceWhitelist": []}, "argoproj.io/Application is not permitted"),
        ({"destinations": [{"namespace": "tenant-1*"}]}, "namespace tenant-fraud is no destination"),
        ({"destinations": [{"namespace": "tenant-*"}]}, ""),
        ({"destinations": [{"namespace": "*"}], "namespaceResourceBlacklist": [{"group": "*", "kind": "App*"}]}, "argoproj.io/Application is not permitted"),
    ],
    ids=["empty-whitelist", "other-namespace", "pattern-permits", "blacklist"],
)  # fmt: skip
def test_project_is_judged_as_argo_cd_does(spec: dict[str, Any], reason: str) -> None:
    assert why_not({"spec": spec}, manifest("argoproj.io/v1alpha1", "Application", "tenant-fraud")) == reason


@e2e
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
        status, answer = api.request("POST", path, object_, account=account)
        assert status == 403, f"{escape} by {account.user}: {answer}"
        assert f'User "{account.user}" cannot create resource "{plural}"' in answer["message"]


@e2e
def test_account_that_argo_cd_acts_as_may_apply_its_models(api: Api, region: str) -> None:
    for path in sorted(RENDERED.glob(f"{region}/fraud/inferenceservice-*.yaml")):
        model = yaml.safe_load(path.read_text(encoding="utf-8"))
        served = "/apis/serving.kserve.io/v1beta1/namespaces/tenant-fraud/inferenceservices"
        status, answer = api.request("GET", f"{served}/{model['metadata']['name']}", account=Account("tenant-fraud", "fraud-deploy"))
        assert status == 200, answer
        patch = {"metadata": {"annotations": {"e2e.tidegate.dev/mine": "yes"}}}
        status, answer = api.request(
            "PATCH", f"{served}/{model['metadata']['name']}?dryRun=All", patch, account=Account("tenant-fraud", "fraud-deploy"),
            content_type="application/merge-patch+json",
        )  # fmt: skip
        assert status == 200, answer


# --- how Argo CD is set up ---


@e2e
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


@e2e
def test_a3_there_are_no_application_sets(api: Api) -> None:
    known = {one["name"] for one in api.read("/apis/argoproj.io/v1alpha1")["resources"]}
    assert {"applications", "appprojects"} <= known
    assert "applicationsets" not in known
    pods = api.read("/api/v1/namespaces/argocd/pods")["items"]
    assert not [one["metadata"]["name"] for one in pods if "applicationset" in one["metadata"]["name"]]


@e2e
def test_a4_whoever_runs_hooks_is_the_tenants_account(api: Api, projects: dict[str, dict[str, Any]]) -> None:
    settings = api.read("/api/v1/namespaces/argocd/configmaps/argocd-cm")["data"]
    assert settings["application.sync.impersonation.enabled"] == settings["application.sync.impersonation.enforced"] == "true"
    for tenant in TENANTS:
        spec = projects[names.project(tenant)]["spec"]
        assert [(one["namespace"], one["defaultServiceAccount"]) for one in spec["destinationServiceAccounts"]] == [
            (INVENTORY.tenants[tenant].namespace_name, names.deploy_service_account(tenant))
        ]


@e2e
def test_a5_folders_of_tenants_are_read_as_plain_files(applications: list[dict[str, Any]]) -> None:
    """An explicit `directory` is what keeps Argo CD from looking for a kustomization or a chart there."""
    of_tenants = [one for one in applications if one["metadata"]["name"].startswith(("tenant-", "guard-rails-"))]
    assert len(of_tenants) >= 2 * len(TENANTS)
    for one in of_tenants:
        source = one["spec"]["source"]
        assert source.keys() == {"directory", "path", "repoURL", "targetRevision"}, one["metadata"]["name"]
        assert source["directory"].keys() <= {"include", "exclude"}, one["metadata"]["name"]
        assert "sources" not in one["spec"]


@e2e
def test_a5_tools_that_nobody_uses_are_off(api: Api) -> None:
    """Jsonnet beside plain files is evaluated, with imports, unless it is off."""
    settings = api.read("/api/v1/namespaces/argocd/configmaps/argocd-cm")["data"]
    assert settings.get("jsonnet.enable") == settings.get("kustomize.enable") == "false"


@e2e
def test_a7_controller_is_not_sharded(api: Api) -> None:
    controller = api.read("/apis/apps/v1/namespaces/argocd/statefulsets/argocd-application-controller")
    assert controller["spec"]["replicas"] == 1


@e2e
def test_a8_nothing_empties_a_tenant_by_mistake(platform: Running, applications: list[dict[str, Any]], region: str) -> None:
    tombstones = {name for one in INVENTORY.tombstones_of(region) for name in (f"tenant-{one.name}", f"guard-rails-{one.name}")}
    for one in applications:
        if one["metadata"]["name"] not in tombstones:
            assert one["spec"]["syncPolicy"]["automated"].get("allowEmpty", False) is False, one["metadata"]["name"]
            # Whoever deletes an Application by mistake leaves its objects standing.
            assert not one["metadata"].get("finalizers"), one["metadata"]["name"]
    for tenant in INVENTORY.tenants_of(region):
        found = platform.read(region, "namespace", tenant.namespace_name)
        assert found["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] == "Prune=confirm,Delete=confirm"


# --- what is in Git ---


def test_rendered_folders_hold_plain_manifests_only() -> None:
    """A5: no kustomization, chart, Jsonnet, symlink or submodule that Argo CD would follow."""
    paths = sorted(path for path in RENDERED.rglob("*") if not path.is_dir() or path.is_symlink())
    assert len(paths) > 100
    assert not [path for path in paths if path.is_symlink() or path.suffix != ".yaml" or path.stem.lower() in {"kustomization", "chart"}]
    assert not (ROOT / ".gitmodules").exists()


LINTED: dict[str, tuple[str, dict[str, Any]]] = {
    "A1-application-elsewhere": ("require-own-namespace", manifest("argoproj.io/v1alpha1", "Application", "argocd", project="platform")),
    "A1-cluster-object": ("require-own-namespace", manifest("rbac.authorization.k8s.io/v1", "ClusterRoleBinding")),
    "A3-default-project": ("require-project", manifest("argoproj.io/v1alpha1", "Application", "tenant-fraud", project="default")),
    "A4-deletion-hook": (
        "forbid-deletion-hook",
        {
            "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
            "metadata": {"name": "a", "namespace": "tenant-fraud", "annotations": {"argocd.argoproj.io/hook": "Sync, PostDelete"}},
        },
    ),
    "A-pattern-in-a-project": (
        "forbid-project-wildcard", manifest("argoproj.io/v1alpha1", "AppProject", "argocd", destinations=[{"namespace": "team-1*"}]),
    ),
    "I1-allow-for-everybody": (
        "forbid-open-allow", manifest("security.istio.io/v1", "AuthorizationPolicy", "tenant-fraud", action="ALLOW", rules=[{}]),
    ),
    "I2-denial-by-path": (
        "forbid-path-based-denial",
        manifest(
            "security.istio.io/v1", "AuthorizationPolicy", "tenant-fraud", action="DENY",
            rules=[{"to": [{"operation": {"paths": ["/admin"]}}]}],
        ),
    ),
    "I3-account-with-a-dot": (
        "forbid-dotted-service-account",
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "fraud.serving", "namespace": "tenant-fraud"}},
    ),
    "I4-permissive": ("require-strict-mtls", manifest("security.istio.io/v1", "PeerAuthentication", "tenant-fraud", mtls={"mode": "PERMISSIVE"})),
}  # fmt: skip


@pytest.mark.parametrize("escape", LINTED)
def test_rule_for_manifests_refuses_the_escape(escape: str) -> None:
    """On the pull request, by `tidegate validate`; each rule has more cases in tests/manifests/rules."""
    rule, object_ = LINTED[escape]
    findings = list(BY_NAME[rule](Placed("one.yaml", object_, "tenant-fraud")))
    assert [finding.rule for finding in findings] == [rule]
    assert findings[0].remedy


# --- what only a commit shows ---

COMMITTED = (
    "A1-application",
    "A1-application-at-home",
    "cluster-role-binding",
    "secret-at-home",
    "model-of-a-neighbour",
    "I-virtual-service",
)


@pytest.fixture(scope="module")
def said_of_commit(platform: Running) -> Iterator[list[dict[str, str]]]:
    """What Argo CD says of each object after all escapes lay behind a model's own manifest, which the tenant's Application applies."""
    repository = Repository(platform)
    objects = [escapes("tenant-scoring", "tenant-fraud")[escape][0] for escape in COMMITTED]
    added = "".join(f"---\n{yaml.safe_dump(one)}" for one in objects)
    repository.edit(model_file(REGIONS[-1], "scoring", "fraud-shadow"), lambda text: text + added)
    repository.commit("Try to escape")

    def look() -> list[dict[str, str]]:
        status = platform.read(REGIONS[-1], "application/tenant-scoring", "--namespace=argocd")["status"]
        # There is no operationState for the moment in which Argo CD takes up the next operation.
        return [one for one in status.get("operationState", {}).get("syncResult", {}).get("resources", []) if one["name"] == "e2e-escape"]

    try:
        wait_for("Argo CD judges every escape", look, lambda said: len(said) == len(objects), 180, 1)
        yield look()
    finally:
        repository.revert()
        platform.wait_until_live(REGIONS[-1])


@e2e
@pytest.mark.timeout(600)
@pytest.mark.parametrize("escape", COMMITTED)
def test_argo_cd_refuses_what_is_committed_beside_a_model(platform: Running, said_of_commit: list[dict[str, str]], escape: str) -> None:
    object_, plural = escapes("tenant-scoring", "tenant-fraud")[escape]
    where = object_["metadata"].get("namespace", "")
    group = object_["apiVersion"].rpartition("/")[0]
    same_kind = [one for one in said_of_commit if (one["group"], one["kind"]) == (group, object_["kind"])]
    # Of an object without a namespace the one is told that the Application writes to.
    told = [one for one in same_kind if not where or one["namespace"] == where]
    assert [one["status"] for one in told] == ["SyncFailed"], told
    assert "is not permitted in project" in told[0]["message"]
    kind = f"{plural}.{group}" if group else plural
    scope = [f"--namespace={where}"] if where else []
    assert not platform.cluster(REGIONS[-1]).run("get", kind, "e2e-escape", *scope, "--ignore-not-found").strip()


@e2e
@pytest.mark.timeout(600)
def test_model_serves_on_beside_refused_objects(platform: Running, said_of_commit: list[dict[str, str]]) -> None:
    assert said_of_commit
    assert platform.ask(REGIONS[-1], "scoring/fraud-shadow").status == 200


def test_settings_of_argo_cd_enforce_impersonation() -> None:
    """Without `enforced` a project that names no account would be applied with Argo CD's own rights."""
    assert (
        argo_cd.SETTINGS["application.sync.impersonation.enabled"] == argo_cd.SETTINGS["application.sync.impersonation.enforced"] == "true"
    )
