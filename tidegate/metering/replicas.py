"""The replicas that a pretended region is asked for: of which model, how large, on which machine, and how many just now."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tidegate.facts.cluster import Cluster
from tidegate.facts.models.scaling import Scaling
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.money import Machine, floor_parts
from tidegate.facts.nodes.node_shapes import AGENTS
from tidegate.facts.platform import Platform
from tidegate.facts.prices.tables import PriceTable
from tidegate.facts.tenant import Tenant
from tidegate.metering.billing.events import CPU, MEMORY, BilledPod

STEP_SECONDS = 30
"""How often anything is decided."""

DAEMONS = {CPU: sum(agent.get(CPU, 0) for agent in AGENTS), MEMORY: sum(agent.get(MEMORY, 0) for agent in AGENTS) // 1024**2}
"""What every node runs for the platform, together."""

STABLE_STEPS = 2
"""Knative's window of 60 s over which concurrency is averaged."""


@dataclass(slots=True)
class Replica:
    """One replica: `pod` is None until its machine takes pods."""

    uid: str
    machine: str
    pod: BilledPod | None = None
    taken: int = 0
    """Requests."""


@dataclass(slots=True)
class Group:
    """The replicas of one part of a model."""

    tenant: Tenant
    model: str
    part: str
    low: int
    high: int
    requests: dict[str, int]
    machine: Machine
    scaling: Scaling
    wanted: int = 0
    replicas: list[Replica] = field(default_factory=list[Replica])
    waiting_calls: int = 0
    _recent: deque[float] = field(default_factory=lambda: deque[float](maxlen=STABLE_STEPS))
    _quiet_seconds: int | None = None

    @property
    def name(self) -> str:
        """`<tenant>/<model>`."""
        return f"{self.tenant.name}/{self.model}"

    def decide(self, per_second: float, seconds_per_call: float, *, called: bool) -> None:
        """How many replicas there should be, from the calls in flight or per second; companions keep their floor."""
        self._recent.append(per_second * (seconds_per_call if self.scaling.metric == "concurrency" else 1))
        if called:
            self._quiet_seconds = 0
        elif self._quiet_seconds is not None:
            self._quiet_seconds += STEP_SECONDS
        needed = math.ceil(sum(self._recent) / len(self._recent) / self.scaling.target)
        if self._quiet_seconds is not None and self._quiet_seconds < self.scaling.idle_seconds:
            needed = max(needed, 1)
        self.wanted = min(max(needed if self.part == "predictor" else 0, self.low), self.high)


def groups_of(platform: Platform, cluster: Cluster, table: PriceTable) -> list[Group]:
    """All parts of all models of a cluster, by tenant and model, each on the machine that `money.floor_parts` chooses."""
    return [
        group
        for tenant in platform.tenants_of(cluster.name)
        for name, model in sorted(tenant.models.items())
        for group in _groups(cluster, tenant, name, model, table)
    ]


def _groups(cluster: Cluster, tenant: Tenant, name: str, model: ServedModel, table: PriceTable) -> Iterator[Group]:
    for part in floor_parts(cluster, model, table):
        yield Group(tenant, name, part.name, part.low, part.high, _billed(part.requests), part.machine, model.scaling)


def _billed(amounts: Mapping[str, int]) -> dict[str, int]:
    """Amounts as the ledger has them: memory in MiB."""
    return {name: amount // 1024**2 if name == MEMORY else amount for name, amount in amounts.items()}
