"""The lines of a ledger: what a region's nodes were used for in one closed stretch of time. Quantities, not money.

Prices are put to them when they are read, so that a price which was missing or wrong can be corrected later.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Self

from pydantic import Field, model_validator

from tidegate.facts.cluster import CapacityType
from tidegate.facts.fact import Fact, refuse
from tidegate.facts.names import ClusterName
from tidegate.metering.billing.allotment import Owner, Reason

Count = Annotated[int, Field(ge=0)]

DAY_MS = 86_400_000


class NodeTime(Fact):
    """How long nodes of one kind were there; two nodes for a second are two seconds."""

    instance_type: Annotated[str, Field(max_length=64)]
    """Empty when the node did not say."""
    capacity: CapacityType
    node_us: Count
    """Microseconds."""


class Use(NodeTime):
    """What of it went to one account."""

    owner: Owner
    reason: Reason
    tenant: str = ""
    model: str = ""
    card_us: Count
    """Microseconds of whole GPU cards."""
    cpu_millicore_ms: Count
    """What was asked for, in thousandths of a core times milliseconds; of idle room what nobody asked for."""
    memory_mib_ms: Count


class Requests(Fact):
    """Requests that a model's pods took."""

    tenant: str
    model: str
    requests: Count


class LedgerEntry(Fact):
    """One closed stretch of time in one region, within one day of UTC."""

    region: ClusterName
    start_ms: Count
    end_ms: Count
    unwatched_ms: Count = 0
    """How much of it nobody looked: nodes that came and went meanwhile are missing."""
    nodes: tuple[NodeTime, ...] = ()
    """Every node, counted without regard to who used it: the control total of `uses`."""
    uses: tuple[Use, ...] = ()
    requests: tuple[Requests, ...] = ()

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.end_ms <= self.start_ms:
            raise refuse("entry-without-time", f"does not end after its start, {self.start_ms}", _RESTORE, at="end_ms", value=self.end_ms)
        if self.start_ms // DAY_MS != (self.end_ms - 1) // DAY_MS:
            raise refuse("entry-over-midnight", "an entry lies within one day of UTC", _RESTORE, at="end_ms", value=self.end_ms)
        if total_time(self.nodes) != total_time(self.uses):
            raise refuse("entry-does-not-add-up", "the uses of nodes are not the time of nodes", _RESTORE, at="uses")
        return self


_RESTORE = "restore the file from a copy"


def total_time(times: tuple[NodeTime, ...]) -> Counter[tuple[str, CapacityType]]:
    """Microseconds by instance type and capacity type."""
    total: Counter[tuple[str, CapacityType]] = Counter()
    for time in times:
        if time.node_us:
            total[time.instance_type, time.capacity] += time.node_us
    return total
