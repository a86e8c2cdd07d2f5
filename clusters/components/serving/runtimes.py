"""The model servers of a cluster: one ClusterServingRuntime per runtime that some tenant uses there.

They are cluster-wide so that a server is upgraded in one place and tenants need no right to write runtimes. Commands
and ports follow KServe's own runtimes.
"""

from __future__ import annotations

from collections.abc import Iterator

from clusters.components.serving import images
from clusters.objects.kserve import ClusterServingRuntime, Container, EnvVar, SecurityContext
from tidegate.facts import names, ports
from tidegate.facts.models.protocols import PROTOCOLS
from tidegate.facts.models.served_model import MLSERVER, Runtime
from tidegate.facts.platform import Platform
from tidegate.manifests.yaml_text import Manifest

COMPONENT = "runtimes"

DENSE_POOL = "dense-pool"
"""The runtime of every dense pool, whichever of MLServer's implementations its catalogue names."""

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
_METRICS_PORTS = {Runtime.TRITON: ports.TRITON_METRICS_PORT, Runtime.TORCHSERVE: ports.TORCHSERVE_METRICS_PORT}
"""Where servers publish metrics that do not with their answers."""

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
    {"name": "MLSERVER_DEBUG", "value": "false"},  # otherwise callers are sent the traceback of whatever failed
    # One process and one thread per pod: replicas are the unit of scale, and worker processes cost memory each.
    {"name": "MLSERVER_PARALLEL_WORKERS", "value": "0"},
    {"name": "OMP_NUM_THREADS", "value": "1"},
]
_ENVIRONMENT: dict[Runtime, list[EnvVar]] = {
    Runtime.MLSERVER_SKLEARN: _MLSERVER_ENVIRONMENT,
    Runtime.MLSERVER_LIGHTGBM: _MLSERVER_ENVIRONMENT,
    Runtime.MLSERVER_XGBOOST: _MLSERVER_ENVIRONMENT,
    Runtime.TORCHSERVE: [{"name": "TS_SERVICE_ENVELOPE", "value": "{{.Labels.serviceEnvelope}}"}],
    # Caches go to /tmp, the only place an unprivileged user may write.
    Runtime.VLLM: [{"name": "HF_HOME", "value": "/tmp"}, {"name": "VLLM_CONFIG_ROOT", "value": "/tmp"}],  # noqa: S108 - a path in the image
}
_POOL_ENVIRONMENT: list[EnvVar] = [
    {"name": "MLSERVER_DEBUG", "value": "false"},  # otherwise each pod logs every look of every other
    {"name": "MLSERVER_HOST", "value": "0.0.0.0"},  # noqa: S104 - behind the sidecar
    {"name": "MLSERVER_HTTP_PORT", "value": str(ports.POOL_PORT)},
    {"name": "MLSERVER_METRICS_PORT", "value": "8082"},
    {"name": "OMP_NUM_THREADS", "value": "1"},
]
_READINESS_PATHS = {
    # Of the model itself, which KServe puts its name into: a server without it is ready for nobody, and says that it is well.
    Runtime.MLSERVER_SKLEARN: "/v2/models/{{.Name}}/ready",
    Runtime.MLSERVER_LIGHTGBM: "/v2/models/{{.Name}}/ready",
    Runtime.MLSERVER_XGBOOST: "/v2/models/{{.Name}}/ready",
    Runtime.TRITON: "/v2/models/{{.Name}}/ready",
    Runtime.VLLM: "/v1/models",
    Runtime.NGRAM: "/v1/models",
}
_SILENT_SECONDS = 30
"""A server that answers no readiness probe for so long gets no more callers.

Kubernetes' own limit is three probes. With a probe a second, a stall of three seconds took the only pod of a model away from its
callers, who would rather have waited: 503 "no healthy upstream" in a test on a busy machine. A server that ended is out at once.
"""
_SHARED_MEMORY = {Runtime.VLLM, Runtime.HUGGINGFACE}
"""Servers whose worker processes talk through /dev/shm; the runtime's default of 64 MiB is too small for them."""


VAULT_TOKEN = "vault-token"  # noqa: S105 - the name of a volume
"""The pod's identity towards Vault, for the init container that fetches the model (clusters/addons/kserve.py mounts it there)."""

_FOR_VAULT: dict[str, object] = {
    "name": VAULT_TOKEN,
    "projected": {"sources": [{"serviceAccountToken": {"audience": "vault", "expirationSeconds": 600, "path": "token"}}]},
}
_NOTHING_OF_IT: dict[str, str] = {"name": VAULT_TOKEN, "mountPath": "/var/empty", "subPath": "nothing"}
"""Knative refuses a volume that no container of the server's mounts. This folder of it is empty: the server gets no token."""


def objects(platform: Platform, cluster: str) -> Iterator[Manifest]:
    """Every runtime that a tenant of `cluster` names."""
    models = [model for tenant in platform.tenants_of(cluster) for model in tenant.models.values()]
    for runtime in sorted({model.runtime for model in models if not model.dense_pool}):
        yield serving_runtime(runtime)
    if any(model.dense_pool for model in models):
        yield pool_runtime()


def serving_runtime(runtime: Runtime) -> ClusterServingRuntime:
    """The ClusterServingRuntime of one model server."""
    container, mounts, volumes = _container(runtime), [_NOTHING_OF_IT], [_FOR_VAULT]
    if runtime in _SHARED_MEMORY:
        mounts.append({"name": "shared-memory", "mountPath": "/dev/shm"})  # noqa: S108 - a path in the image
        volumes.append({"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}})
    container["volumeMounts"] = mounts
    formats, port = [MODEL_FORMATS[runtime]], str(_METRICS_PORTS.get(runtime, ports.MODEL_PORT))
    described = _described(runtime, _SERVER_TYPES[runtime], port, formats, container)
    if protocols := PROTOCOLS.get(runtime):
        described["spec"]["protocolVersions"] = list(protocols)
    described["spec"]["volumes"] = volumes
    return described


def pool_runtime() -> ClusterServingRuntime:
    """The ClusterServingRuntime of dense pools."""
    container = _server(images.DENSE_POOL, _POOL_ENVIRONMENT, "/router/ready")
    container["volumeMounts"] = [_NOTHING_OF_IT]
    formats = [MODEL_FORMATS[runtime] for runtime in sorted(MLSERVER)]
    described = _described(DENSE_POOL, "mlserver", "8082", formats, container)
    described["spec"]["protocolVersions"], described["spec"]["volumes"] = ["v2"], [_FOR_VAULT]
    return described


def _described(runtime: str, server_type: str, metrics_port: str, formats: list[str], container: Container) -> ClusterServingRuntime:
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ClusterServingRuntime",
        "metadata": {
            "name": names.serving_runtime(runtime),
            "labels": names.component_labels(COMPONENT),
            "annotations": {"serving.kserve.io/server-type": server_type},
        },
        "spec": {
            "annotations": {"prometheus.kserve.io/port": metrics_port, "prometheus.kserve.io/path": "/metrics"},
            "supportedModelFormats": [{"name": name} for name in formats],
            "containers": [container],
        },
    }


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
    container = _server(images.RUNTIMES[runtime], _ENVIRONMENT.get(runtime, []), _READINESS_PATHS.get(runtime, ""))
    if runtime is Runtime.VLLM:
        container["command"] = ["python3", "-m", "vllm.entrypoints.openai.api_server"]
    if arguments := _ARGUMENTS.get(runtime):
        container["args"] = arguments
    return container


def _server(image: str, environment: list[EnvVar], ready_path: str) -> Container:
    container: Container = {"name": "kserve-container", "image": image}  # pyright: ignore[reportAssignmentType] - completed below
    if environment:
        container["env"] = environment
    # Every model states its own resources; these hold for a service written by hand.
    container["resources"] = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
    if ready_path:
        period = 10 if ready_path.startswith("/v1") else 1
        container["readinessProbe"] = {
            "httpGet": {"path": ready_path, "port": ports.MODEL_PORT}, "periodSeconds": period, "failureThreshold": _SILENT_SECONDS // period,
        }  # fmt: skip
    container["securityContext"] = container_security()
    return container
