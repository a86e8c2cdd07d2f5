"""What a meter sees of a region. Times are milliseconds since 1970 in UTC, from whichever clock the source follows.

Events may come twice, late or never: the next `Listed` tells everything that is there, and the roster believes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tidegate.facts.cluster import CapacityType

Amounts = Mapping[str, int]
"""By resource name: `cpu` in thousandths of a core, `memory` in MiB, anything else in pieces."""

CPU = "cpu"
MEMORY = "memory"
GPU_PREFIX = "nvidia.com/"


@dataclass(frozen=True, slots=True)
class BilledNode:
    """A machine that is paid for from `created_ms` until it is gone."""

    uid: str
    name: str
    instance_type: str
    capacity: CapacityType
    created_ms: int
    ready_ms: int | None
    """When it first could take pods; None while it boots."""
    allocatable: Amounts
    cards: int = 0
    """Whole GPU cards, however they are cut."""


@dataclass(frozen=True, slots=True)
class BilledPod:
    """A pod that holds room on a node from `bound_ms` until it is gone."""

    uid: str
    name: str
    namespace: str
    node: str
    """The node's name; empty while no node was found, and then nothing is held."""
    tenant: str
    """Empty for the platform's own pods."""
    model: str
    """Empty for a tenant's pod that is part of no served model."""
    bound_ms: int
    ready_ms: int | None
    """When it first took requests."""
    finished: bool = False
    """Whether all its containers have ended for good: it holds nothing any more."""
    placeholder: bool = False
    """Whether it only keeps a card warm for anybody."""
    floor: int = 0
    """How many replicas of its part of the model run although nobody calls."""
    part: str = "predictor"
    requests: Amounts = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """A node is new or has changed."""

    at_ms: int
    node: BilledNode


@dataclass(frozen=True, slots=True)
class NodeGone:
    """A node was deleted."""

    at_ms: int
    uid: str


@dataclass(frozen=True, slots=True)
class PodSeen:
    """A pod is new or has changed."""

    at_ms: int
    pod: BilledPod


@dataclass(frozen=True, slots=True)
class PodGone:
    """A pod was deleted."""

    at_ms: int
    uid: str


@dataclass(frozen=True, slots=True)
class AllListed:
    """All there is: whoever is not named is gone."""

    at_ms: int
    nodes: tuple[BilledNode, ...]
    pods: tuple[BilledPod, ...]


@dataclass(frozen=True, slots=True)
class WatchLost:
    """From now until the next `Listed` nobody looks."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class RequestsCounted:
    """What a pod's counter of requests shows; a counter that falls has begun again."""

    at_ms: int
    namespace: str
    pod: str
    tenant: str
    model: str
    total: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""

    at_ms: int


Event = NodeSeen | NodeGone | PodSeen | PodGone | AllListed | WatchLost | RequestsCounted | Tick


def compressed(event: Event, *, origin_ms: int, factor: int, shown_as_ms: int) -> Event:
    """The event as if time had run `factor` times as fast since `origin_ms`, which is shown as `shown_as_ms`.

    So a business day that a region lives through in half an hour (`factor` 48) is metered as a day.
    """

    def moved(time_ms: int) -> int:
        return shown_as_ms + (time_ms - origin_ms) * factor

    def moved_if_any(time_ms: int | None) -> int | None:
        return None if time_ms is None else moved(time_ms)

    def node(one: BilledNode) -> BilledNode:
        return replace(one, created_ms=moved(one.created_ms), ready_ms=moved_if_any(one.ready_ms))

    def pod(one: BilledPod) -> BilledPod:
        return replace(one, bound_ms=moved(one.bound_ms), ready_ms=moved_if_any(one.ready_ms))

    at_ms = moved(event.at_ms)
    match event:
        case NodeSeen():
            return NodeSeen(at_ms, node(event.node))
        case PodSeen():
            return PodSeen(at_ms, pod(event.pod))
        case AllListed():
            return AllListed(at_ms, tuple(map(node, event.nodes)), tuple(map(pod, event.pods)))
        case _:
            return replace(event, at_ms=at_ms)
