"""What pods can have of a machine: its published size less what the node itself keeps.

GPU machines are in `tidegate.facts.nodes.accelerators`; these are the others. Sizes are AWS's published ones, seen on 2026-11-29;
prices are in `clusters/prices`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import StringConstraints

from tidegate.facts import names
from tidegate.facts.nodes.accelerators import Accelerator, Architecture, InstanceShape, instance_shapes

InstanceType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,15}\.[a-z0-9-]{1,15}$")]
"""AWS' name of a machine's kind and size, such as `m7i.xlarge`."""

CPU_SHAPES: Mapping[str, InstanceShape] = {
    "c7i.xlarge": InstanceShape(4, 8),
    "c7i.2xlarge": InstanceShape(8, 16),
    "c7i.4xlarge": InstanceShape(16, 32),
    "m6i.large": InstanceShape(2, 8),
    "m6i.xlarge": InstanceShape(4, 16),
    "m6i.2xlarge": InstanceShape(8, 32),
    "m6i.4xlarge": InstanceShape(16, 64),
    "m7i.large": InstanceShape(2, 8),
    "m7i.xlarge": InstanceShape(4, 16),
    "m7i.2xlarge": InstanceShape(8, 32),
    "m7i.4xlarge": InstanceShape(16, 64),
    # Graviton: for pools all of whose images are built for it (`CpuPool.arm64_images`).
    "c8g.xlarge": InstanceShape(4, 8, architecture=Architecture.ARM64),
    "c8g.2xlarge": InstanceShape(8, 16, architecture=Architecture.ARM64),
    "c8g.4xlarge": InstanceShape(16, 32, architecture=Architecture.ARM64),
    "m8g.large": InstanceShape(2, 8, architecture=Architecture.ARM64),
    "m8g.xlarge": InstanceShape(4, 16, architecture=Architecture.ARM64),
    "m8g.2xlarge": InstanceShape(8, 32, architecture=Architecture.ARM64),
    "m8g.4xlarge": InstanceShape(16, 64, architecture=Architecture.ARM64),
}
"""Machines without a card, by instance type."""

VOLUME_GIB = 200
"""The root volume of every node that Karpenter brings: holds two of the largest server images (about 25 GiB unpacked) and the
weights of the pods beside them."""

AGENTS: tuple[Mapping[str, int], ...] = (
    {"cpu": 50},
    {"cpu": 100},
    {"cpu": 30, "memory": 120 * 1024**2},
    {"cpu": 10},
    {"cpu": 100, "memory": 100 * 1024**2},
)
"""What every node runs beside the rendered DaemonSets, in thousandths of a core and bytes, by the charts' own default requests as seen on
2026-11-21: EKS' VPC CNI, kube-proxy, EBS driver and Pod Identity agent, and Istio's CNI plugin. The GPU Operator's agents ask for nothing."""

_VM_OVERHEAD = 0.075
"""The share of a machine's memory that its hypervisor and kernel take: what Karpenter's AWS provider assumes by default."""

_MIB = 1024**2
_GIB = 1024**3


def shape_of(instance_type: str) -> InstanceShape | None:
    """The size of a machine; None when no table has it."""
    for accelerator in Accelerator:
        if shape := instance_shapes(accelerator).get(instance_type):
            return shape
    return CPU_SHAPES.get(instance_type)


def known_instance_types() -> list[str]:
    """Every machine of the tables, by name."""
    return sorted({*CPU_SHAPES, *(name for accelerator in Accelerator for name in instance_shapes(accelerator))})


def allocatable(shape: InstanceShape) -> dict[str, int]:
    """What pods may ask for: thousandths of a core, bytes, pods and cards.

    EKS' own rules (its AMI's kubelet settings): 110 pods below 30 vCPUs and 250 from there on, memory for each of them, a share
    of the cores that falls with their number, and 100 MiB at which the kubelet evicts.
    """
    pods = 110 if shape.vcpus < 30 else 250
    memory = round(shape.memory_gib * _GIB * (1 - _VM_OVERHEAD)) - (255 + 11 * pods + 100) * _MIB
    found = {
        "cpu": shape.vcpus * 1000 - _reserved_millicores(shape.vcpus),
        "memory": memory,
        # The kubelet keeps a gibibyte, and evicts at a tenth.
        "ephemeral-storage": round(VOLUME_GIB * _GIB * 0.9) - _GIB,
        "pods": pods,
    }
    return {**found, names.RESOURCE_GPU: shape.gpus} if shape.gpus else found


def room(shape: InstanceShape) -> dict[str, int]:
    """The cores (thousandths) and bytes of memory that a machine leaves to pods beside the agents on every node."""
    left = allocatable(shape)
    return {name: left[name] - sum(agent.get(name, 0) for agent in AGENTS) for name in ("cpu", "memory")}


def _reserved_millicores(vcpus: int) -> int:
    """6 % of the first core, 1 % of the second, 0.5 % of the next two and 0.25 % of all others."""
    shares = (60, 10, 5, 5)
    return round(sum(shares[:vcpus]) + max(vcpus - len(shares), 0) * 2.5)
