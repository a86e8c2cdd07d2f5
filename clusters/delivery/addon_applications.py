"""One Application per add-on, the same in every cluster but for where its objects come from."""

from __future__ import annotations

from collections.abc import Iterator

from clusters.addons.add_on import AddOn, ChartRelease, ClusterAddOn
from clusters.addons.listing import ADD_ONS
from clusters.delivery import applications, external_dns, gpu_operator
from clusters.objects.argo_cd import Application, AppProject, ChartSource, GroupKind, IgnoredDifference, Source
from tidegate.facts import names
from tidegate.facts.cluster import Cluster
from tidegate.manifests.yaml_text import Manifest

RENDERED = "gitops/add-ons"
"""Where `python -m clusters.addons render` puts its files, one folder per cluster and add-on."""

RELEASE_REVISION = "add-ons"
"""The branch that holds what was rendered from releases that have no chart; upstream's objects are never on `main`."""

_CLUSTER_KINDS: list[GroupKind] = [
    {"group": "", "kind": "Namespace"},
    {"group": "", "kind": "PersistentVolume"},
    {"group": "admissionregistration.k8s.io", "kind": "MutatingWebhookConfiguration"},
    {"group": "admissionregistration.k8s.io", "kind": "ValidatingWebhookConfiguration"},
    {"group": "admissionregistration.k8s.io", "kind": "ValidatingAdmissionPolicy"},
    {"group": "admissionregistration.k8s.io", "kind": "ValidatingAdmissionPolicyBinding"},
    {"group": "apiextensions.k8s.io", "kind": "CustomResourceDefinition"},
    {"group": "gateway.networking.k8s.io", "kind": "GatewayClass"},
    {"group": "nfd.k8s-sigs.io", "kind": "NodeFeatureRule"},
    {"group": "nvidia.com", "kind": "ClusterPolicy"},
    {"group": "rbac.authorization.k8s.io", "kind": "ClusterRole"},
    {"group": "rbac.authorization.k8s.io", "kind": "ClusterRoleBinding"},
    {"group": "serving.kserve.io", "kind": "ClusterStorageContainer"},
]
_NAMESPACED_KINDS: list[GroupKind] = [
    {"group": "", "kind": "ConfigMap"},
    {"group": "", "kind": "Secret"},
    {"group": "", "kind": "Service"},
    {"group": "", "kind": "ServiceAccount"},
    {"group": "apps", "kind": "DaemonSet"},
    {"group": "apps", "kind": "Deployment"},
    {"group": "apps", "kind": "StatefulSet"},
    {"group": "batch", "kind": "Job"},
    {"group": "autoscaling", "kind": "HorizontalPodAutoscaler"},
    {"group": "caching.internal.knative.dev", "kind": "Image"},
    {"group": "networking.internal.knative.dev", "kind": "Certificate"},
    {"group": "networking.k8s.io", "kind": "NetworkPolicy"},
    {"group": "policy", "kind": "PodDisruptionBudget"},
    {"group": "rbac.authorization.k8s.io", "kind": "Role"},
    {"group": "rbac.authorization.k8s.io", "kind": "RoleBinding"},
]


def objects(cluster: Cluster) -> Iterator[Manifest]:
    """The add-ons' project and an Application for each that Argo CD installs in `cluster`."""
    applied = [add_on for add_on in ADD_ONS if cluster.add_ons_from == "rendered" or not isinstance(add_on.production, ClusterAddOn)]
    sources = {add_on.name: _source(cluster, add_on) for add_on in applied}
    yield _project(
        applied,
        sorted(
            {source["repoURL"] for source in sources.values()} | gpu_operator.repositories(cluster) | external_dns.repositories(cluster)
        ),
    )
    for add_on in applied:
        application = applications.application(
            sources[add_on.name], names.add_on_application(add_on.name), names.component_labels("add-ons"), names.ADD_ONS_PROJECT,
            add_on.namespace, wave=add_on.wave,
        )  # fmt: skip
        yield _ignoring(application, add_on)


def _source(cluster: Cluster, add_on: AddOn) -> Source | ChartSource:
    release = add_on.production
    if cluster.add_ons_from == "releases" and isinstance(release, ChartRelease):
        helm: dict[str, object] = {"releaseName": add_on.name, "valuesObject": dict(release.values)}
        return {"repoURL": release.repository, "chart": release.chart, "targetRevision": release.version, "helm": helm}
    revision = applications.REVISION if cluster.add_ons_from == "rendered" else RELEASE_REVISION
    return {"repoURL": cluster.repository_url, "targetRevision": revision, "path": f"{RENDERED}/{cluster.name}/{add_on.name}"}


def _project(applied: list[AddOn], repositories: list[str]) -> AppProject:
    own = sorted(
        {
            "kube-node-lease",
            names.NAMESPACE_KUBERNETES,
            names.NAMESPACE_EXTERNAL_DNS,
            names.NAMESPACE_GPU_OPERATOR,
            *(namespace for add_on in applied for namespace in (add_on.namespace, *add_on.owned_namespaces)),
        }
    )
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": applications.metadata(names.ADD_ONS_PROJECT, names.component_labels("add-ons"), wave=-200),
        "spec": {
            "description": "What every cluster runs before any tenant.",
            "sourceRepos": repositories,
            "destinations": [{"server": applications.SERVER, "namespace": namespace} for namespace in own],
            "destinationServiceAccounts": applications.as_itself(own),
            "clusterResourceWhitelist": _CLUSTER_KINDS,
            "namespaceResourceWhitelist": _NAMESPACED_KINDS,
        },
    }


def _ignoring(application: Application, add_on: AddOn) -> Application:
    ignored: list[IgnoredDifference] = []
    for difference in add_on.ignored_differences:
        entry: IgnoredDifference = {"group": difference.group, "kind": difference.kind}
        if difference.json_pointers:
            entry["jsonPointers"] = list(difference.json_pointers)
        if difference.jq_path_expressions:
            entry["jqPathExpressions"] = list(difference.jq_path_expressions)
        ignored.append(entry)
    if ignored:
        application["spec"]["ignoreDifferences"] = ignored
    return application
