"""Random lives of nodes and pods, and what a meter might be told of them: doubled, swallowed, late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from tidegate.facts.cluster import CapacityType
from tidegate.metering.billing.events import AllListed, BilledNode, BilledPod, Event, NodeGone, NodeSeen, PodGone, PodSeen, Tick, WatchLost

START_MS = 1_793_491_198_000
"""Two seconds before a midnight of UTC, so that many streams cross it."""

KINDS = (("g6.xlarge", 1, "nvidia.com/gpu", 1), ("p5.48xlarge", 8, "nvidia.com/mig-1g.10gb", 56), ("m7i.xlarge", 0, "", 0))


def make_node(
    uid: str, at_ms: int, kind: int = 2, capacity: CapacityType = CapacityType.ON_DEMAND, ready_ms: int | None = None
) -> BilledNode:
    instance_type, cards, resource, pieces = KINDS[kind]
    allocatable = {"cpu": 3920, "memory": 14_000, **({resource: pieces} if resource else {})}
    return BilledNode(uid, f"node-{uid}", instance_type, capacity, at_ms, ready_ms, allocatable, cards)


def make_pod(uid: str, at_ms: int, node: str, tenant: str = "assistant", **other: object) -> BilledPod:
    pod = BilledPod(
        uid, f"pod-{uid}", f"tenant-{tenant}", node, tenant, "chat" if tenant else "", at_ms, None, requests={"cpu": 1000, "memory": 2000}
    )
    return replace(pod, **other)  # pyright: ignore[reportArgumentType] - names are checked when it is made


@dataclass(frozen=True)
class Step:
    """What happened, what was all there was afterwards, and how the meter was told: normally, twice, or not at all."""

    event: Event
    nodes: tuple[BilledNode, ...]
    pods: tuple[BilledPod, ...]
    told: int

    @property
    def listed(self) -> AllListed:
        return AllListed(self.event.at_ms, self.nodes, self.pods)


@st.composite
def lives(draw: st.DrawFn, *, faithful: bool) -> list[Step]:
    """Up to 25 things that happen one after another, often at the same millisecond."""
    at_ms, nodes, pods = START_MS, dict[str, BilledNode](), dict[str, BilledPod]()
    steps = [Step(AllListed(at_ms, (), ()), (), (), 1)]
    for number in range(draw(st.integers(1, 25))):
        at_ms += draw(st.sampled_from([0, 0, 1, 7, 999, 60_000]))
        what = draw(st.sampled_from(["node", "node", "pod", "pod", "pod", "ready", "node-gone", "pod-gone", "tick", "list", "lost"]))
        uid = str(number)
        event: Event = Tick(at_ms)
        if what == "node":
            nodes[uid] = make_node(
                uid, at_ms, draw(st.integers(0, 2)), draw(st.sampled_from(list(CapacityType))), draw(st.sampled_from([None, at_ms]))
            )
            event = NodeSeen(at_ms, nodes[uid])
        elif what == "pod" and nodes:
            asked = {
                "cpu": draw(st.integers(0, 5000)), "memory": draw(st.integers(0, 16_000)),
                "nvidia.com/gpu": draw(st.integers(0, 2)), "nvidia.com/mig-1g.10gb": draw(st.integers(0, 9)),
            }  # fmt: skip
            tenant = draw(st.sampled_from(["assistant", "fraud", ""]))
            where = draw(st.sampled_from(sorted(node.name for node in nodes.values())))
            pods[uid] = make_pod(uid, at_ms, where, tenant, requests=asked, floor=draw(st.integers(0, 1)))
            event = PodSeen(at_ms, pods[uid])
        elif what == "ready" and pods:
            pod = pods[draw(st.sampled_from(sorted(pods)))]
            pods[pod.uid] = replace(pod, ready_ms=at_ms)
            event = PodSeen(at_ms, pods[pod.uid])
        elif what == "node-gone" and nodes:
            gone = nodes.pop(draw(st.sampled_from(sorted(nodes))))
            event = NodeGone(at_ms, gone.uid)
        elif what == "pod-gone" and pods:
            event = PodGone(at_ms, pods.pop(draw(st.sampled_from(sorted(pods)))).uid)
        elif what == "lost" and not faithful:
            event = WatchLost(at_ms)
        if what == "list":
            event = AllListed(at_ms, tuple(nodes.values()), tuple(pods.values()))
        told = draw(st.sampled_from([1, 1, 1, 2])) if faithful else draw(st.sampled_from([0, 1, 1, 2]))
        steps.append(Step(event, tuple(nodes.values()), tuple(pods.values()), told))
    last = at_ms + 1000
    return [*steps, Step(AllListed(last, tuple(nodes.values()), tuple(pods.values())), tuple(nodes.values()), tuple(pods.values()), 1)]


def node_lives(steps: Sequence[Step]) -> dict[str, tuple[int, int]]:
    """When each node really came and went; those that stay end with the stream."""
    found: dict[str, tuple[int, int]] = {}
    for step in steps:
        for node in step.nodes:
            found.setdefault(node.uid, (node.created_ms, steps[-1].event.at_ms))
        if isinstance(step.event, NodeGone):
            found[step.event.uid] = (found[step.event.uid][0], step.event.at_ms)
    return found
