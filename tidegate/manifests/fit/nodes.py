"""One pod and one empty node: what keeps the one off the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from tidegate.manifests.fit.amounts import Amounts, shown
from tidegate.manifests.fit.needs import PodNeeds
from tidegate.manifests.fit.selectors import Taint, first_broken


@dataclass(frozen=True, slots=True)
class NodeShape:
    """A node before any pod but its DaemonSets' came."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    allocatable: Amounts
    """What pods may ask for; `pods` is how many there may be."""
    daemons: tuple[Amounts, ...] = ()
    """What each of its DaemonSet pods asks for."""

    def left(self, resource: str) -> int:
        """What a pod can still have of a resource."""
        return self.allocatable.get(resource, 0) - sum(each.get(resource, 0) for each in self.daemons)


@dataclass(frozen=True, slots=True)
class Misfit:
    """One reason why a pod cannot be on a node."""

    kind: Literal["taint", "label", "topology", "resource"]
    text: str
    remedy: str
    lack: float = 1
    """How much is missing: 1 stands for everything, 0.1 for a tenth of what the pod asks for."""


def misfits(pod: PodNeeds, node: NodeShape) -> tuple[Misfit, ...]:
    """Every reason why `pod` cannot be on `node`; none means that the scheduler would place it there."""
    return (*_taints(pod, node), *_labels(pod, node), *_topology(pod, node), *_resources(pod, node))


def bears(pod: PodNeeds, node: NodeShape) -> bool:
    """Whether a DaemonSet's pod is meant for the node, be there room or not."""
    return not any((*_taints(pod, node), *_labels(pod, node)))


def _taints(pod: PodNeeds, node: NodeShape) -> Iterator[Misfit]:
    for taint in node.taints:
        if taint.keeps_off and not any(toleration.bears(taint) for toleration in pod.tolerations):
            yield Misfit("taint", f"it does not tolerate {taint}", "tolerate it, or add a pool without it")


def _labels(pod: PodNeeds, node: NodeShape) -> Iterator[Misfit]:
    for key, value in sorted(pod.selector.items()):
        if node.labels.get(key) != value:
            found = node.labels.get(key, "none")
            yield Misfit("label", f"it selects {key}={value}, the node has {found}", f"select a value of {key} that a pool has")
    if pod.terms is None or any(term.holds(node.name, node.labels) for term in pod.terms):
        return
    nearest = min((first_broken(term, node.name, node.labels) for term in pod.terms), key=len, default=())
    wanted = " and ".join(str(expression) for expression in nearest) or "nothing that any node has"
    yield Misfit("label", f"its node affinity wants {wanted}", "change the affinity")


def _topology(pod: PodNeeds, node: NodeShape) -> Iterator[Misfit]:
    for key in pod.topology_keys:
        if key not in node.labels:
            yield Misfit("topology", f"it must be spread over {key}, which the node does not have", "use a label that nodes have")


def _resources(pod: PodNeeds, node: NodeShape) -> Iterator[Misfit]:
    room = node.allocatable.get("pods", 0) - len(node.daemons)
    if room < 1:
        yield Misfit("resource", "the node's own pods are all it may hold", "use a larger instance type")
    for resource, needed in sorted(pod.requests.items()):
        left = node.left(resource)
        if needed > left:
            found = "the node has none" if not node.allocatable.get(resource) else f"{shown(resource, max(left, 0))} are left for it"
            remedy = f"ask for {shown(resource, needed - left)} of {resource} less" if left > 0 else f"use a pool with {resource}"
            text = f"it needs {shown(resource, needed)} of {resource}, {found}"
            yield Misfit("resource", text, remedy, (needed - max(left, 0)) / needed)
