"""The model servers of a cluster: one ClusterServingRuntime per runtime that some tenant uses there.

They are cluster-wide so that a server is upgraded in one place and tenants need no right to write runtimes. Commands
and ports follow KServe 0.20.0's own runtimes.
"""

from __future__ import annotations

from collections.abc import Iterator

from clusters import images
from clusters.custom_resources.kserve import ClusterServingRuntime, Container, EnvVar, SecurityContext
from tidegate.manifests.yaml_text import Manifest
from tidegate.model import names
from tidegate.model.platform import Platform
from tidegate.model.served_model import Runtime

COMPONENT = "runtimes"

MODEL_FORMATS = {
    Runtime.MLSERVER_SKLEARN: "sklearn",
    Runtime.MLSERVER_LIGHTGBM: "lightgbm",
    Runtime.MLSERVER_XGBOOST: "xgboost",
    Runtime.TRITON: "triton",
    Runtime.TORCHSERVE: "pytorch",
    Runtime.VLLM: "vLLM",
    Runtime.HUGGINGFACE: "huggingface",
    Runtime.NGRAM: "ngram",
}
"""KServe's name of what each server loads."""

_SERVER_TYPES = {
    Runtime.MLSERVER_SKLEARN: "mlserver",
    Runtime.MLSERVER_LIGHTGBM: "mlserver",
    Runtime.MLSERVER_XGBOOST: "mlserver",
    Runtime.TRITON: "tritonserver",
    Runtime.TORCHSERVE: "torchserve",
    Runtime.VLLM: "vllmserver",
    Runtime.HUGGINGFACE: "huggingfaceserver",
    Runtime.NGRAM: "ngramserver",
}
PROTOCOLS = {
    Runtime.MLSERVER_SKLEARN: ["v2"],
    Runtime.MLSERVER_LIGHTGBM: ["v2"],
    Runtime.MLSERVER_XGBOOST: ["v2"],
    Runtime.TRITON: ["v2", "grpc-v2"],
    Runtime.TORCHSERVE: ["v1", "v2", "grpc-v2"],
    Runtime.HUGGINGFACE: ["v2", "v1"],
}
"""What each server speaks, the preferred protocol first; vLLM and the n-gram server speak OpenAI's, which KServe has no name for."""

_METRICS_PORTS = {Runtime.TRITON: "8002", Runtime.TORCHSERVE: "8082"}
"""Where the servers publish metrics; 8080 for all others."""

_ARGUMENTS = {
    Runtime.TRITON: [
        "tritonserver", "--model-store=/mnt/models", "--http-port=8080", "--grpc-port=9000", "--allow-http=true", "--allow-grpc=true",
    ],
    Runtime.TORCHSERVE: [
        "torchserve", "--start", "--model-store=/mnt/models/model-store", "--ts-config=/mnt/models/config/config.properties",
    ],
    Runtime.VLLM: ["--port=8080", "--served-model-name={{.Name}}", "--model=/mnt/models"],
    Runtime.HUGGINGFACE: ["--model_name={{.Name}}"],
    Runtime.NGRAM: ["/mnt/models", "--model_name={{.Name}}", "--http_port=8080"],
}  # fmt: skip
_MLSERVER_ENVIRONMENT: list[EnvVar] = [
    {"name": "MLSERVER_MODEL_IMPLEMENTATION", "value": "{{.Labels.modelClass}}"},
    {"name": "MLSERVER_HTTP_PORT", "value": "8080"},
    {"name": "MLSERVER_GRPC_PORT", "value": "9000"},
    # One process and one thread per pod: replicas are the unit of scale, and worker processes cost memory each.
    {"name": "MLSERVER_PARALLEL_WORKERS", "value": "0"},
    {"name": "OMP_NUM_THREADS", "value": "1"},
    # Loads a model of a folder of models without reading the settings of all others first.
    {"name": "MLSERVER_MODEL_REPOSITORY_IMPLEMENTATION", "value": "tidegate_repository.FolderRepository"},
]
_ENVIRONMENT: dict[Runtime, list[EnvVar]] = {
    Runtime.MLSERVER_SKLEARN: _MLSERVER_ENVIRONMENT,
    Runtime.MLSERVER_LIGHTGBM: _MLSERVER_ENVIRONMENT,
    Runtime.MLSERVER_XGBOOST: _MLSERVER_ENVIRONMENT,
    Runtime.TORCHSERVE: [{"name": "TS_SERVICE_ENVELOPE", "value": "{{.Labels.serviceEnvelope}}"}],
    # Caches go to /tmp, the only place an unprivileged user may write.
    Runtime.VLLM: [{"name": "HF_HOME", "value": "/tmp"}, {"name": "VLLM_CONFIG_ROOT", "value": "/tmp"}],  # noqa: S108 - a path in the image
}
_READINESS_PATHS = {
    Runtime.MLSERVER_SKLEARN: "/v2/health/ready",
    Runtime.MLSERVER_LIGHTGBM: "/v2/health/ready",
    Runtime.MLSERVER_XGBOOST: "/v2/health/ready",
    Runtime.TRITON: "/v2/health/ready",
    Runtime.VLLM: "/v1/models",
    Runtime.NGRAM: "/v1/models",
}
_SHARED_MEMORY = {Runtime.VLLM, Runtime.HUGGINGFACE}
"""Servers whose worker processes talk through /dev/shm; the runtime's default of 64 MiB is too small for them."""


def objects(platform: Platform, cluster: str) -> Iterator[Manifest]:
    """Every runtime that a tenant of `cluster` names."""
    used = {model.runtime for tenant in platform.tenants_of(cluster) for model in tenant.models.values()}
    for runtime in sorted(used):
        yield serving_runtime(runtime)


def serving_runtime(runtime: Runtime) -> ClusterServingRuntime:
    """The ClusterServingRuntime of one model server."""
    container = _container(runtime)
    described: ClusterServingRuntime = {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ClusterServingRuntime",
        "metadata": {
            "name": names.serving_runtime(runtime),
            "labels": names.component_labels(COMPONENT),
            "annotations": {"serving.kserve.io/server-type": _SERVER_TYPES[runtime]},
        },
        "spec": {
            "annotations": {
                "prometheus.kserve.io/port": _METRICS_PORTS.get(runtime, "8080"),
                "prometheus.kserve.io/path": "/metrics",
            },
            "supportedModelFormats": [{"name": MODEL_FORMATS[runtime]}],
            "containers": [container],
        },
    }
    if protocols := PROTOCOLS.get(runtime):
        described["spec"]["protocolVersions"] = protocols
    if runtime in _SHARED_MEMORY:
        container["volumeMounts"] = [{"name": "shared-memory", "mountPath": "/dev/shm"}]  # noqa: S108 - a path in the image
        described["spec"]["volumes"] = [{"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}]
    return described


def container_security() -> SecurityContext:
    """What the `restricted` Pod Security level asks for; user 1000 because several images would run as root."""
    return {
        "allowPrivilegeEscalation": False,
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _container(runtime: Runtime) -> Container:
    container: Container = {"name": "kserve-container", "image": images.RUNTIMES[runtime]}  # pyright: ignore[reportAssignmentType] - completed below
    if runtime is Runtime.VLLM:
        container["command"] = ["python3", "-m", "vllm.entrypoints.openai.api_server"]
    if arguments := _ARGUMENTS.get(runtime):
        container["args"] = arguments
    if environment := _ENVIRONMENT.get(runtime):
        container["env"] = environment
    # Every model states its own resources; these hold for a service written by hand.
    container["resources"] = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
    if path := _READINESS_PATHS.get(runtime):
        container["readinessProbe"] = {"httpGet": {"path": path, "port": 8080}, "periodSeconds": 1 if path.startswith("/v2") else 10}
    container["securityContext"] = container_security()
    return container
