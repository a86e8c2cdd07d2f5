"""Every Kubernetes name, label and host that Tidegate makes. No other module spells one.

The limits are Kubernetes': a label value and a DNS label hold at most 63 characters, a DNS name 253. KServe appends
`-predictor`, Knative a revision number and `-deployment`, and the pod template a hash; what is left for a served
model's own name is `SERVED_MODEL_NAME_MAX`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from tidegate.facts.fact import refuse

DNS_LABEL_MAX = 63
"""RFC 1123 label, also the limit of a Kubernetes label value."""

DNS_NAME_MAX = 253

TENANT_NAME_MAX = 40
"""Leaves room for `tenant-` and for role names such as `live-1-tenant-<name>-models` under IAM's 64."""

SERVED_MODEL_NAME_MAX = 34
"""63 less `-transformer` (12), the longest KServe suffix, less Knative's `-00001-deployment` (17)."""

RESERVED_NAMES = frozenset(
    {
        "argocd", "cert-manager", "default", "external-dns", "gpu-operator", "istio-ingress", "istio-system", "karpenter", "knative-serving",
        "kserve", "kube-node-lease", "kube-public", "kube-system", "monitoring", "platform", "vault",
    }
)  # fmt: skip
"""Namespaces of the platform itself; a tenant of that name could be mistaken for it."""

LABEL_TENANT = "tidegate.dev/tenant"
LABEL_SERVED_MODEL = "tidegate.dev/served-model"
LABEL_TIER = "tidegate.dev/tier"
LABEL_CLUSTER = "tidegate.dev/cluster"
LABEL_STACK = "tidegate.dev/stack"
LABEL_COMPONENT = "tidegate.dev/component"
LABEL_GPU_POOL = "tidegate.dev/gpu-pool"
LABEL_CPU_POOL = "tidegate.dev/cpu-pool"
LABEL_NODE_POOL = "tidegate.dev/node-pool"
"""On nodes of the managed group that always runs."""
LABEL_ATTACK = "tidegate.dev/attack"
"""On every pod of an attack, so that also what a killed run left is found."""
LABEL_ACCELERATOR = "tidegate.dev/accelerator"
ANNOTATION_CONFIG = "tidegate.dev/config"
"""The fingerprint of a pod's configuration, so that a change of it starts new pods."""
ANNOTATION_MODEL_SHA256 = "tidegate.dev/model-sha256"
ANNOTATION_OWNERS = "tidegate.dev/owners"
ANNOTATION_BUDGET = "tidegate.dev/budget-usd-per-month"
ANNOTATION_ROLLOUT = "tidegate.dev/rollout"
"""The strategy by which a served model is released; admission wants `canary` of regulated tenants."""
ANNOTATION_APPROVAL = "tidegate.dev/approval"
"""Who has to approve a release: `<system>/<group>/<approvers>`."""
ANNOTATION_REASON = "tidegate.dev/reason"
"""Why an admission policy is there."""
ANNOTATION_REFUSES = "tidegate.dev/refuses"
"""The anti-pattern that an admission policy refuses."""
ANNOTATION_HOLDS = "tidegate.dev/holds"  # on the Application of a tenant's models: their names, by which one that Git has lost is seen
ANNOTATION_DELETION_APPROVED = "argocd.argoproj.io/deletion-approved"
"""On an Application: the confirmation that namespaces and hot models are deleted only with; only a tombstone gives it."""

GPU_TAINT_KEY = "nvidia.com/gpu"
SPOT_TAINT_KEY = "tidegate.dev/spot"
"""Of nodes without a card that may go with two minutes' notice; the value is the pool's name."""
RESOURCE_GPU = "nvidia.com/gpu"  # a whole card, as its device plugin calls it; the taint of its nodes has the same name
HEADER_TENANT, HEADER_SUBJECT = "x-tidegate-tenant", "x-tidegate-subject"
"""The verified caller, as models see it. The edge takes away what a caller sends under these names."""

NAMESPACE_ARGOCD = "argocd"
NAMESPACE_CERT_MANAGER = "cert-manager"
NAMESPACE_EDGE = "istio-ingress"
NAMESPACE_GPU_OPERATOR = "gpu-operator"
NAMESPACE_EXTERNAL_DNS = "external-dns"
NAMESPACE_KARPENTER = "karpenter"
NAMESPACE_KNATIVE = "knative-serving"
NAMESPACE_KSERVE = "kserve"
NAMESPACE_KUBERNETES = "kube-system"
NAMESPACE_MESH = "istio-system"
NAMESPACE_MONITORING = "monitoring"
NAMESPACE_PLATFORM = "platform"
NAMESPACE_VAULT = "vault"

PLATFORM_NAMESPACES = (
    NAMESPACE_ARGOCD, NAMESPACE_CERT_MANAGER, NAMESPACE_EDGE, NAMESPACE_EXTERNAL_DNS, NAMESPACE_GPU_OPERATOR, NAMESPACE_KARPENTER,
    NAMESPACE_KNATIVE, NAMESPACE_KSERVE, NAMESPACE_KUBERNETES, NAMESPACE_MESH, NAMESPACE_MONITORING, NAMESPACE_PLATFORM, NAMESPACE_VAULT,
)  # fmt: skip
"""Where the platform's own controllers run; no tenant can have one of these, because they are in `RESERVED_NAMES`."""

CONTROLLER_ARGOCD = "argocd-application-controller"
"""The ServiceAccount that Argo CD applies objects as, where it impersonates nobody."""

CONTROLLER_KNATIVE = "controller"
"""The ServiceAccount of Knative's controllers, the one of its ingress included."""

MODEL_CATALOGUE = "model-catalogue"
"""The ConfigMap of `NAMESPACE_PLATFORM` that lists what was signed: `<sha256>: <tenant>/<model>/<version> <key id>`."""

GATEWAY_EDGE = "edge"
"""Takes callers from outside; Istio runs it as the ServiceAccount and Service `edge-istio`."""

GATEWAY_LOCAL = "knative-local"
"""Takes calls inside the mesh; Knative's cluster-local hosts lead here."""
GATEWAY_LABEL = "gateway.networking.k8s.io/gateway-name"  # of a gateway's pods and Service

PRIORITY_IDLE = "tidegate-idle"
MIG_CONFIG = "tidegate-mig-config"
TIME_SLICING_CONFIG = "tidegate-time-slicing"
PLATFORM_PROJECT = "platform"
ADD_ONS_PROJECT = "add-ons"
ROOT_APPLICATION = "root"

TAG_NODE_IMAGE_GPU, TAG_NODE_IMAGE_CPU = "tidegate.dev/promoted-for", "tidegate.dev/promoted-for-cpu"
"""On machine images: a node class takes the newest image that carries its tag."""

KSERVE_LABEL_MODEL = "serving.kserve.io/inferenceservice"
"""KServe puts it on every pod of an InferenceService."""

KSERVE_LABEL_PART = "component"
"""KServe's own name, without a prefix: predictor, transformer or explainer."""


def _refuse_reserved(name: str) -> str:
    if name in RESERVED_NAMES or name.startswith("kube-"):
        raise refuse("name-reserved", "is a name of the platform", "choose the team's or the product's name")
    return name


_DNS_LABEL = r"^[a-z]([a-z0-9-]*[a-z0-9])?$"

ClusterName = Annotated[str, StringConstraints(pattern=r"^(live|test)-[1-9][0-9]?$")]
"""Promise and number (`live-1`, `test-2`), never a purpose."""

TenantName = Annotated[str, StringConstraints(pattern=_DNS_LABEL, max_length=TENANT_NAME_MAX), AfterValidator(_refuse_reserved)]
ServedModelName = Annotated[str, StringConstraints(pattern=_DNS_LABEL, max_length=SERVED_MODEL_NAME_MAX)]
PoolName = Annotated[str, StringConstraints(pattern=_DNS_LABEL, max_length=30)]
Namespace = Annotated[str, StringConstraints(pattern=_DNS_LABEL, max_length=DNS_LABEL_MAX), AfterValidator(_refuse_reserved)]
_DNS_NAME = r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$"

Host = Annotated[str, StringConstraints(pattern=_DNS_NAME, max_length=DNS_NAME_MAX)]
"""A full DNS name: no scheme, no port, no wildcard, no trailing dot."""

Domain = Annotated[str, StringConstraints(pattern=_DNS_NAME, max_length=DNS_NAME_MAX - TENANT_NAME_MAX - 1)]
"""A DNS name that still has room for a tenant's name and a dot in front."""


def tenant_namespace(tenant: str) -> str:
    """The namespace a tenant gets unless its file says otherwise."""
    return f"tenant-{tenant}"


def release_key(tenant: str) -> str:
    """The key that a new tenant's first file says its models are signed with."""
    return f"{tenant}-release"


def tenant_host(tenant: str, cluster_domain: str) -> str:
    """The host a tenant's callers use in one cluster unless its file says otherwise."""
    return f"{tenant}.{cluster_domain}"


def priority_class(tier: str) -> str:
    """The PriorityClass of a tier."""
    return f"tidegate-{tier}"


def kubernetes_account(namespace: str, service_account: str) -> str:
    """A ServiceAccount as the API server knows it: the user name of its requests."""
    return f"system:serviceaccount:{namespace}:{service_account}"


def account_group(namespace: str) -> str:
    """The group that the API server puts every ServiceAccount of a namespace into."""
    return f"system:serviceaccounts:{namespace}"


def project(tenant: str) -> str:
    """The Argo CD AppProject of a tenant."""
    return f"tenant-{tenant}"


def serving_service_account(tenant: str) -> str:
    """The ServiceAccount a tenant's models run as. Without dots: Istio reads them as a pattern (CVE-2026-39350)."""
    return f"{tenant}-serving"


def deploy_service_account(tenant: str) -> str:
    """The ServiceAccount Argo CD impersonates for a tenant."""
    return f"{tenant}-deploy"


def gateway_workload(gateway: str) -> str:
    """The Deployment, Service and ServiceAccount that Istio makes for a Gateway of its class."""
    return f"{gateway}-istio"


def serving_runtime(runtime: str) -> str:
    """The ClusterServingRuntime of a model server."""
    return f"tidegate-{runtime}"


def pool_peers(model: str) -> str:
    """The Service that stands for every pod of a dense pool."""
    return f"{model}-peers"


def inference_part(model: str, part: str) -> str:
    """The Knative Service (or Deployment and Service) that KServe makes for a part of a served model."""
    return f"{model}-{part}"


def cluster_local_host(service: str, namespace: str) -> str:
    """The host by which the mesh knows a Service."""
    return f"{service}.{namespace}.svc.cluster.local"


def mesh_principal(namespace: str, service_account: str) -> str:
    """A ServiceAccount as Istio's certificates name it."""
    return f"cluster.local/ns/{namespace}/sa/{service_account}"


def tenant_application(tenant: str) -> str:
    """The Argo CD Application of a tenant's served models."""
    return f"tenant-{tenant}"


def guard_rails_application(tenant: str) -> str:
    """The Argo CD Application of a tenant's guard rails."""
    return f"guard-rails-{tenant}"


def component_application(component: str) -> str:
    """The Argo CD Application of one component of the platform."""
    return f"platform-{component}"


def add_on_application(add_on: str) -> str:
    """The Argo CD Application of one add-on."""
    return f"add-on-{add_on}"


def prepull(pool: str) -> str:
    """The DaemonSet that pulls model servers' images to the nodes of a GPU pool."""
    return f"prepull-{pool}"


def warm_floor(pool: str) -> str:
    """The Deployment that keeps cards of a GPU pool running."""
    return f"warm-floor-{pool}"


def node_instance_profile(cluster: str) -> str:
    """The instance profile of the nodes that Karpenter brings to a cluster, with cards or without; the stack `accelerators` makes it."""
    return f"{cluster}-gpu-node"


def node_overlay(pool: str, instance_type: str) -> str:
    """The NodeOverlay that tells Karpenter of a pool's shared cards on one machine size."""
    return f"{pool}-{instance_type.replace('.', '-')}"


def mig_config(profile: str) -> str:
    """The entry of the MIG configuration that cuts every card into `profile`."""
    return f"all-{profile}"


def time_slicing_config(replicas: int) -> str:
    """The entry of the time-slicing configuration by which `replicas` pods share a card."""
    return f"shared-by-{replicas}"


def tenant_labels(tenant: str, tier: str) -> dict[str, str]:
    """The labels every object of a tenant carries."""
    return {
        "app.kubernetes.io/managed-by": "tidegate",
        "app.kubernetes.io/part-of": tenant,
        LABEL_TENANT: tenant,
        LABEL_TIER: tier,
    }


def component_labels(component: str) -> dict[str, str]:
    """The labels every object of the platform itself carries."""
    return {
        "app.kubernetes.io/managed-by": "tidegate",
        "app.kubernetes.io/part-of": "platform",
        LABEL_COMPONENT: component,
    }


MODEL_REGISTRY_URI = "s3://tidegate-models/"
"""How tenants write the model registry, whichever region reads it; each region's bucket holds a replica."""

APPROVED_REGISTRY = "registry.example.com"
"""Where every image comes from; tenants have folders of their own in it."""

PLATFORM_IMAGES = f"{APPROVED_REGISTRY}/tidegate"
"""The platform's own mirror in it, which overwrites no tag."""
