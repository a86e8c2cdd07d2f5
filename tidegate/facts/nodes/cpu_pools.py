"""Nodes without a card: the few that always run, and those that come when they are needed."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tidegate.facts.fact import Fact, refuse
from tidegate.facts.nodes.accelerators import Architecture
from tidegate.facts.nodes.node_shapes import CPU_SHAPES, InstanceType


class SystemPool(Fact):
    """The small managed node group for the platform's own pods; it never scales to zero."""

    instance_types: Annotated[tuple[InstanceType, ...], Field(min_length=1)]
    min_nodes: Annotated[int, Field(ge=2, le=20)]
    max_nodes: Annotated[int, Field(ge=2, le=20)]

    @model_validator(mode="after")
    def _machines_run_our_images(self) -> Self:
        _refuse_arm64(self.instance_types, "build every image of the platform for both first")
        return self

    @model_validator(mode="after")
    def _min_below_max(self) -> Self:
        if self.min_nodes > self.max_nodes:
            raise refuse(
                "system-pool-min-above-max",
                f"is above max_nodes, {self.max_nodes}",
                "raise max_nodes",
                at="min_nodes",
                value=self.min_nodes,
            )
        return self


class CpuPool(Fact):
    """Nodes without a card for models and for the platform's own pods, from zero. It becomes a Karpenter NodePool.

    The system pool takes only what declares itself critical, so a cluster that serves CPU models needs one of these on demand.
    """

    instance_types: Annotated[tuple[InstanceType, ...], Field(min_length=1)]
    max_cpu: Annotated[int, Field(ge=4, le=10_000)]
    """The most cores the pool may hold at once."""
    capacity: Literal["on-demand", "spot"] = "on-demand"
    """How its nodes are paid for. Everybody shares those on demand; those on spot have a taint, which only models with `capacity: spot`
    tolerate."""
    arm64_images: bool = False
    """Whether every image that may run here is built for arm64, too: only then may the pool name Graviton machines. Of our images none is
    known to be: the embedded regions build them for amd64, and the mirror's have not been looked at."""

    @model_validator(mode="after")
    def _machines_are_known(self) -> Self:
        for index, instance_type in enumerate(self.instance_types):
            if instance_type not in CPU_SHAPES:
                known = ", ".join(sorted(CPU_SHAPES))
                raise refuse(
                    "cpu-pool-instance-type",
                    "is not in the table of machines without a card",
                    f"use one of {known}",
                    at=f"instance_types[{index}]",
                    value=instance_type,
                )
        if not self.arm64_images:
            _refuse_arm64(self.instance_types, "set arm64_images: true once every image is built for both")
        smallest = min(CPU_SHAPES[instance_type].vcpus for instance_type in self.instance_types)
        if smallest > self.max_cpu:
            raise refuse(
                "cpu-pool-limit-below-machine",
                f"one machine already has {smallest} cores",
                f"raise it to {smallest}",
                at="max_cpu",
                value=self.max_cpu,
            )
        return self


def _refuse_arm64(instance_types: tuple[InstanceType, ...], otherwise: str) -> None:
    for index, instance_type in enumerate(instance_types):
        shape = CPU_SHAPES.get(instance_type)
        if shape and shape.architecture is Architecture.ARM64:
            raise refuse(
                "pool-architecture",
                "is an arm64 machine, and images of this pool are not known to be built for it",
                f"use an amd64 machine, or {otherwise}",
                at=f"instance_types[{index}]",
                value=instance_type,
            )
