"""How long a model takes from nothing to its first answer, phase by phase, and how long Knative waits for it.

Nothing means: no node, no image on it, no weights. The tables are planning figures of 2026-11-21, set high: what a budget
misses is a model that never comes up. Who has measured a model writes it into its file (`cold_start`), phase by phase.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tidegate.facts import numerals
from tidegate.facts.cluster import Cluster, MigSharing
from tidegate.facts.models.served_model import Phase, Runtime, ServedModel
from tidegate.facts.nodes.accelerators import Accelerator
from tidegate.facts.rules.pools import pools_for

CPU_NODE_SECONDS = 90
"""From the NodeClaim to a node that takes pods, without a card."""

NODE_SECONDS = {
    **dict.fromkeys((Accelerator.L4, Accelerator.L4_12GB, Accelerator.L4_6GB, Accelerator.L4_3GB, Accelerator.L40S, Accelerator.A10G), 180),
    Accelerator.A100_40GB: 360,
    Accelerator.H100_80GB: 480,
}
"""The same with cards: the device plugin comes after the node, and machines with eight cards take minutes to boot."""

MIG_SECONDS = 240
"""To cut the cards, with the one restart of the node that virtual machines need for it."""

DISK_GIB_PER_SECOND = 0.12
"""What a gp3 volume writes unless it is paid to do more (125 MiB/s, AWS' documentation); the network is faster. Images are
unpacked to it and weights are copied to it."""

IMAGE_GIB = {
    Runtime.MLSERVER_SKLEARN: 3.0, Runtime.MLSERVER_LIGHTGBM: 3.0, Runtime.MLSERVER_XGBOOST: 3.0, Runtime.TRITON: 25.0,
    Runtime.TORCHSERVE: 10.0, Runtime.VLLM: 22.0, Runtime.HUGGINGFACE: 16.0, Runtime.NGRAM: 0.3,
}  # fmt: skip
"""Each model server's image, unpacked."""

START_SECONDS = {
    Runtime.MLSERVER_SKLEARN: 15, Runtime.MLSERVER_LIGHTGBM: 15, Runtime.MLSERVER_XGBOOST: 15, Runtime.TRITON: 30,
    Runtime.TORCHSERVE: 40, Runtime.VLLM: 120, Runtime.HUGGINGFACE: 60, Runtime.NGRAM: 5,
}  # fmt: skip
"""What each server takes before it looks at the weights, sidecars included; vLLM compiles for the card it finds."""

LOAD_GIB_PER_SECOND = 0.5
"""From the volume's cache into the server's or the card's memory."""

DEADLINE_FACTOR = 2
"""How many times its budget a model may take: the disk and the registry are others' too. Knative gives up for good, so less would be dear."""

DEFAULT_DEADLINE_SECONDS = 600
"""Knative's own `progress-deadline`, and the least: it gave up on models with cards (kserve issues 1247 and 3795)."""

LONGEST_DEADLINE_SECONDS = 1800
"""A model with a larger budget is refused: nobody would learn in time that it does not come up."""


@dataclass(frozen=True, slots=True)
class PhaseBudget:
    """One phase: seconds, and whether somebody measured them on a day or the table says so."""

    phase: Phase
    seconds: float
    measured_on: str = ""


@dataclass(frozen=True, slots=True)
class ColdStart:
    """A model's way from nothing in one cluster, in the order of its phases, and how long Knative waits in seconds."""

    phases: tuple[PhaseBudget, ...]
    deadline_seconds: int

    @property
    def seconds(self) -> float:
        """All phases together."""
        return round(sum(one.seconds for one in self.phases), 1)

    def __str__(self) -> str:
        return ", ".join(f"{one.phase} {numerals.seconds(one.seconds)}" for one in self.phases)


def cold_start(cluster: Cluster, model: ServedModel) -> ColdStart:
    """The budget of `model` in `cluster`, in whose slowest pool it is taken to start."""
    measured = {one.phase: one for one in model.cold_start}
    weights = model.artefact_in(cluster.stage).size_gib or model.resources.memory_gib  # through a replica's memory they pass
    planned: dict[Phase, float] = {
        "node": _node_seconds(cluster, model),
        "image": IMAGE_GIB[model.runtime] / DISK_GIB_PER_SECOND,
        "weights": weights / DISK_GIB_PER_SECOND,
        "load": START_SECONDS[model.runtime] + weights / LOAD_GIB_PER_SECOND,
    }
    phases = [
        PhaseBudget(phase, measured[phase].seconds, measured[phase].measured_on)
        if phase in measured
        else PhaseBudget(phase, round(seconds, 1))
        for phase, seconds in planned.items()
    ]
    return ColdStart(tuple(phases), deadline_of(sum(one.seconds for one in phases)))


def deadline_seconds(cluster: Cluster, model: ServedModel) -> int:
    """How long Knative waits in `cluster` for the first pod of `model`'s predictor."""
    return cold_start(cluster, model).deadline_seconds


def deadline_of(budget_seconds: float) -> int:
    """How long Knative waits for a model of that budget: whole minutes, so that a small change of a phase makes no new revision."""
    wanted = 60 * math.ceil(DEADLINE_FACTOR * budget_seconds / 60)
    return min(max(wanted, DEFAULT_DEADLINE_SECONDS), LONGEST_DEADLINE_SECONDS)


def _node_seconds(cluster: Cluster, model: ServedModel) -> float:
    if model.accelerator is None:
        return CPU_NODE_SECONDS
    cut = any(isinstance(pool.sharing, MigSharing) for pool in pools_for(cluster, model).values())
    return NODE_SECONDS[model.accelerator.accelerator] + (MIG_SECONDS if cut else 0)
