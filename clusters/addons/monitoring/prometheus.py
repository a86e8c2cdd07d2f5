"""Prometheus: our own objects in both places. Production adds the operator (`prometheus-crds`), which reads the PodMonitors.

Here its configuration says the same by annotations, because nobody reads PodMonitors without the operator: pods in the
mesh answer with their own and Envoy's metrics merged, on the one port that NetworkPolicies let through.
"""

from __future__ import annotations

import json
from typing import Literal

from clusters.addons import at_rest, documents
from clusters.addons.add_on import AddOn, UpstreamImage
from clusters.addons.documents import Document
from clusters.addons.monitoring import kept_metrics
from clusters.addons.region import AddOnRegion
from clusters.components.tenancy.monitors import SCRAPE_SECONDS
from clusters.objects.fingerprint import fingerprint
from clusters.releases import RELEASES
from tidegate.facts import names, ports

VERSION = RELEASES.release("prometheus")

RETENTION_HOURS = 6
_NAME = "prometheus"
_LABELS = {"app.kubernetes.io/name": _NAME}
"""Tenants' NetworkPolicies let this label in."""

_ARGO_CD = {"argocd-metrics": 8082, "argocd-repo-server": 8084}
_CREDENTIALS = "/var/run/secrets/kubernetes.io/serviceaccount"
_KEPT_LABELS = {
    # Prometheus writes every character of a label's name that is not a letter, digit or underscore as an underscore.
    "tenant": names.LABEL_TENANT,
    "model": names.KSERVE_LABEL_MODEL,
    "part": names.KSERVE_LABEL_PART,
    "revision": "serving.knative.dev/revision",
    "gateway": names.GATEWAY_LABEL,
    "app": "app",
}
"""A canary is distinguished by revision; tenants, models and gateways by name."""


def configuration(region: AddOnRegion) -> Document:
    """`prometheus.yml`."""
    return {
        "global": {
            "scrape_interval": f"{at_rest.PLATFORM_SCRAPE_SECONDS}s",
            "scrape_timeout": "10s",
            "external_labels": {"cluster": region.cluster.name, "region": region.cluster.region},
        },
        "scrape_configs": [{**job, "metric_relabel_configs": [kept_metrics.rule(str(job["job_name"]))]} for job in _jobs()],
    }


def _jobs() -> list[Document]:
    return [
        {"job_name": "prometheus", "static_configs": [{"targets": [f"localhost:{ports.PROMETHEUS_PORT}"]}]},
        {
            "job_name": "api-server",
            "kubernetes_sd_configs": [{"role": "endpointslice", "namespaces": {"names": ["default"]}}],
            **_by_service_account(),
            "relabel_configs": [_keep(["__meta_kubernetes_service_name", "__meta_kubernetes_endpointslice_port_name"], "kubernetes;https")],
        },
        _kubelet("kubelet", "/metrics"),
        _kubelet("cadvisor", "/metrics/cadvisor"),
        {**_pods("models", "keep"), "scrape_interval": f"{SCRAPE_SECONDS}s"},
        _pods("platform", "drop"),
        # Its series are about other objects, whose labels must win over those of the target.
        {
            "job_name": "kube-state-metrics",
            "honor_labels": True,
            "static_configs": [{"targets": [_whole_name("kube-state-metrics", names.NAMESPACE_MONITORING, 8080)]}],
        },
        {
            "job_name": "argo-cd",
            "static_configs": [{"targets": [_whole_name(service, names.NAMESPACE_ARGOCD, port) for service, port in _ARGO_CD.items()]}],
        },
    ]


def _by_service_account() -> Document:
    return {
        "scheme": "https",
        "tls_config": {"ca_file": f"{_CREDENTIALS}/ca.crt"},
        "authorization": {"credentials_file": f"{_CREDENTIALS}/token"},
    }


def _kubelet(job: str, path: str) -> Document:
    return {
        "job_name": job,
        "kubernetes_sd_configs": [{"role": "node"}],
        "metrics_path": path,
        **_by_service_account(),
        # A kubelet's own certificate is signed by itself unless somebody approves a better one.
        "tls_config": {"insecure_skip_verify": True},
        "relabel_configs": [
            _drop(["__meta_kubernetes_node_annotationpresent_kwok_x_k8s_io_node"], "true"),  # nobody answers there
            {"source_labels": ["__meta_kubernetes_node_name"], "target_label": "node"},
        ],
    }


def _whole_name(service: str, namespace: str, port: int) -> str:
    """With a final dot, so that cluster DNS is asked once and not for every search path."""
    return f"{names.cluster_local_host(service, namespace)}.:{port}"


def _pods(job: str, models: Literal["keep", "drop"]) -> Document:
    """Pods by their annotations: those that serve models, gateways included, or all others."""
    annotation = "__meta_kubernetes_pod_annotation_prometheus_io"
    kept = [{"source_labels": [_label(label)], "target_label": target} for target, label in _KEPT_LABELS.items()]
    tenant = _label(names.LABEL_TENANT)
    of_tenant: Document = {"source_labels": ["__meta_kubernetes_pod_ip", tenant], "regex": "(.+);.+"}
    return {
        "job_name": job,
        "kubernetes_sd_configs": [{"role": "pod"}],
        "relabel_configs": [
            _keep([f"{annotation}_scrape", "__meta_kubernetes_pod_phase"], "true;Running"),
            {"source_labels": [tenant, _label(_KEPT_LABELS["gateway"])], "regex": ".+;.*|.*;.+", "action": models},
            # Karpenter's KWOK provider names its nodes so; their pods have addresses where nothing listens.
            _drop(["__meta_kubernetes_pod_node_name"], "kwok-.*"),
            # A pod is one target, whatever number of ports its containers declare.
            _drop(["__meta_kubernetes_pod_container_init"], "true"),
            {"source_labels": [f"{annotation}_path"], "regex": "(.+)", "target_label": "__metrics_path__"},
            {
                "source_labels": ["__meta_kubernetes_pod_ip", f"{annotation}_port"],
                "separator": ":",
                "regex": "(.+:.+)",
                "target_label": "__address__",
            },
            # KServe's own annotations come after the sidecar's and name a port that STRICT mTLS closes.
            {**of_tenant, "target_label": "__address__", "replacement": f"$1:{ports.SIDECAR_METRICS_PORT}"},
            {**of_tenant, "target_label": "__metrics_path__", "replacement": "/stats/prometheus"},
            {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
            {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
            *kept,
        ],
    }


def _keep(labels: list[str], regex: str) -> Document:
    return {"source_labels": labels, "regex": regex, "action": "keep"}


def _drop(labels: list[str], regex: str) -> Document:
    return {"source_labels": labels, "regex": regex, "action": "drop"}


def _label(label: str) -> str:
    """A pod's label as Prometheus' discovery calls it."""
    return "__meta_kubernetes_pod_label_" + "".join(character if character.isalnum() else "_" for character in label)


def _adapt(_upstream: list[Document], region: AddOnRegion) -> list[Document]:
    labels = {**_LABELS, **names.component_labels("add-ons")}
    config = json.dumps(configuration(region), indent=2)  # JSON is YAML
    rules = [
        {"apiGroups": [""], "resources": ["nodes", "pods", "services"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
        {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
    ]
    api_group = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": _NAME, "labels": labels}},
        {"apiVersion": f"{api_group}/v1", "kind": "ClusterRole", "metadata": {"name": _NAME, "labels": labels}, "rules": rules},
        {
            "apiVersion": f"{api_group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": _NAME, "labels": labels},
            "roleRef": {"apiGroup": api_group, "kind": "ClusterRole", "name": _NAME},
            "subjects": [{"kind": "ServiceAccount", "name": _NAME, "namespace": names.NAMESPACE_MONITORING}],
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": _NAME, "labels": labels}, "data": {"prometheus.yml": config}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": _NAME, "labels": labels},
            "spec": {
                "selector": _LABELS,
                "ports": [{"name": "http", "port": ports.PROMETHEUS_PORT, "targetPort": "http"}],
                **({"clusterIP": str(address)} if (address := region.facts.prometheus_address) else {}),
            },
        },
        _deployment(region, labels, fingerprint(config)),
    ]


def _deployment(region: AddOnRegion, labels: dict[str, str], config_fingerprint: str) -> Document:
    container: Document = {
        "name": _NAME,
        "image": region.image("prometheus"),
        "imagePullPolicy": "IfNotPresent",
        "args": [
            "--config.file=/etc/prometheus/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
            f"--storage.tsdb.retention.time={RETENTION_HOURS}h",
            f"--web.listen-address=:{ports.PROMETHEUS_PORT}",
        ],
        "env": [{"name": "GOMEMLIMIT", "value": "300MiB"}],
        "ports": [{"name": "http", "containerPort": ports.PROMETHEUS_PORT}],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": "http"}, "periodSeconds": 2},
        "livenessProbe": {"httpGet": {"path": "/-/healthy", "port": "http"}, "initialDelaySeconds": 30},
        "securityContext": documents.locked_down(),
        "resources": {"requests": {"cpu": "20m", "memory": "128Mi"}},
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/prometheus", "readOnly": True},
            {"name": "data", "mountPath": "/prometheus"},
        ],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": _NAME, "labels": labels},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": _LABELS},
            "template": {
                # The fingerprint rolls the pod when its configuration changes.
                "metadata": {"labels": labels, "annotations": {names.ANNOTATION_CONFIG: config_fingerprint}},
                "spec": {
                    "serviceAccountName": _NAME,
                    "securityContext": {"fsGroup": 65534},
                    "containers": [container],
                    "volumes": [
                        {"name": "config", "configMap": {"name": _NAME}},
                        {"name": "data", "emptyDir": {"sizeLimit": "2Gi"}},
                    ],
                },
            },
        },
    }


ADD_ON = AddOn(
    name="prometheus",
    version=VERSION,
    wave=-80,
    namespace=names.NAMESPACE_MONITORING,
    production=UpstreamImage(f"quay.io/prometheus/prometheus:v{VERSION}", VERSION),
    embedded=(),
    images=("prometheus",),
    adapt=_adapt,
)
