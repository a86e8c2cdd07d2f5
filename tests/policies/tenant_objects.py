"""What stands in the API server before any case: definitions from the pinned modules, and objects of the rendered tree."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any, cast

import yaml_rs

from clusters import cluster_tree
from clusters.components.admission import policies
from clusters.objects import release
from tests.admission_server import ApiServer
from tests.policies.cases import merged, standing
from tests.root import ROOT
from tidegate.checkout import Checkout
from tidegate.embedded.builds.go_programs import module_folder
from tidegate.facts import names
from tidegate.facts.platform import Platform
from tidegate.manifests.tree import file_path
from tidegate.repository import schemas

EVERYBODY_MAY_EVERYTHING: dict[str, Any] = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "everybody-may-everything"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"}],
}
"""So that what is refused is refused by a policy, as if every role had been given by mistake."""

NOT_RENDERED = (
    ("argoproj.io/v1alpha1", "ApplicationSet"),
    ("gateway.networking.k8s.io/v1", "ReferenceGrant"),
    ("networking.internal.knative.dev/v1alpha1", "Ingress"),
    ("networking.istio.io/v1", "VirtualService"),
    ("serving.knative.dev/v1", "Configuration"),
    ("serving.knative.dev/v1", "Revision"),
    ("serving.knative.dev/v1", "Route"),
    ("serving.knative.dev/v1", "Service"),
    ("serving.knative.dev/v1beta1", "DomainMapping"),
    ("serving.kserve.io/v1alpha1", "ServingRuntime"),
    ("tidegate.dev/v1alpha1", "Release"),
)
"""Kinds that controllers make, or that tenants might try."""

UNFENCED = "tenant-unfenced"

LISTED = {
    "1" * 64: "credit/released/1", "2" * 64: "credit/released/2", "3" * 64: "credit/standard/1", "4" * 64: "credit/standard/2",
    **{f"{version:064x}": f"fraud/scorer/{version}" for version in (1, 2)},
}  # fmt: skip
"""What the catalogue holds beside the tenants' models: versions of the bases, and of the simulated releases."""


def definitions(kinds: Collection[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """The CustomResourceDefinitions of those kinds, from the modules that the schemas are read from."""
    wanted = {(api_version.partition("/")[0], kind) for api_version, kind in kinds}
    # What the schemas are made of; nothing else reads definitions outside of a program.
    read, download = schemas._documents, schemas.download  # pyright: ignore[reportPrivateUsage]
    documents = [document for module in schemas.OPERATORS for document in read(download(module, lambda _line: None), module)]
    networking = module_folder(Checkout(ROOT), "knative", "knative.dev/networking")
    documents.append(cast("dict[str, Any]", yaml_rs.loads((networking / "config/ingress.yaml").read_text(encoding="utf-8"))))
    documents.append(release.definition())
    for document in documents:
        definition = cast("dict[str, Any]", document)
        spec = definition.get("spec", {})
        if definition.get("kind") == "CustomResourceDefinition" and (spec["group"], spec["names"]["kind"]) in wanted:
            spec.pop("conversion", None)  # nobody is there to be asked
            definition.pop("status", None)
            yield definition


def rendered(platform: Platform, cluster: str) -> dict[str, dict[str, Any]]:
    return {
        file_path(each).removeprefix(f"{cluster}/").removesuffix(".yaml"): cast("dict[str, Any]", each.manifest)
        for each in cluster_tree.objects(platform)
        if each.folder.startswith(f"{cluster}/")
    }


def catalogue(tree: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The signed catalogue with `LISTED` beside the tenants' models."""
    listed = {"data": {digest: f"{version} {version.partition('/')[0]}-release" for digest, version in LISTED.items()}}
    return cast("dict[str, Any]", merged(tree["platform/catalogue/configmap-model-catalogue"], listed))


def make_unfenced(api: ApiServer, tenant: str, tier: str, namespace: str = UNFENCED) -> None:
    """A tenant's namespace that has lost its Pod Security labels, with an account and a quota."""
    labels = {**names.tenant_labels(tenant, tier), "pod-security.kubernetes.io/enforce": "privileged"}
    api.must_apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}})
    inside = {"namespace": namespace}
    api.must_apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", **inside}})
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "quota", **inside}, "spec": {"hard": {"pods": "9"}}}
    api.must_apply(quota)
    with_status(api, quota)


def telling(binding: Mapping[str, Any]) -> dict[str, Any]:
    """A second binding that only warns: an answer names one policy that refuses, but warns of all."""
    name = f"{binding['metadata']['name']}-told"
    return {**binding, "metadata": {"name": name}, "spec": {**binding["spec"], "validationActions": ["Warn"]}}


def with_status(api: ApiServer, quota: Mapping[str, Any], used: Mapping[str, str] | None = None) -> None:
    """What the quota controller would do: without it a quota refuses every pod. `used` is nothing by default."""
    hard = quota["spec"]["hard"]
    counted = {**quota, "status": {"hard": hard, "used": used or dict.fromkeys(hard, "0")}}
    path = f"{api.path(quota)}/status?fieldManager=quota&force=true"
    answer = api.request("PATCH", path, counted, content_type="application/apply-patch+yaml")
    assert answer.code == 200, answer.message


def furnish(api: ApiServer, tree: Mapping[str, dict[str, Any]]) -> None:
    """The tenants' namespaces with quotas, limits and accounts, all definitions, and rights for everybody: no policy yet."""
    api.must_apply(EVERYBODY_MAY_EVERYTHING)
    kinds = sorted({(each["apiVersion"], each["kind"]) for each in tree.values()} | {*NOT_RENDERED})
    for definition in definitions([kind for kind in kinds if not _is_served(api, kind)]):
        api.must_apply(definition)
    for kind in ("Namespace", "PriorityClass", "ServiceAccount", "LimitRange", "ResourceQuota"):
        for manifest in tree.values():
            namespace = manifest["metadata"].get("namespace", "tenant-")
            if manifest["kind"] == kind and namespace.startswith("tenant-"):
                api.must_apply(manifest)
                if kind == "ResourceQuota":
                    with_status(api, manifest)
    for namespace in (names.NAMESPACE_ARGOCD, names.NAMESPACE_EDGE, names.NAMESPACE_MESH, names.NAMESPACE_KNATIVE):
        api.must_apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    make_unfenced(api, "credit", "regulated")
    api.must_apply(catalogue(tree))
    _wait_until_served(api, kinds)
    for manifest in standing(tree):
        api.must_apply(cast("dict[str, Any]", merged(manifest, {"metadata": {"deletionTimestamp": None}})))
        if "deletionTimestamp" in manifest["metadata"]:
            assert api.request("DELETE", api.path(manifest)).code == 200


def enforce(api: ApiServer, platform: Platform, cluster: str, tree: Mapping[str, dict[str, Any]], *, told: bool = True) -> None:
    """Puts every policy in force, awaited ones, too; where `told`, answers warn of each policy that refuses."""
    manifests = cast("list[dict[str, Any]]", list(policies.objects(platform, platform.clusters[cluster], without=())))
    # That by which `_wait_until_in_force` looks comes last: once it holds, all hold.
    for manifest in sorted(manifests, key=lambda each: each["metadata"]["name"] == "forbid-writes-by-tenants"):
        if told and manifest["kind"].endswith("Binding"):
            api.must_apply(telling(manifest))
        api.must_apply(manifest)
    _wait_until_in_force(api, tree)


def _wait_until_served(api: ApiServer, kinds: Collection[tuple[str, str]]) -> None:
    """Definitions are served a moment after they are there."""
    deadline = time.monotonic() + 60
    while (waiting := [kind for kind in kinds if not _is_served(api, kind)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not waiting


def _is_served(api: ApiServer, kind: tuple[str, str]) -> bool:
    try:
        api.collection(*kind, None)
    except KeyError:
        return False
    return True


def _wait_until_in_force(api: ApiServer, tree: Mapping[str, dict[str, Any]]) -> None:
    """Policies are in force some moments after they are there, all at once; what they look up comes last."""
    probe = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "probe", "namespace": "tenant-credit"}}
    account = names.kubernetes_account("tenant-credit", "default")
    deadline = time.monotonic() + 60
    told = ""
    while time.monotonic() < deadline:
        refused = api.create(probe, dry_run=True, user=account, groups=(names.account_group("tenant-credit"),))
        admitted = api.create(tree["tenants/assistant/inferenceservice-chat"], dry_run=True)
        if refused.code != 201 and admitted.code == 201:
            return
        told = refused.message + admitted.message
        time.sleep(0.1)
    raise AssertionError(f"policies are not in force after 60 s: {told}")
