"""The nodes that Karpenter would bring for pods that wait together, as its scheduler packs them.

Like Karpenter: large pods first; a pod goes to the node with the fewest pods that can take it, as long as one machine of the node's pool
holds all of them; else the first pool by name that can host it brings a node; at the end each node becomes its cheapest machine. A wish to
spread over hosts (`ScheduleAnyway`) is kept, because Karpenter's default preference policy treats it as a demand while it brings nodes.
Consolidation is not played: our pools only take away empty nodes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
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

    @property
    def machine(self) -> NodeShape:
        """The machine that it becomes."""
        return self.options[0]

    def takes(self, pod: WaitingPod) -> bool:
        """Puts `pod` here if some machine holds it beside the others."""
        if pod.spread and any(other.spread == pod.spread for other in self.pods):
            return False
        together = [other.needs for other in self.pods] + [pod.needs]
        left = [node for node in self.options if not misfits(pod.needs, node) and _holds(node, together)]
        if not left:
            return False
        self.options = left
        self.pods.append(pod)
        return True


def pack(pods: Sequence[WaitingPod], pools: Sequence[Pool], price: Price) -> list[PackedNode]:
    """The nodes for `pods`, in the order in which they are brought. A pod that no pool can host has none (`fit_findings` says so)."""
    nodes: list[PackedNode] = []
    for pod in sorted(pods, key=lambda pod: (-pod.needs.requests.get("cpu", 0), -pod.needs.requests.get("memory", 0))):
        if any(node.takes(pod) for node in sorted(nodes, key=lambda node: len(node.pods))):
            continue
        for pool in pools:
            fresh = PackedNode(pool.name, list(pool.nodes))
            if fresh.takes(pod):
                nodes.append(fresh)
                break
    for node in nodes:
        node.options.sort(key=lambda option: _rank(option, price))
    return nodes


def _rank(node: NodeShape, price: Price) -> tuple[Fraction, bool, str]:
    """By price; of equal ones Karpenter takes what is reserved first."""
    return price(node), node.labels.get(CAPACITY_TYPE) != CapacityType.RESERVED, node.name


def _holds(node: NodeShape, pods: Sequence[PodNeeds]) -> bool:
    total: Counter[str] = Counter()
    for pod in pods:
        total.update(pod.requests)
    return len(pods) + len(node.daemons) <= node.allocatable.get("pods", 0) and all(
        amount <= node.left(resource) for resource, amount in total.items()
    )
