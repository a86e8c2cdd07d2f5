"""`serving.kserve.io`: InferenceService and ClusterServingRuntime (KServe 0.20)."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from clusters.objects import LabelSelector, Metadata


class SecurityContext(TypedDict):
    """What the `restricted` Pod Security level asks of a container."""

    allowPrivilegeEscalation: bool
    runAsNonRoot: bool
    runAsUser: NotRequired[int]
    capabilities: dict[str, list[str]]
    seccompProfile: dict[str, str]


class Resources(TypedDict):
    """Quantities by resource name."""

    requests: dict[str, str]
    limits: dict[str, str]


class EnvVar(TypedDict):
    """One environment variable."""

    name: str
    value: str


class Container(TypedDict):
    """A container of a runtime, transformer or explainer."""

    name: Literal["kserve-container"]
    image: str
    command: NotRequired[list[str]]
    args: NotRequired[list[str]]
    env: NotRequired[list[EnvVar]]
    resources: Resources
    readinessProbe: NotRequired[dict[str, object]]
    securityContext: SecurityContext
    volumeMounts: NotRequired[list[dict[str, str]]]


class Toleration(TypedDict):
    """Always by value: `Exists` would tolerate every pool's taint."""

    key: str
    operator: Literal["Equal"]
    value: str
    effect: Literal["NoSchedule"]


class TopologySpread(TypedDict):
    """Spreads one part's replicas."""

    maxSkew: int
    topologyKey: str
    whenUnsatisfiable: Literal["ScheduleAnyway", "DoNotSchedule"]
    labelSelector: LabelSelector


class Placement(TypedDict):
    """Where a pod may run; empty for a CPU model."""

    nodeSelector: NotRequired[dict[str, str]]
    affinity: NotRequired[dict[str, object]]
    tolerations: NotRequired[list[Toleration]]


class Part(Placement):
    """What predictor, transformer and explainer have in common."""

    minReplicas: int
    maxReplicas: int
    scaleMetric: NotRequired[Literal["concurrency", "rps", "cpu"]]
    scaleTarget: NotRequired[int]
    serviceAccountName: str
    automountServiceAccountToken: bool
    priorityClassName: str
    topologySpreadConstraints: NotRequired[list[TopologySpread]]
    timeout: NotRequired[int]
    """Seconds; Knative mode only."""
    annotations: NotRequired[dict[str, str]]
    containers: NotRequired[list[Container]]


class ModelOptions(TypedDict):
    """What only some model servers have."""

    protocolVersion: NotRequired[str]
    env: NotRequired[list[EnvVar]]


class Model(ModelOptions):
    """`spec.predictor.model`."""

    modelFormat: dict[str, str]
    runtime: str
    storageUri: str
    resources: Resources


class Predictor(Part):
    """The part that holds the model."""

    model: Model


class Companions(TypedDict):
    """The parts beside the one that holds the model."""

    transformer: NotRequired[Part]
    explainer: NotRequired[Part]


class InferenceServiceSpec(Companions):
    """`canaryTrafficPercent` is absent on purpose (`forbid-canary-percent`): a Route of the model's own moves its users."""

    predictor: Predictor


class InferenceService(TypedDict):
    """One served model."""

    apiVersion: Literal["serving.kserve.io/v1beta1"]
    kind: Literal["InferenceService"]
    metadata: Metadata
    spec: InferenceServiceSpec


class ServingRuntimeSpec(TypedDict):
    """A model server."""

    annotations: dict[str, str]
    supportedModelFormats: list[dict[str, str]]
    protocolVersions: NotRequired[list[str]]
    containers: list[Container]
    volumes: NotRequired[list[dict[str, object]]]


class ClusterServingRuntime(TypedDict):
    """A model server that every tenant of a cluster may name."""

    apiVersion: Literal["serving.kserve.io/v1alpha1"]
    kind: Literal["ClusterServingRuntime"]
    metadata: Metadata
    spec: ServingRuntimeSpec
