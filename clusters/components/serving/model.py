"""A served model as a KServe InferenceService.

In Knative mode the cluster's `config-features` must allow what `KNATIVE_FEATURES` lists; Knative drops or refuses those
fields otherwise, and tainted pools are then unreachable.
"""

from __future__ import annotations

from clusters.components.serving import dense_pool
from clusters.components.serving.runtimes import DENSE_POOL, MODEL_FORMATS, container_security
from clusters.objects.kserve import Companions, InferenceService, ModelOptions, Part, Predictor, Resources, TopologySpread
from clusters.objects.placement import placement, priority_class
from tidegate.facts import cloud_names, names, numerals
from tidegate.facts.cluster import Cluster
from tidegate.facts.cold_start import DEFAULT_DEADLINE_SECONDS, deadline_seconds
from tidegate.facts.models.knative_limits import TIMEOUT_SECONDS_DEFAULT, timeout_seconds
from tidegate.facts.models.protocols import PROTOCOLS
from tidegate.facts.models.served_model import Companion, ServedModel
from tidegate.facts.nodes.accelerators import AcceleratorShare, ReplicaResources
from tidegate.facts.storm import start_waves
from tidegate.facts.tenant import Tenant

KNATIVE_FEATURES = (
    "kubernetes.podspec-affinity",
    "kubernetes.podspec-nodeselector",
    "kubernetes.podspec-priorityclassname",
    "kubernetes.podspec-tolerations",
    "kubernetes.podspec-topologyspreadconstraints",
)
"""Keys of Knative's `config-features` that must be `enabled` (knative.dev/serving, pkg/apis/serving/fieldmask.go)."""

CPU_TARGET_PERCENT = 60
"""Standard mode scales on CPU, because its autoscaler does not see requests. 60 % leaves room for the next replica's start."""


def inference_service(cluster: Cluster, tenant: Tenant, name: str, model: ServedModel) -> InferenceService:
    """The InferenceService of `model` in one cluster.

    `storageUri` is the last line of its file, and admission demands it: of a file that ends early nothing is applied (decision 0045).
    """
    options: ModelOptions = {}
    if protocols := PROTOCOLS.get(model.runtime):
        options["protocolVersion"] = protocols[0]
    if model.dense_pool:
        options["env"] = dense_pool.environment(tenant, name, model.dense_pool)
    predictor: Predictor = {
        **_part(tenant, name, model, part="predictor", floor=model.scaling.min_replicas, ceiling=model.scaling.max_replicas),
        **placement(cluster, model),
        "model": {
            "modelFormat": {"name": MODEL_FORMATS[model.runtime]},
            "runtime": names.serving_runtime(DENSE_POOL if model.dense_pool else model.runtime),
            "resources": _resources(cluster, model.resources, model.accelerator),
            **options,
            "storageUri": cloud_names.in_models_bucket(model.artefact_in(cluster.stage).uri, cluster.name, cluster.account_id),
        },
    }
    predictor["annotations"] = {**predictor.get("annotations", {}), **_deadline(cluster, model)}
    companions: Companions = {}
    if model.transformer:
        companions["transformer"] = _companion(cluster, tenant, name, model, part="transformer", companion=model.transformer)
    if model.explainer:
        companions["explainer"] = _companion(cluster, tenant, name, model, part="explainer", companion=model.explainer)
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": name,
            "namespace": tenant.namespace_name,
            "labels": {
                **names.tenant_labels(tenant.name, tenant.tier),
                names.LABEL_SERVED_MODEL: name,
                # The edge is the only way in from outside.
                "networking.knative.dev/visibility": "cluster-local",
            },
            "annotations": _annotations(cluster, tenant, name, model),
        },
        "spec": {**companions, "predictor": predictor},
    }


def _annotations(cluster: Cluster, tenant: Tenant, name: str, model: ServedModel) -> dict[str, str]:
    annotations = {
        "serving.kserve.io/deploymentMode": "Knative" if model.scaling.mode == "knative" else "Standard",
        "serving.kserve.io/enable-prometheus-scraping": "true",
        names.ANNOTATION_MODEL_SHA256: model.artefact_in(cluster.stage).sha256,
        names.ANNOTATION_ROLLOUT: model.rollout.strategy,
    }
    if wave := start_waves(tenant)[name]:
        # A new revision starts a pod whatever its floor; those of a large tenant do not all start together.
        annotations["argocd.argoproj.io/sync-wave"] = str(wave)
    if approval := model.approval:
        annotations[names.ANNOTATION_APPROVAL] = f"{approval.system}/{approval.approver_group}/{approval.approvers_required}"
    if model.scaling.mode == "standard":
        annotations["serving.kserve.io/autoscalerClass"] = "hpa"
    if tenant.tier.is_hot:
        # No `Prune=confirm`: a sync that waits for it keeps the commit waiting that restores the file.
        annotations["argocd.argoproj.io/sync-options"] = "Delete=confirm"
    return annotations


def _part(tenant: Tenant, name: str, model: ServedModel, *, part: str, floor: int, ceiling: int) -> Part:
    knative = model.scaling.mode == "knative"
    described: Part = {
        "minReplicas": floor,
        "maxReplicas": ceiling,
        "scaleMetric": model.scaling.metric,
        "scaleTarget": model.scaling.target if knative else CPU_TARGET_PERCENT,
        "serviceAccountName": names.serving_service_account(tenant.name),
        "automountServiceAccountToken": False,
        "priorityClassName": priority_class(tenant, model),
        "annotations": _pod_annotations(tenant, model, floor=floor),
    }
    if knative and (seconds := timeout_seconds(model.slo.p99_ms)) != TIMEOUT_SECONDS_DEFAULT:
        described["timeout"] = seconds
    if ceiling > 1:
        described["topologySpreadConstraints"] = [
            _spread(name, part, key) for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ]
    return described


def _pod_annotations(tenant: Tenant, model: ServedModel, *, floor: int) -> dict[str, str]:
    annotations = {"sidecar.istio.io/rewriteAppHTTPProbers": "true"}  # STRICT mTLS refuses the kubelet's probes otherwise
    if model.scaling.mode == "standard":
        return annotations
    if floor == 0:
        annotations["autoscaling.knative.dev/scale-to-zero-pod-retention-period"] = f"{model.scaling.idle_seconds}s"
    if tenant.tier.is_hot:
        # Warm calls go straight to the pods: through the activator the median rose from 1.3 to 3.9 ms in a trial.
        annotations["autoscaling.knative.dev/target-burst-capacity"] = "0"
    return annotations


def _deadline(cluster: Cluster, model: ServedModel) -> dict[str, str]:
    """How long Knative waits for the predictor, which follows from what its start takes; nobody waits in Standard mode."""
    seconds = deadline_seconds(cluster, model)
    needs_more = model.scaling.mode == "knative" and seconds != DEFAULT_DEADLINE_SECONDS
    return {"serving.knative.dev/progress-deadline": f"{seconds}s"} if needs_more else {}


def _spread(name: str, part: str, topology_key: str) -> TopologySpread:
    """A wish, not a demand: one GPU machine may hold every slice there is."""
    labels = {names.KSERVE_LABEL_MODEL: name, names.KSERVE_LABEL_PART: part}
    return {"maxSkew": 1, "topologyKey": topology_key, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": labels}}


def _companion(cluster: Cluster, tenant: Tenant, name: str, model: ServedModel, *, part: str, companion: Companion) -> Part:
    return {
        **_part(tenant, name, model, part=part, floor=companion.min_replicas, ceiling=companion.max_replicas),
        "containers": [
            {
                "name": "kserve-container",
                "image": companion.image,
                "resources": _resources(cluster, companion.resources),
                "securityContext": container_security(),
            }
        ],
    }


def _resources(cluster: Cluster, facts: ReplicaResources, accelerator: AcceleratorShare | None = None) -> Resources:
    """Memory's limit is its request, because a pod over its request dies first; CPU may burst to twice its request.

    Where a cluster promises its cores several times over, requests shrink and limits stay.
    """
    promised = cluster.overcommit
    cards = {accelerator.resource_name: numerals.count(accelerator.count)} if accelerator else {}
    return {
        "requests": {
            "cpu": numerals.cpu(facts.cpu / promised.cpu),
            "memory": numerals.memory(facts.memory_gib / promised.memory),
            **cards,
        },
        "limits": {"cpu": numerals.cpu(2 * facts.cpu), "memory": numerals.memory(facts.memory_gib), **cards},
    }
