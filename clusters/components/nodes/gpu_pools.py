"""Tainted GPU nodes from zero: a Karpenter NodePool per pool, over real machines or over KWOK's.

Both variants come from one function and differ in the node class only, so that what is tried on KWOK is what runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from clusters.objects.karpenter import Ec2NodeClass, KwokNodeClass, NodeClassRef, NodeOverlay, NodePool, NodeSpec, Requirement, Taint
from clusters.objects.placement import CAPACITY_TYPE_LABEL, resource_name
from tidegate.facts import names, numerals
from tidegate.facts.cluster import CapacityType, Cluster, GpuPool, MigSharing, TimeSlicing
from tidegate.facts.nodes.accelerators import AcceleratorShare, instance_shapes
from tidegate.facts.nodes.node_shapes import VOLUME_GIB, shape_of
from tidegate.manifests.yaml_text import Manifest

COMPONENT = "gpu-pools"
KWOK_COMPONENT = "gpu-pools-kwok"

IDLE_SECONDS = 300
"""How long a node without pods is kept: about what a new one takes to come up with its images."""

EXPIRE_HOURS = 336
"""Nodes are renewed every two weeks (Karpenter's default is 30 days), so that a patched image reaches every GPU."""

DRAIN_SECONDS = 600
"""The longest a pod may hold up its node's end; above any model's request time-out (`Slo.p99_ms`)."""

INSTANCE_TYPE_LABEL = "node.kubernetes.io/instance-type"
_NODE_CLASS = "gpu"


def objects(cluster: Cluster, *, kwok: bool) -> Iterator[Manifest]:
    """NodePools, the overlays of shared cards and the node class; nothing for a cluster without GPU pools."""
    if not cluster.gpu_pools:
        return
    yield _kwok_node_class() if kwok else ec2_node_class(cluster, _NODE_CLASS, names.TAG_NODE_IMAGE_GPU, COMPONENT)
    node_class: NodeClassRef = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": _NODE_CLASS}
    if kwok:
        node_class = {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": _NODE_CLASS}
    for name, pool in sorted(cluster.gpu_pools.items()):
        yield _node_pool(name, pool, node_class)
        for instance_type in sorted(pool.instance_types) if pool.sharing else ():
            yield _overlay(name, pool, instance_type)


def _node_pool(name: str, pool: GpuPool, node_class: NodeClassRef) -> NodePool:
    return node_pool(
        COMPONENT, name, node_class,
        labels={names.LABEL_GPU_POOL: name, names.LABEL_ACCELERATOR: pool.accelerator.value, **_sharing_label(pool)},
        taints=[{"key": names.GPU_TAINT_KEY, "value": name, "effect": "NoSchedule"}],
        instance_types=pool.instance_types, capacity_types=pool.capacity_types, limits=_limits(pool),
    )  # fmt: skip


def node_pool(
    component: str, name: str, node_class: NodeClassRef, *, labels: dict[str, str], taints: list[Taint], instance_types: Sequence[str],
    capacity_types: Sequence[CapacityType], limits: dict[str, str],
) -> NodePool:  # fmt: skip
    """Nodes of these types from zero, which end when they are empty, and otherwise after two weeks."""
    architectures = sorted({shape.architecture.value for name in instance_types if (shape := shape_of(name))})
    spec: NodeSpec = {
        "nodeClassRef": node_class,
        "taints": taints,
        "requirements": [
            requirement("kubernetes.io/arch", *architectures),
            requirement("kubernetes.io/os", "linux"),
            requirement(INSTANCE_TYPE_LABEL, *instance_types),
            requirement(CAPACITY_TYPE_LABEL, *(capacity.value for capacity in capacity_types)),
        ],
        "expireAfter": f"{EXPIRE_HOURS}h",
        "terminationGracePeriod": f"{DRAIN_SECONDS}s",
    }
    if not taints:
        del spec["taints"]
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": name, "labels": names.component_labels(component)},
        "spec": {
            "template": {"metadata": {"labels": labels}, "spec": spec},
            "limits": limits,
            "disruption": {
                # Moving a served model to pack nodes more tightly would cost a cold start, so only empty nodes go.
                "consolidationPolicy": "WhenEmpty",
                "consolidateAfter": f"{IDLE_SECONDS}s",
                "budgets": [{"nodes": "1"}],
            },
        },
    }


def _limits(pool: GpuPool) -> dict[str, str]:
    """In cards, and in shares where cards are shared: a node whose device plugin runs reports shares and no card any more."""
    shares = pool.max_gpus * shares_per_card(pool)
    return {names.RESOURCE_GPU: numerals.count(pool.max_gpus), resource_name(pool): numerals.count(shares)}


def requirement(key: str, *values: str) -> Requirement:
    """A node label and its allowed values."""
    return {"key": key, "operator": "In", "values": list(values)}


def _sharing_label(pool: GpuPool) -> Mapping[str, str]:
    """How the GPU Operator is to cut or share the node's cards."""
    match pool.sharing:
        case MigSharing(profile=profile):
            return {"nvidia.com/mig.config": names.mig_config(profile)}
        case TimeSlicing(replicas=replicas):
            return {"nvidia.com/device-plugin.config": names.time_slicing_config(replicas)}
        case None:
            return {}


def shares_per_card(pool: GpuPool) -> int:
    """How many pods one card of the pool can hold."""
    match pool.sharing:
        case MigSharing():
            return round(1 / AcceleratorShare(accelerator=pool.accelerator, share=pool.share).cards)
        case TimeSlicing(replicas=replicas):
            return replicas
        case None:
            return 1


def _overlay(name: str, pool: GpuPool, instance_type: str) -> NodeOverlay:
    """Slices are no property of the machine, so Karpenter would never bring a node for a pod that asks for one.

    Needs Karpenter's feature gate NodeOverlay (alpha in 1.14).
    """
    cards = instance_shapes(pool.accelerator)[instance_type].gpus
    return {
        "apiVersion": "karpenter.sh/v1alpha1",
        "kind": "NodeOverlay",
        "metadata": {"name": names.node_overlay(name, instance_type), "labels": names.component_labels(COMPONENT)},
        "spec": {
            "requirements": [requirement("karpenter.sh/nodepool", name), requirement(INSTANCE_TYPE_LABEL, instance_type)],
            "capacity": {resource_name(pool): numerals.count(cards * shares_per_card(pool))},
        },
    }


def ec2_node_class(cluster: Cluster, name: str, image_tag: str, component: str) -> Ec2NodeClass:
    """The image is the account's own AL2023 image promoted for this Kubernetes minor, found by `image_tag`.

    So kernel and driver change when somebody promotes an image, not when AWS releases one. GPU nodes have the NVIDIA variant.
    """
    discovery = [{"tags": {"karpenter.sh/discovery": cluster.name}}]
    return {
        "apiVersion": "karpenter.k8s.aws/v1",
        "kind": "EC2NodeClass",
        "metadata": {"name": name, "labels": names.component_labels(component)},
        "spec": {
            "amiFamily": "AL2023",
            "amiSelectorTerms": [{"owner": "self", "tags": {image_tag: cluster.kubernetes_version}}],
            "instanceProfile": names.node_instance_profile(cluster.name),
            "subnetSelectorTerms": discovery,
            "securityGroupSelectorTerms": discovery,
            **({"capacityReservationSelectorTerms": discovery} if _has_reserved(cluster) else {}),
            "blockDeviceMappings": [
                {
                    "deviceName": "/dev/xvda",
                    "ebs": {"volumeSize": f"{VOLUME_GIB}Gi", "volumeType": "gp3", "encrypted": True, "deleteOnTermination": True},
                }
            ],
            # Version 2 tokens and one hop: a pod cannot fetch the node's credentials.
            "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1},
            "tags": {names.LABEL_CLUSTER: cluster.name},
        },
    }


def _has_reserved(cluster: Cluster) -> bool:
    return any(CapacityType.RESERVED in pool.capacity_types for pool in cluster.gpu_pools.values())


def _kwok_node_class() -> KwokNodeClass:
    return {
        "apiVersion": "karpenter.kwok.sh/v1alpha1",
        "kind": "KWOKNodeClass",
        "metadata": {"name": _NODE_CLASS, "labels": names.component_labels(COMPONENT)},
        "spec": {"nodeRegistrationDelay": "0s"},
    }
