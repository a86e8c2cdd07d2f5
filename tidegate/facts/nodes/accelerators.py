"""GPU kinds, how they can be shared, and the machines that carry them.

Shapes are AWS's published instance sizes. Prices are planning figures in US dollars for one hour on demand in
us-east-1, as published on 2025-06-15; they are there so that a pull request shows a difference, not to match a bill.
Replace them by your own contract's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from tidegate.facts import names
from tidegate.facts.fact import Cpu, Fact, MemoryGib


class Accelerator(StrEnum):
    """A GPU model; the value is also the node label's value."""

    L4 = "nvidia-l4"
    A10G = "nvidia-a10g"
    A100_40GB = "nvidia-a100-40gb"
    H100_80GB = "nvidia-h100-80gb"

    @property
    def mig_profiles(self) -> tuple[str, ...]:
        """Slices the card can be cut into evenly (NVIDIA MIG user guide); empty where MIG does not exist."""
        return _MIG_PROFILES.get(self, ())

    @property
    def memory_gib(self) -> int:
        """The memory of one card in GiB, as NVIDIA's data sheets name it."""
        return _MEMORY_GIB[self]


_MEMORY_GIB = {Accelerator.L4: 24, Accelerator.A10G: 24, Accelerator.A100_40GB: 40, Accelerator.H100_80GB: 80}

_MIG_PROFILES = {
    Accelerator.A100_40GB: ("1g.5gb", "2g.10gb", "3g.20gb", "7g.40gb"),
    Accelerator.H100_80GB: ("1g.10gb", "2g.20gb", "3g.40gb", "7g.80gb"),
}
_MIG_SLICES_PER_CARD = {
    "1g.5gb": 7, "2g.10gb": 3, "3g.20gb": 2, "7g.40gb": 1,
    "1g.10gb": 7, "2g.20gb": 3, "3g.40gb": 2, "7g.80gb": 1,
}  # fmt: skip

Share = Annotated[str, StringConstraints(pattern=r"^(whole|time-slice|mig-[1-7]g\.[0-9]{1,2}gb)$")]
"""`whole`, `time-slice` or a MIG slice such as `mig-1g.10gb`."""


class AcceleratorShare(Fact):
    """What one replica of a served model needs of a GPU."""

    accelerator: Accelerator
    share: Share = "whole"
    count: int = 1
    """How many shares one replica takes; more than one only for `whole`."""

    @property
    def resource_name(self) -> str:
        """The extended resource a pod asks for, with the device plugin's `mixed` MIG strategy."""
        if self.share.startswith("mig-"):
            return f"nvidia.com/{self.share}"
        return f"{names.RESOURCE_GPU}.shared" if self.share == "time-slice" else names.RESOURCE_GPU

    @property
    def memory_gib(self) -> int:
        """What the shares hold together in GiB: of a slice what its profile's name says; of a card shared in turns all of it."""
        if self.share.startswith("mig-"):
            return self.count * int(self.share.rpartition(".")[2].removesuffix("gb"))
        return self.count * self.accelerator.memory_gib

    @property
    def cards(self) -> float:
        """How many whole cards the shares amount to; a time slice counts as a quarter of a card."""
        if self.share.startswith("mig-"):
            return self.count / _MIG_SLICES_PER_CARD[self.share.removeprefix("mig-")]
        return self.count / 4 if self.share == "time-slice" else float(self.count)


class ReplicaResources(Fact):
    """What one replica gets; requests equal limits for memory, CPU may burst to twice its request."""

    cpu: Cpu
    memory_gib: MemoryGib


@dataclass(frozen=True, slots=True)
class InstanceShape:
    """One machine size: cores, memory in GiB, cards and its planning price per hour."""

    vcpus: int
    memory_gib: int
    gpus: int
    usd_per_hour: float


_SHAPES: dict[Accelerator, dict[str, InstanceShape]] = {
    Accelerator.L4: {
        "g6.xlarge": InstanceShape(4, 16, 1, 0.8048),
        "g6.2xlarge": InstanceShape(8, 32, 1, 0.9776),
        "g6.12xlarge": InstanceShape(48, 192, 4, 4.6016),
    },
    Accelerator.A10G: {
        "g5.xlarge": InstanceShape(4, 16, 1, 1.006),
        "g5.2xlarge": InstanceShape(8, 32, 1, 1.212),
        "g5.12xlarge": InstanceShape(48, 192, 4, 5.672),
    },
    Accelerator.A100_40GB: {"p4d.24xlarge": InstanceShape(96, 1152, 8, 21.9572)},
    Accelerator.H100_80GB: {"p5.48xlarge": InstanceShape(192, 2048, 8, 55.04)},
}


def instance_shapes(accelerator: Accelerator) -> dict[str, InstanceShape]:
    """Every machine that carries `accelerator`, by instance type."""
    return _SHAPES[accelerator]


def card_usd_per_hour(accelerator: Accelerator) -> float:
    """The least price of one card: that of its cheapest machine divided by its cards."""
    return min(shape.usd_per_hour / shape.gpus for shape in _SHAPES[accelerator].values())
