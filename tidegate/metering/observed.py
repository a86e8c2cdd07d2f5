"""Nodes and pods as the API server tells of them, and what of that the meter believes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import Field

from tidegate.facts import names
from tidegate.facts.cluster import CapacityType
from tidegate.facts.nodes.node_shapes import shape_of
from tidegate.facts.platform import Platform
from tidegate.live.observed import ObjectMetadata, ReadPart
from tidegate.metering.billing.events import GPU_PREFIX, BilledNode, BilledPod
from tidegate.metering.quantities import amounts

_INSTANCE_TYPE_LABEL = "node.kubernetes.io/instance-type"
_CAPACITY_LABELS = ("karpenter.sh/capacity-type", "eks.amazonaws.com/capacityType")
"""Karpenter's nodes carry the first; those of EKS' node groups the second, in capitals."""

_FLOOR_ANNOTATION = "autoscaling.knative.dev/min-scale"
"""KServe writes a part's floor there, and Knative copies it to every pod."""

_TENANT_NAMESPACE = names.tenant_namespace("")


class _Named(ObjectMetadata):
    uid: str


class _Timed(ReadPart):
    type: str
    status: str = "Unknown"
    since: str = Field(default="", alias="lastTransitionTime")


class _NodeStatus(ReadPart):
    allocatable: dict[str, str] = Field(default_factory=dict[str, str])
    conditions: list[_Timed] = Field(default_factory=list[_Timed])


class NodeRead(ReadPart):
    """A node."""

    metadata: _Named
    status: _NodeStatus = _NodeStatus()


class _Resources(ReadPart):
    requests: dict[str, str] = Field(default_factory=dict[str, str])


class _Container(ReadPart):
    resources: _Resources = _Resources()
    restart_policy: str = Field(default="", alias="restartPolicy")


class _PodSpec(ReadPart):
    node_name: str = Field(default="", alias="nodeName")
    priority_class_name: str = Field(default="", alias="priorityClassName")
    containers: list[_Container] = Field(default_factory=list[_Container])
    init_containers: list[_Container] = Field(default_factory=list[_Container], alias="initContainers")
    overhead: dict[str, str] = Field(default_factory=dict[str, str])


class _MeteredPodStatus(ReadPart):
    phase: str = ""
    start_time: str = Field(default="", alias="startTime")
    conditions: list[_Timed] = Field(default_factory=list[_Timed])


class PodRead(ReadPart):
    """A pod."""

    metadata: _Named
    spec: _PodSpec = _PodSpec()
    status: _MeteredPodStatus = _MeteredPodStatus()


@dataclass(frozen=True, slots=True)
class Tenancy:
    """What the inventory says about namespaces and floors."""

    tenants: Mapping[str, str] = field(default_factory=dict[str, str])
    """Tenant by namespace."""
    floors: Mapping[tuple[str, str, str], int] = field(default_factory=dict[tuple[str, str, str], int])
    """By tenant, model and part."""

    def tenant_of(self, namespace: str) -> str:
        """Whose namespace it is: that of a tenant just removed is still its own. Empty for the platform's."""
        return self.tenants.get(namespace) or (namespace.removeprefix(_TENANT_NAMESPACE) if namespace.startswith(_TENANT_NAMESPACE) else "")

    def floor(self, tenant: str, model: str, part: str) -> int:
        """The floor in the tenant's file, 0 for what is not there."""
        return self.floors.get((tenant, model, part), 0)


def tenancy_of(platform: Platform) -> Tenancy:
    """Namespaces and floors of all tenants."""
    floors: dict[tuple[str, str, str], int] = {}
    for tenant in platform.tenants.values():
        for name, model in tenant.models.items():
            floors[tenant.name, name, "predictor"] = model.scaling.min_replicas
            for part, companion in (("transformer", model.transformer), ("explainer", model.explainer)):
                if companion:
                    floors[tenant.name, name, part] = companion.min_replicas
    return Tenancy({tenant.namespace_name: tenant.name for tenant in platform.tenants.values()}, floors)


def to_node(read: NodeRead) -> BilledNode:
    """A node; without the label of its instance type it has no price, and the ledger says so. `ValueError` for bad amounts."""
    labels, allocatable = read.metadata.labels, amounts(read.status.allocatable, round_up=False)
    instance_type = labels.get(_INSTANCE_TYPE_LABEL, "")
    shape = shape_of(instance_type)
    created_ms = to_ms(read.metadata.creation_timestamp)
    return BilledNode(
        uid=read.metadata.uid,
        name=read.metadata.name,
        instance_type=instance_type,
        capacity=_capacity(labels),
        created_ms=created_ms,
        ready_ms=_became_true(read.status.conditions, "Ready"),
        allocatable=allocatable,
        cards=shape.gpus if shape else allocatable.get(names.GPU_TAINT_KEY, 0),
    )


def to_pod(read: PodRead, tenancy: Tenancy) -> BilledPod:
    """A pod, with its namespace telling whose it is: labels are a tenant's to write. `ValueError` for bad amounts."""
    labels, tenant = read.metadata.labels, tenancy.tenant_of(read.metadata.namespace)
    model, part = labels.get(names.KSERVE_LABEL_MODEL, ""), labels.get(names.KSERVE_LABEL_PART, "predictor")
    bound_ms, said = _became_true(read.status.conditions, "PodScheduled"), read.metadata.annotations.get(_FLOOR_ANNOTATION, "")
    return BilledPod(
        uid=read.metadata.uid,
        name=read.metadata.name,
        namespace=read.metadata.namespace,
        node=read.spec.node_name,
        tenant=tenant,
        model=model if tenant else "",
        bound_ms=to_ms(read.status.start_time or read.metadata.creation_timestamp) if bound_ms is None else bound_ms,
        ready_ms=_became_true(read.status.conditions, "Ready"),
        finished=read.status.phase in {"Succeeded", "Failed"},
        placeholder=read.spec.priority_class_name == names.PRIORITY_IDLE and any(key.startswith(GPU_PREFIX) for key in _asked(read)),
        floor=int(said) if said.isdecimal() else tenancy.floor(tenant, model, part),
        part=part,
        requests=_asked(read),
    )


def _asked(read: PodRead) -> dict[str, int]:
    """What the scheduler reserves: all containers at once, or the hungriest moment of the start, and the runtime's overhead."""
    running: Counter[str] = Counter()
    peak: Counter[str] = Counter()
    for container in read.spec.init_containers:
        own = Counter(amounts(container.resources.requests, round_up=True))
        if container.restart_policy == "Always":
            running += own
            peak |= running
        else:
            peak |= running + own
    for container in read.spec.containers:
        running += Counter(amounts(container.resources.requests, round_up=True))
    return dict((running | peak) + Counter(amounts(read.spec.overhead, round_up=True)))


def _capacity(labels: Mapping[str, str]) -> CapacityType:
    said = next((labels[label] for label in _CAPACITY_LABELS if label in labels), "").lower().replace("_", "-")
    return next((capacity for capacity in CapacityType if capacity == said), CapacityType.ON_DEMAND)


def _became_true(conditions: Sequence[_Timed], kind: str) -> int | None:
    return next((to_ms(one.since) for one in conditions if one.type == kind and one.status == "True" and one.since), None)


def to_ms(timestamp: str) -> int:
    """Milliseconds since 1970 of a time as Kubernetes writes it. Raises `ValueError` when it is none."""
    return round(datetime.fromisoformat(timestamp).timestamp() * 1000)
