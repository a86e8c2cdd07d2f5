"""A region that is only pretended: its nodes and pods follow a day's calls by the rules of the real ones, much simplified.

An autoscaler as Knative's (average concurrency over a minute, zero after the idle time), a scheduler that spreads a part over the
nodes with room, and nodes that come when there is none and go when they have been empty. Same facts, same seed: same events.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tidegate.facts import names
from tidegate.facts.money import Machine, system_machine
from tidegate.facts.nodes.node_shapes import allocatable, shape_of
from tidegate.facts.platform import Platform
from tidegate.facts.prices.tables import PriceTable
from tidegate.metering.billing.events import (
    CPU,
    MEMORY,
    AllListed,
    BilledNode,
    BilledPod,
    Event,
    NodeGone,
    NodeSeen,
    PodGone,
    PodSeen,
    RequestsCounted,
    Tick,
)
from tidegate.metering.business_day import BUSINESS_DAY, DAY_SECONDS, Load, calls
from tidegate.metering.replicas import DAEMONS, STEP_SECONDS, Group, Replica, groups_of

EMPTY_SECONDS = 300
"""How long a node without models is kept, as GPU pools have it (`IDLE_SECONDS` in clusters/components/nodes/gpu_pools.py)."""

BOOT_SECONDS = 90
"""From a node's making until it takes pods: a planning figure."""

GPU_START_SECONDS, CPU_START_SECONDS = 150, 30
"""From a pod's binding until it is ready: image, weights and loading. Planning figures."""

_CONTROLLERS, _CONTROLLER = 12, {CPU: 100, MEMORY: 256}
"""The platform's Deployments: about as many as there are in an embedded region."""


@dataclass(slots=True)
class _Here:
    """A machine that is there, and what is held of it."""

    node: BilledNode
    kind: Machine
    held: dict[str, int] = field(default_factory=dict[str, int])
    platform_pods: list[str] = field(default_factory=list[str])
    tenants_pods: int = 0
    empty_since_ms: int = 0

    def has_room(self, requests: Mapping[str, int]) -> bool:
        return all(self.held.get(resource, 0) + amount <= self.node.allocatable.get(resource, 0) for resource, amount in requests.items())

    def hold(self, requests: Mapping[str, int], sign: int = 1) -> None:
        for resource, amount in requests.items():
            self.held[resource] = self.held.get(resource, 0) + sign * amount


@dataclass(frozen=True, slots=True)
class PretendedDay:
    """Which region on which day: calls by model, drawn with `seed`, from `midnight_ms` on."""

    cluster: str
    seed: int
    midnight_ms: int
    load: Mapping[str, Load] = field(default_factory=lambda: BUSINESS_DAY)


class PretendedRegion:
    """One cluster of the inventory on a day, with machines chosen by the prices of `table`. Iterating it lives through the day, once."""

    def __init__(self, platform: Platform, day: PretendedDay, table: PriceTable) -> None:
        self._day = day.load
        self._cluster = platform.clusters[day.cluster]
        self._groups = groups_of(platform, self._cluster, table)
        chance = random.Random(day.seed)  # noqa: S311 - a day that can be lived through again
        self._calls = {name: calls(load, STEP_SECONDS, chance) for name, load in day.load.items()}
        self._machines: dict[str, _Here] = {}
        self._made = 0
        self._midnight_ms = self._now_ms = day.midnight_ms

    def __iter__(self) -> Iterator[Event]:
        """The day's events, in order."""
        yield AllListed(self._now_ms, (), ())
        system = system_machine(self._cluster)
        for _ in range(self._cluster.system_pool.min_nodes):
            yield from self._bring(system, boot_seconds=0)
        for number in range(_CONTROLLERS):
            here = next(here for here in self._machines.values() if here.kind == system and here.has_room(_CONTROLLER))
            yield self._run_platform_pod(here, f"controller-{number}", _CONTROLLER)
        for step in range(DAY_SECONDS // STEP_SECONDS):
            self._now_ms = self._midnight_ms + step * STEP_SECONDS * 1000
            yield Tick(self._now_ms)
            yield from self._boot()
            for group in self._groups:
                yield from self._live(group, step)
            yield from self._remove_empty()
        yield Tick(self._midnight_ms + DAY_SECONDS * 1000)

    def _live(self, group: Group, step: int) -> Iterator[Event]:
        load = self._day.get(group.name)
        came = self._calls[group.name][step] if load and group.part == "predictor" else 0
        group.decide(came / STEP_SECONDS, load.seconds_per_call if load else 0, called=came > 0)
        while len(group.replicas) > group.wanted:
            yield from self._end(group, group.replicas.pop())
        while len(group.replicas) < group.wanted:
            machine = self._machine_for(group)
            if machine is None:
                if self._is_full(group.machine):
                    break
                yield from self._bring(group.machine)
                continue
            machine.hold(group.requests)
            machine.tenants_pods += 1
            group.replicas.append(Replica(self._next_uid(), machine.node.uid))
        for replica in group.replicas:
            yield from self._progress(group, replica)
        yield from self._answer(group, came)

    def _machine_for(self, group: Group) -> _Here | None:
        """The scheduler spreads a part over the machines that are there. One that Karpenter brings is meant for one replica of a part."""
        own = Counter(replica.machine for replica in group.replicas)
        with_room = [here for here in self._machines.values() if here.kind == group.machine and here.has_room(group.requests)]
        ready = [here for here in with_room if here.node.ready_ms is not None]
        if ready:
            return min(ready, key=lambda here: own[here.node.uid])
        coming = (here for here in with_room if not own[here.node.uid] or self._is_full(group.machine))
        return next(coming, None)

    def _progress(self, group: Group, replica: Replica) -> Iterator[Event]:
        machine = self._machines[replica.machine]
        start_seconds = GPU_START_SECONDS if machine.node.cards else CPU_START_SECONDS
        if replica.pod is None and machine.node.ready_ms is not None:
            replica.pod = BilledPod(
                replica.uid, f"{group.model}-{group.part}-{replica.uid}", group.tenant.namespace_name, machine.node.name, group.tenant.name,
                group.model, self._now_ms, None, floor=group.low, part=group.part, requests=group.requests,
            )  # fmt: skip
            yield PodSeen(self._now_ms, replica.pod)
        elif replica.pod and replica.pod.ready_ms is None and self._now_ms >= replica.pod.bound_ms + start_seconds * 1000:
            replica.pod = replace(replica.pod, ready_ms=replica.pod.bound_ms + start_seconds * 1000)
            yield PodSeen(self._now_ms, replica.pod)

    def _answer(self, group: Group, came: int) -> Iterator[Event]:
        """Calls wait until a replica is ready, as they do in Knative's activator."""
        group.waiting_calls += came
        ready = next((replica for replica in group.replicas if replica.pod and replica.pod.ready_ms is not None), None)
        if ready and ready.pod and group.waiting_calls:
            ready.taken += group.waiting_calls
            group.waiting_calls = 0
            pod = ready.pod
            yield RequestsCounted(self._now_ms, pod.namespace, pod.name, pod.tenant, pod.model, ready.taken)

    def _end(self, group: Group, replica: Replica) -> Iterator[Event]:
        machine = self._machines[replica.machine]
        machine.hold(group.requests, -1)
        machine.tenants_pods -= 1
        machine.empty_since_ms = self._now_ms
        if replica.pod:
            yield PodGone(self._now_ms, replica.uid)

    def _bring(self, kind: Machine, *, boot_seconds: int = BOOT_SECONDS) -> Iterator[Event]:
        shape, uid = shape_of(kind.instance_type), self._next_uid()
        assert shape, "pools name machines of the tables only"
        left = allocatable(shape)
        offered = {CPU: left["cpu"], MEMORY: left["memory"] // 1024**2, **({kind.resource: kind.pieces} if kind.resource else {})}
        ready_ms = None if boot_seconds else self._now_ms
        node = BilledNode(uid, f"node-{uid}", kind.instance_type, kind.capacity, self._now_ms, ready_ms, offered, shape.gpus)
        self._machines[uid] = here = _Here(node, kind, empty_since_ms=self._now_ms)
        yield NodeSeen(self._now_ms, node)
        yield self._run_platform_pod(here, "daemons", DAEMONS)

    def _boot(self) -> Iterator[Event]:
        for here in self._machines.values():
            ready_ms = here.node.created_ms + BOOT_SECONDS * 1000
            if here.node.ready_ms is None and self._now_ms >= ready_ms:
                here.node = replace(here.node, ready_ms=ready_ms)
                yield NodeSeen(self._now_ms, here.node)

    def _remove_empty(self) -> Iterator[Event]:
        kept = system_machine(self._cluster)
        for uid, here in list(self._machines.items()):
            is_needed = (
                here.kind == kept and sum(one.kind == kept for one in self._machines.values()) <= self._cluster.system_pool.min_nodes
            )
            is_empty = not here.tenants_pods and len(here.platform_pods) == 1
            if is_empty and not is_needed and self._now_ms - here.empty_since_ms >= EMPTY_SECONDS * 1000:
                yield from (PodGone(self._now_ms, pod) for pod in here.platform_pods)
                yield NodeGone(self._now_ms, uid)
                del self._machines[uid]

    def _run_platform_pod(self, here: _Here, name: str, requests: Mapping[str, int]) -> Event:
        uid = self._next_uid()
        here.hold(requests)
        here.platform_pods.append(uid)
        now = self._now_ms
        return PodSeen(now, BilledPod(uid, f"{name}-{uid}", names.NAMESPACE_PLATFORM, here.node.name, "", "", now, now, requests=requests))

    def _is_full(self, kind: Machine) -> bool:
        return kind.most is not None and sum(here.kind == kind for here in self._machines.values()) >= kind.most

    def _next_uid(self) -> str:
        self._made += 1
        return f"{self._made:05}"
