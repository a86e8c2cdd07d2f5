"""Where tenants' models, gateways and the activator are in one region, read from its API server at the moment of the attack."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from tidegate.attack.attacked_region import AttackedRegion
from tidegate.errors import MachineError
from tidegate.facts import names
from tidegate.facts.platform import Platform
from tidegate.facts.tenant import Tenant
from tidegate.live.kubernetes import Kubernetes
from tidegate.live.observation import Look, look
from tidegate.live.observed import Observed, ReadPart
from tidegate.live.observed_pods import KNATIVE_LABEL_REVISION
from tidegate.live.states import is_executed


class _ServiceSpec(ReadPart):
    cluster_ip: str = Field(default="", alias="clusterIP")


class _Service(Observed):
    RESOURCE, KIND = "services", "Service"

    spec: _ServiceSpec = _ServiceSpec()


class _Address(ReadPart):
    ip: str = ""


class _Subset(ReadPart):
    addresses: list[_Address] = Field(default_factory=list[_Address])


class _Endpoints(Observed):
    RESOURCE, KIND = "endpoints", "Endpoints"

    subsets: list[_Subset] = Field(default_factory=list[_Subset])

    @property
    def addresses(self) -> set[str]:
        return {address.ip for subset in self.subsets for address in subset.addresses}


class _PodStatus(ReadPart):
    pod_ip: str = Field(default="", alias="podIP")
    phase: str = ""


class _Pod(Observed):
    RESOURCE, KIND = "pods", "Pod"

    status: _PodStatus = _PodStatus()


class _KnativeStatus(ReadPart):
    revision: str = Field(default="", alias="latestReadyRevisionName")


class _KnativeService(Observed):
    RESOURCE, KIND = "services.serving.knative.dev", "Service"

    status: _KnativeStatus = _KnativeStatus()


@dataclass(frozen=True, slots=True)
class AttackTarget:
    """The entry of a tenant's model. `direct` says whether its revision's Service leads to pods, or to the activator."""

    tenant: Tenant
    model: str
    service: str
    revision: str
    pods: tuple[str, ...]
    """Addresses of those that run."""
    revision_ip: str
    private_ip: str
    direct: bool
    path: str
    body: str

    @property
    def may_sleep(self) -> bool:
        """Whether it may have no pods when nobody calls."""
        return self.tenant.models[self.model].scaling.min_replicas == 0

    @property
    def host(self) -> str:
        """The name that callers inside the mesh use."""
        return names.cluster_local_host(self.service, self.tenant.namespace_name)

    @property
    def revision_host(self) -> str:
        """The name of its revision."""
        return names.cluster_local_host(self.revision, self.tenant.namespace_name)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another region, as pods of this one see it."""

    region: str
    node: str


@dataclass(frozen=True, slots=True)
class Places:
    """One region's addresses."""

    region: str
    node: str
    api: str
    edge: str
    local_gateway: str
    activator: str
    istiod: str
    autoscaler: str
    image: str
    targets: tuple[AttackTarget, ...]
    elsewhere: tuple[Elsewhere, ...]


def read_places(platform: Platform, attacked: AttackedRegion, cluster: Kubernetes, others: Sequence[AttackedRegion]) -> Places:
    """The region as it is now. Raises `MachineError` naming what is not there yet."""
    seen = look(cluster, [_Service, _Endpoints, _Pod])
    knative = look(cluster, [_KnativeService])
    activators = [pod for pod in _pods(seen, names.NAMESPACE_KNATIVE) if pod.metadata.labels.get("app") == "activator"]
    if not activators:
        raise MachineError(f"{attacked.name} has no running activator; `tidegate status` tells what it waits for")
    activator = activators[0].status.pod_ip
    targets: list[AttackTarget] = []
    for tenant in platform.tenants_of(attacked.name):
        model = next((name for name, one in sorted(tenant.models.items()) if is_executed(one)), None)
        if model is not None:
            targets.append(_target(seen, knative, tenant, model, activator=activator, attacked=attacked))
    return Places(
        region=attacked.name,
        node=attacked.node,
        api=attacked.api,
        edge=_cluster_ip(seen, names.NAMESPACE_EDGE, names.gateway_workload(names.GATEWAY_EDGE)),
        local_gateway=_cluster_ip(seen, names.NAMESPACE_EDGE, names.gateway_workload(names.GATEWAY_LOCAL)),
        activator=activator,
        istiod=_cluster_ip(seen, names.NAMESPACE_MESH, "istiod"),
        autoscaler=_cluster_ip(seen, names.NAMESPACE_KNATIVE, "autoscaler"),
        image=_image(cluster),
        targets=tuple(targets),
        elsewhere=tuple(Elsewhere(one.name, one.node) for one in others),
    )


def pods_of(cluster: Kubernetes, tenant: Tenant, service: str) -> list[str]:
    """Names of the pods of a Knative service that exist, those on their way out too."""
    seen = look(cluster, [_Pod], f"--namespace={tenant.namespace_name}", f"--selector=serving.knative.dev/service={service}")
    return [pod.metadata.name for pod in seen.of(_Pod)]


def living_addresses(cluster: Kubernetes) -> dict[str, tuple[str, str]]:
    """Addresses of all running pods, each with namespace and name."""
    seen = look(cluster, [_Pod])
    return {pod.status.pod_ip: (pod.metadata.namespace, pod.metadata.name) for pod in seen.of(_Pod) if not pod.is_leaving}


def _pods(seen: Look, namespace: str) -> list[_Pod]:
    return [
        pod
        for pod in seen.of(_Pod)
        if pod.metadata.namespace == namespace and pod.status.phase == "Running" and pod.status.pod_ip and not pod.is_leaving
    ]


def _target(seen: Look, knative: Look, tenant: Tenant, name: str, *, activator: str, attacked: AttackedRegion) -> AttackTarget:
    model, namespace = tenant.models[name], tenant.namespace_name
    service = names.inference_part(name, "transformer" if model.transformer else "predictor")
    found = next((one for one in knative.of(_KnativeService) if (one.metadata.namespace, one.metadata.name) == (namespace, service)), None)
    if found is None or not found.status.revision:
        raise MachineError(f"{tenant.name}/{name} has no ready revision; `tidegate model explain {tenant.name}/{name}`")
    revision = found.status.revision
    pods = [pod for pod in _pods(seen, namespace) if pod.metadata.labels.get(KNATIVE_LABEL_REVISION) == revision]
    endpoints = next(
        (one for one in seen.of(_Endpoints) if (one.metadata.namespace, one.metadata.name) == (namespace, revision)), None
    )  # fmt: skip
    request = attacked.request_for(tenant, name)
    return AttackTarget(
        tenant=tenant, model=name, service=service, revision=revision, pods=tuple(pod.status.pod_ip for pod in pods),
        revision_ip=_cluster_ip(seen, namespace, revision),
        private_ip=_cluster_ip(seen, namespace, f"{revision}-private"), direct=endpoints is not None and activator not in endpoints.addresses,
        path=request.path, body=request.body,
    )  # fmt: skip


def _cluster_ip(seen: Look, namespace: str, name: str) -> str:
    found = next((one for one in seen.of(_Service) if (one.metadata.namespace, one.metadata.name) == (namespace, name)), None)
    if found is None:
        raise MachineError(f"there is no Service {namespace}/{name}; `tidegate status` tells what the region waits for")
    return found.spec.cluster_ip


def _image(cluster: Kubernetes) -> str:
    """An image of ours with Python that every node has: KServe's storage initializer."""
    printed = cluster.run(
        "get", "configmap", "inferenceservice-config", "--namespace=kserve", "--output=jsonpath={.data.storageInitializer}"
    )
    return str(json.loads(printed)["image"])


def find_target(targets: Sequence[AttackTarget], tenant: str) -> AttackTarget:
    """The target of a tenant."""
    return next(one for one in targets if one.tenant.name == tenant)
