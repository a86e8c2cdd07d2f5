"""The nodes that Karpenter would bring for pods that wait together, as its scheduler packs them.

Like Karpenter: large pods first; a pod goes to the node with the fewest pods that can take it, as long as one machine of the node's pool
holds all of them; else the first pool by name that can host it brings a node; at the end each node becomes its cheapest machine. A wish to
spread over hosts (`ScheduleAnyway`) is kept, because Karpenter's default preference policy treats it as a demand while it brings nodes.
Consolidation is not played: our pools only take away empty nodes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from tidegate.facts.cluster import CapacityType
from tidegate.manifests.fit.needs import PodNeeds
from tidegate.manifests.fit.nodes import NodeShape, misfits
from tidegate.manifests.fit.pools import CAPACITY_TYPE, Pool

Price = Callable[[NodeShape], Fraction]
"""What an hour of a node costs."""


@dataclass(frozen=True, slots=True)
class WaitingPod:
    """A pod that waits for a node. Pods of the same `spread` keep off each other's hosts; empty for those that do not mind."""

    tenant: str
    model: str
    needs: PodNeeds
    spread: str = ""


@dataclass(slots=True)
class PackedNode:
    """A node that is brought, and what is on it. `options` are the machines that can hold it all, the cheapest first once packed."""

    pool: str
    options: list[NodeShape]
    pods: list[WaitingPod] = field(default_factory=list[WaitingPod])
    asked: Counter[str] = field(default_factory=Counter[str])
    """By all of `pods` together."""

    @property
    def machine(self) -> NodeShape:
        """The machine that it becomes."""
        return self.options[0]

    def keeps_off(self, pod: WaitingPod) -> bool:
        """Whether one is here that `pod` does not want to share a host with."""
        return bool(pod.spread) and any(other.spread == pod.spread for other in self.pods)

    def takes(self, pod: WaitingPod) -> bool:
        """Puts `pod` here if some machine holds it beside the others. One that is refused will be refused for ever: nothing leaves a node."""
        together = self.asked.copy()
        together.update(pod.needs.requests)
        count = len(self.pods) + 1
        left = [node for node in self.options if _holds(node, count, together) and not misfits(pod.needs, node)]
        if not left:
            return False
        self.options, self.asked = left, together
        self.pods.append(pod)
        return True


def pack(pods: Sequence[WaitingPod], pools: Sequence[Pool], price: Price) -> list[PackedNode]:
    """The nodes for `pods`, in the order in which they are brought. A pod that no pool can host has none (`fit_findings` says so)."""
    nodes: list[PackedNode] = []
    room = defaultdict[str, _Room](_Room)
    for pod in sorted(pods, key=lambda pod: (-pod.needs.requests.get("cpu", 0), -pod.needs.requests.get("memory", 0))):
        if room[repr(pod.needs)].found(pod, nodes):
            continue
        for pool in pools:
            fresh = PackedNode(pool.name, list(pool.nodes))
            if fresh.takes(pod):
                nodes.append(fresh)
                break
    for node in nodes:
        node.options.sort(key=lambda option: _rank(option, price))
    return nodes


@dataclass(slots=True)
class _Room:
    """The nodes that have not refused pods of the same needs yet: thousands of models ask for the same, and most nodes are full."""

    left: list[PackedNode] = field(default_factory=list[PackedNode])
    known: int = 0
    """How many of all nodes have been looked at."""

    def found(self, pod: WaitingPod, nodes: Sequence[PackedNode]) -> bool:
        """Whether one of `nodes` has taken `pod`."""
        self.left += nodes[self.known :]
        self.known = len(nodes)
        for node in sorted(self.left, key=lambda node: len(node.pods)):
            if node.keeps_off(pod):
                continue
            if node.takes(pod):
                return True
            self.left.remove(node)
        return False


def _rank(node: NodeShape, price: Price) -> tuple[Fraction, bool, str]:
    """By price; of equal ones Karpenter takes what is reserved first."""
    return price(node), node.labels.get(CAPACITY_TYPE) != CapacityType.RESERVED, node.name


def _holds(node: NodeShape, pods: int, asked: Mapping[str, int]) -> bool:
    return pods + len(node.daemons) <= node.allocatable.get("pods", 0) and all(
        amount <= node.left(resource) for resource, amount in asked.items()
    )
