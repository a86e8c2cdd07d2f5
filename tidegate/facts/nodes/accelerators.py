"""GPU kinds, how they can be shared, and the machines that carry them.

Shapes are AWS's published instance sizes. What they cost is in `clusters/prices` (`tidegate.facts.prices.tables`).
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
    L4_12GB = "nvidia-l4-12gb"
    """Half of an L4, which AWS sells as a card of its own (g6f); so are the next two."""
    L4_6GB = "nvidia-l4-6gb"
    L4_3GB = "nvidia-l4-3gb"
    L40S = "nvidia-l40s"
    A10G = "nvidia-a10g"
    A100_40GB = "nvidia-a100-40gb"
    H100_80GB = "nvidia-h100-80gb"

    @property
    def mig_profiles(self) -> tuple[str, ...]:
        """Slices the card can be cut into evenly (NVIDIA MIG user guide); empty where MIG does not exist."""
        return _MIG_PROFILES.get(self, ())

    @property
    def card_gib(self) -> int:
        """Memory of one card, as NVIDIA and AWS (for parts of an L4) give it."""
        return _CARD_GIB[self]


_CARD_GIB = {
    Accelerator.L4: 24, Accelerator.L4_12GB: 12, Accelerator.L4_6GB: 6, Accelerator.L4_3GB: 3, Accelerator.L40S: 48, Accelerator.A10G: 24,
    Accelerator.A100_40GB: 40, Accelerator.H100_80GB: 80,
}  # fmt: skip
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
        return self.count * self.accelerator.card_gib

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


class Architecture(StrEnum):
    """Of a machine's processor; the value is also the node label's value."""

    AMD64 = "amd64"
    ARM64 = "arm64"


@dataclass(frozen=True, slots=True)
class InstanceShape:
    """One machine size: cores, memory in GiB and cards as its pods see them."""

    vcpus: int
    memory_gib: int
    gpus: int = 0
    architecture: Architecture = Architecture.AMD64


_SHAPES: dict[Accelerator, dict[str, InstanceShape]] = {
    Accelerator.L4: {
        "g6.xlarge": InstanceShape(4, 16, 1),
        "g6.2xlarge": InstanceShape(8, 32, 1),
        "g6.4xlarge": InstanceShape(16, 64, 1),
        "g6.12xlarge": InstanceShape(48, 192, 4),
    },
    Accelerator.L4_12GB: {"g6f.4xlarge": InstanceShape(16, 64, 1)},
    Accelerator.L4_6GB: {"g6f.2xlarge": InstanceShape(8, 32, 1)},
    Accelerator.L4_3GB: {"g6f.large": InstanceShape(2, 8, 1), "g6f.xlarge": InstanceShape(4, 16, 1)},
    Accelerator.L40S: {
        "g6e.xlarge": InstanceShape(4, 32, 1),
        "g6e.2xlarge": InstanceShape(8, 64, 1),
        "g6e.12xlarge": InstanceShape(48, 384, 4),
    },
    Accelerator.A10G: {
        "g5.xlarge": InstanceShape(4, 16, 1),
        "g5.2xlarge": InstanceShape(8, 32, 1),
        "g5.12xlarge": InstanceShape(48, 192, 4),
    },
    Accelerator.A100_40GB: {"p4d.24xlarge": InstanceShape(96, 1152, 8)},
    Accelerator.H100_80GB: {"p5.4xlarge": InstanceShape(16, 256, 1), "p5.48xlarge": InstanceShape(192, 2048, 8)},
}


def instance_shapes(accelerator: Accelerator) -> dict[str, InstanceShape]:
    """Every machine that carries `accelerator`, by instance type."""
    return _SHAPES[accelerator]
