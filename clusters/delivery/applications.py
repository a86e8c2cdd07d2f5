"""Who may apply what: Argo CD projects and Applications, from the root down.

A tenant's folder is applied by two Applications. `guard-rails-<tenant>` (project `platform`) owns everything that fences the
tenant; `tenant-<tenant>`, in a project that names one namespace and one kind, owns its served models only. Of a tenant with a
tombstone both stay, to delete what they applied (decision 0020). A model is deleted by a tombstone only (decision 0045).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from clusters.objects import Metadata
from clusters.objects.argo_cd import Application, AppProject, ChartSource, DestinationServiceAccount, GroupKind, Source
from tidegate.facts import names
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant
from tidegate.facts.tombstone import Tombstone
from tidegate.manifests.layout import RENDERED, component_folder, delivery_folder, tenant_folder
from tidegate.manifests.yaml_text import Manifest

COMPONENT = "delivery"
BOOTSTRAP = "bootstrap"

REVISION = "main"
SERVER = "https://kubernetes.default.svc"

WAVES = {
    "catalogue": -15,  # with the policies that read it
    "policies": -15,  # before anything that they judge
    "priorities": -10,
    "gpu-sharing": -10,
    "cpu-pools": -10,
    "gpu-pools": -10,
    "gpu-pools-kwok": -10,
    "runtimes": -10,
    "mesh": -10,
    "edge": -10,
    "prepull": 5,
    "warm-floor": 5,
}
"""Lower is applied first. Guard rails and models of tenants follow: no model before its fences, no fence before the mesh."""

FIRST_OF_TENANT, LAST_OF_TENANT = 0, 10
"""Waves of a tenant's two Applications: guard rails before models when it comes, models before guard rails when it goes."""

_FOR_EVER = "9999-12-31T23:59:59Z"
"""Argo CD counts an approval from before its sync began as none. This one holds as long as the tombstone is there."""

_BACKOFF = {"duration": "5s", "factor": 2}

_SERVED_MODELS = "inferenceservice-*.yaml"
_ALL_BUT_SERVED_MODELS = {"exclude": _SERVED_MODELS}
_NOTHING = {"exclude": "*"}

_CLUSTER_KINDS: list[GroupKind] = [
    {"group": "", "kind": "Namespace"},
    {"group": "admissionregistration.k8s.io", "kind": "ValidatingAdmissionPolicy"},
    {"group": "admissionregistration.k8s.io", "kind": "ValidatingAdmissionPolicyBinding"},
    {"group": "scheduling.k8s.io", "kind": "PriorityClass"},
    {"group": "serving.kserve.io", "kind": "ClusterServingRuntime"},
    {"group": "karpenter.sh", "kind": "NodePool"},
    {"group": "karpenter.sh", "kind": "NodeOverlay"},
    {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass"},
    {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass"},
]
_NAMESPACED_KINDS: list[GroupKind] = [
    {"group": "", "kind": "ConfigMap"},
    {"group": "", "kind": "LimitRange"},
    {"group": "", "kind": "ResourceQuota"},
    {"group": "", "kind": "Service"},
    {"group": "", "kind": "ServiceAccount"},
    {"group": "apps", "kind": "DaemonSet"},
    {"group": "apps", "kind": "Deployment"},
    {"group": "argoproj.io", "kind": "AppProject"},
    {"group": "argoproj.io", "kind": "Application"},
    {"group": "gateway.networking.k8s.io", "kind": "Gateway"},
    {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"},
    {"group": "gateway.networking.k8s.io", "kind": "ReferenceGrant"},
    {"group": "monitoring.coreos.com", "kind": "PodMonitor"},
    {"group": "networking.istio.io", "kind": "DestinationRule"},
    {"group": "networking.istio.io", "kind": "EnvoyFilter"},
    {"group": "networking.k8s.io", "kind": "NetworkPolicy"},
    {"group": "policy", "kind": "PodDisruptionBudget"},
    {"group": "rbac.authorization.k8s.io", "kind": "Role"},
    {"group": "rbac.authorization.k8s.io", "kind": "RoleBinding"},
    {"group": "security.istio.io", "kind": "AuthorizationPolicy"},
    {"group": "security.istio.io", "kind": "PeerAuthentication"},
    {"group": "security.istio.io", "kind": "RequestAuthentication"},
    {"group": "telemetry.istio.io", "kind": "Telemetry"},
]


def bootstrap(platform: Platform, cluster: str) -> Iterator[Manifest]:
    """What must be there before Argo CD can do the rest: the platform's project and the root Application."""
    own = [
        names.NAMESPACE_ARGOCD, names.NAMESPACE_EDGE, names.NAMESPACE_GPU_OPERATOR, names.NAMESPACE_KNATIVE, names.NAMESPACE_MESH,
        names.NAMESPACE_PLATFORM,
    ]  # fmt: skip
    repository_url = platform.clusters[cluster].repository_url
    owned = [*platform.tenants_of(cluster), *platform.tombstones_of(cluster)]
    namespaces = list(dict.fromkeys([*own, *(one.namespace_name for one in owned)]))
    project: AppProject = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": metadata(names.PLATFORM_PROJECT, names.component_labels(BOOTSTRAP)),
        "spec": {
            "description": "The platform itself and the guard rails of its tenants.",
            "sourceRepos": [repository_url],
            "destinations": [{"server": SERVER, "namespace": namespace} for namespace in namespaces],
            "destinationServiceAccounts": as_itself(namespaces),
            "clusterResourceWhitelist": _CLUSTER_KINDS,
            "namespaceResourceWhitelist": _NAMESPACED_KINDS,
        },
    }
    yield project
    path = f"{RENDERED}/{delivery_folder(cluster)}"
    yield _application(
        repository_url,
        names.ROOT_APPLICATION,
        names.component_labels(BOOTSTRAP),
        names.PLATFORM_PROJECT,
        names.NAMESPACE_ARGOCD,
        path=path,
    )


def objects(platform: Platform, cluster: str, components: Sequence[str]) -> Iterator[Manifest]:
    """One Application per component, and project, guard rails and served models of each tenant."""
    repository_url = platform.clusters[cluster].repository_url
    for component in components:
        application = _application(
            repository_url, names.component_application(component), names.component_labels(COMPONENT), names.PLATFORM_PROJECT,
            names.NAMESPACE_ARGOCD, path=f"{RENDERED}/{component_folder(cluster, component)}", wave=WAVES[component],
        )  # fmt: skip
        yield application
    for tenant in platform.tenants_of(cluster):
        labels = names.tenant_labels(tenant.name, tenant.tier)
        namespace, account = tenant.namespace_name, names.deploy_service_account(tenant.name)
        accounts: list[DestinationServiceAccount] = [{"server": SERVER, "namespace": namespace, "defaultServiceAccount": account}]
        yield _project(repository_url, tenant, labels, f"Served models of tenant {tenant.name}.", accounts)
        yield _guard_rails(repository_url, cluster, tenant, labels)
        # Without a tombstone Argo CD deletes no model: it cannot tell a removed file from one that it could not read (decision 0045).
        prune = bool(platform.removed_models(tenant.name, cluster))
        served = _served_models(repository_url, cluster, tenant, labels, directory=_files_of(tenant))
        served["metadata"].setdefault("annotations", {})[names.ANNOTATION_HOLDS] = " ".join(sorted(tenant.models))
        served["spec"]["syncPolicy"]["automated"] = {"prune": prune, "selfHeal": True, "allowEmpty": False}
        yield served


def removal_objects(platform: Platform, cluster: str, tombstone: Tombstone) -> Iterator[Manifest]:
    """What deletes a tenant: its own project and Applications, which find nothing in Git and may act on it."""
    repository_url = platform.clusters[cluster].repository_url
    # A tombstone knows no tier. The tenant's label stays, by which people look for what is left.
    labels = {**names.component_labels(COMPONENT), names.LABEL_TENANT: tombstone.name}
    description = (
        f"Tenant {tombstone.name}, removed on {tombstone.removed_on} at the request of {tombstone.requested_by}: {tombstone.reason}"
    )
    # As itself: the tenant's account may not delete its models, and is deleted itself.
    yield _project(repository_url, tombstone, labels, description, as_itself([tombstone.namespace_name]))
    # Models first: they run within fences, that are guard rails.
    for application in (
        _served_models(repository_url, cluster, tombstone, labels, wave=FIRST_OF_TENANT, directory=_NOTHING),
        _guard_rails(repository_url, cluster, tombstone, labels, wave=LAST_OF_TENANT, directory=_NOTHING),
    ):
        application["metadata"].setdefault("annotations", {})[names.ANNOTATION_DELETION_APPROVED] = _FOR_EVER
        application["spec"]["syncPolicy"]["automated"] = {"prune": True, "selfHeal": True, "allowEmpty": True}
        yield application


def _project(
    repository_url: str, tenant: Tenant | Tombstone, labels: dict[str, str], description: str, accounts: list[DestinationServiceAccount],
) -> AppProject:  # fmt: skip
    """One namespace, one repository, one kind; no cluster-scoped kind, no pattern anywhere."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": metadata(names.project(tenant.name), labels, wave=-1),
        "spec": {
            "description": description,
            "sourceRepos": [repository_url],
            "destinations": [{"server": SERVER, "namespace": tenant.namespace_name}],
            "destinationServiceAccounts": accounts,
            "clusterResourceWhitelist": [],
            "namespaceResourceWhitelist": [{"group": "serving.kserve.io", "kind": "InferenceService"}],
        },
    }


def _guard_rails(
    repository_url: str, cluster: str, tenant: Tenant | Tombstone, labels: dict[str, str], *, wave: int = FIRST_OF_TENANT,
    directory: Mapping[str, str] = _ALL_BUT_SERVED_MODELS,
) -> Application:  # fmt: skip
    return _application(
        repository_url, names.guard_rails_application(tenant.name), labels, names.PLATFORM_PROJECT, tenant.namespace_name,
        path=f"{RENDERED}/{tenant_folder(cluster, tenant.name)}", wave=wave, directory=directory,
    )  # fmt: skip


def _files_of(tenant: Tenant) -> dict[str, str]:
    """Which files the Application of a tenant's models reads: every model's, whether it is named or not.

    They are named because Argo CD looks at once when an Application has another pattern than before, and at a folder that has other files
    only in its next round, minutes later. Not by name alone: a model must not wait for the root Application, which others may hold up.
    """
    return {"include": f"{{{','.join([_SERVED_MODELS, *(_SERVED_MODELS.replace('*', model) for model in sorted(tenant.models))])}}}"}


def _served_models(
    repository_url: str, cluster: str, tenant: Tenant | Tombstone, labels: dict[str, str], *, wave: int = LAST_OF_TENANT,
    directory: Mapping[str, str],
) -> Application:  # fmt: skip
    served = _application(
        repository_url, names.tenant_application(tenant.name), labels, names.project(tenant.name), tenant.namespace_name,
        path=f"{RENDERED}/{tenant_folder(cluster, tenant.name)}", wave=wave, directory=directory,
    )  # fmt: skip
    served["spec"]["ignoreDifferences"] = [
        {"group": "serving.kserve.io", "kind": "InferenceService", "jsonPointers": ["/spec/predictor/canaryTrafficPercent"]}
    ]
    # A commit that corrects a refused file waits for the next attempt: one every ten seconds, for as long as all others are made.
    served["spec"]["syncPolicy"]["retry"] = {"limit": 15, "refresh": True, "backoff": {**_BACKOFF, "maxDuration": "10s"}}
    return served


def _application(
    repository_url: str, name: str, labels: dict[str, str], project: str, namespace: str, *, path: str, wave: int | None = None,
    directory: Mapping[str, str] | None = None,
) -> Application:  # fmt: skip
    source: Source = {"repoURL": repository_url, "targetRevision": REVISION, "path": path}
    if directory:
        source["directory"] = dict(directory)
    described = application(source, name, labels, project, namespace, wave=wave)
    # The API server itself says what an object will be, defaults and all; otherwise each default is a difference for ever.
    # Not for add-ons: their definitions are large, and trying each out at every look would keep a small cluster busy.
    described["metadata"].setdefault("annotations", {})["argocd.argoproj.io/compare-options"] = "ServerSideDiff=true"
    return described


def application(
    source: Source | ChartSource, name: str, labels: dict[str, str], project: str, namespace: str, *, wave: int | None
) -> Application:
    """Without a finalizer: an Application that vanishes by mistake leaves its objects standing."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": metadata(name, labels, wave=wave),
        "spec": {
            "project": project,
            "source": source,
            "destination": {"server": SERVER, "namespace": namespace},
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True, "allowEmpty": False},
                # `refresh` retries the newest revision; without it a failed sync repeats the old one for minutes.
                "retry": {"limit": 5, "refresh": True, "backoff": {**_BACKOFF, "maxDuration": "3m"}},
                # InferenceService definitions exceed the size of the client-side annotation.
                "syncOptions": [
                    "ServerSideApply=true",
                    "RespectIgnoreDifferences=true",
                    "ApplyOutOfSyncOnly=true",
                    "CreateNamespace=false",
                ],
            },
        },
    }


def as_itself(namespaces: Iterable[str]) -> list[DestinationServiceAccount]:
    """For the platform's own projects: impersonation is on for all, so each must name somebody; here Argo CD acts as itself."""
    own = f"{names.NAMESPACE_ARGOCD}:argocd-application-controller"
    return [{"server": SERVER, "namespace": namespace, "defaultServiceAccount": own} for namespace in namespaces]


def metadata(name: str, labels: dict[str, str], *, wave: int | None = None) -> Metadata:
    """Name, labels and wave of an object in Argo CD's namespace."""
    described: Metadata = {"name": name, "namespace": names.NAMESPACE_ARGOCD, "labels": labels}
    if wave is not None:
        described["annotations"] = {"argocd.argoproj.io/sync-wave": str(wave)}
    return described
