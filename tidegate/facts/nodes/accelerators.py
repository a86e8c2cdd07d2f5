"""GPU kinds, how they can be shared, and the machines that carry them.

Shapes are AWS's published instance sizes. What they cost is in `clusters/prices` (`tidegate.facts.prices.tables`).
"""

from __future__ import annotations

import math
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
    def card_gib(self) -> float:
        """Memory of one card in GiB, as its driver reports it: less than the name says of most."""
        return _CARD_MIB[self] / 1024


_CARD_MIB = {
    Accelerator.L4: 23_034, Accelerator.L4_12GB: 11_444, Accelerator.L4_6GB: 5_722, Accelerator.L4_3GB: 2_861, Accelerator.L40S: 46_068,
    Accelerator.A10G: 23_028, Accelerator.A100_40GB: 40_960, Accelerator.H100_80GB: 81_559,
}  # fmt: skip
"""Whole cards: NVML's totals as nvidia-smi prints them (thundergolfer.com/blog/nvidia-gpu-memory-capacity, seen on 2026-11-29). Parts of an
L4: AWS' 3, 6 and 12 GB as 10^9 bytes."""

_MIG_EIGHTHS = {"1g": 1, "2g": 2, "3g": 4, "7g": 8}
"""The eighths of a card's memory that a slice has (NVIDIA MIG user guide, supported profiles of A100 and H100)."""

WEIGHTS_SHARE = 0.9
"""The most of a card's or a share's memory that weights may be. The rest is for the CUDA context and the server's own buffers: vLLM, whose
default this is (`gpu_memory_utilization`), takes no more for weights, activations and cache together."""

TURNS = 4
"""How many pods share a card in turns where no pool says it."""
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

    def weights_gib(self, turns: int = TURNS) -> float:
        """The most that weights may take of the shares together, down to a tenth of a GiB; `turns` is how many share a card in turns."""
        return math.floor(10 * WEIGHTS_SHARE * self.count * share_gib(self.accelerator, self.share, turns)) / 10

    @property
    def cards(self) -> float:
        """How many whole cards the shares amount to; a time slice counts as a quarter of a card (`TURNS`)."""
        if self.share.startswith("mig-"):
            return self.count / _MIG_SLICES_PER_CARD[self.share.removeprefix("mig-")]
        return self.count / TURNS if self.share == "time-slice" else float(self.count)


def share_gib(accelerator: Accelerator, share: Share, turns: int) -> float:
    """Memory of one share in GiB: of a slice its eighths, of a card that `turns` pods use in turns one part, because nothing else divides it."""
    if share.startswith("mig-"):
        return accelerator.card_gib * _MIG_EIGHTHS[share.removeprefix("mig-").partition(".")[0]] / 8
    return accelerator.card_gib / turns if share == "time-slice" else accelerator.card_gib


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
