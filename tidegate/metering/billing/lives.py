"""Node and pod lives, and what a stretch of time with them comes to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

from tidegate.facts.cluster import CapacityType
from tidegate.metering.billing.allotment import Owner, Reason, TenantAccount, card_share, divide, node_share
from tidegate.metering.billing.entries import NodeTime, Use
from tidegate.metering.billing.events import CPU, MEMORY, BilledNode, BilledPod

LivingT = TypeVar("LivingT", BilledNode, BilledPod)

US_PER_MS = 1000


@dataclass(slots=True)
class Lifetime(Generic[LivingT]):
    """An object from when it began to cost or to hold room until it is gone."""

    latest: LivingT
    since_ms: int
    ready_ms: int | None
    gone_ms: int | None = None

    @property
    def is_there(self) -> bool:
        """Whether its end has not been seen."""
        return self.gone_ms is None

    def spans(self, from_ms: int) -> bool:
        """Whether it is there from `from_ms` on."""
        return self.since_ms <= from_ms and not self.is_over(from_ms)

    def is_over(self, by_ms: int) -> bool:
        """Whether it has ended by `by_ms`."""
        return self.gone_ms is not None and self.gone_ms <= by_ms

    def is_ready(self, from_ms: int) -> bool:
        """Whether it has been ready by `from_ms`."""
        return self.ready_ms is not None and self.ready_ms <= from_ms

    def turns(self) -> Iterator[int]:
        """When something about it changes."""
        yield from (turn for turn in (self.since_ms, self.ready_ms, self.gone_ms) if turn is not None)


@dataclass(slots=True)
class _Amounts:
    node_us: int = 0
    card_us: int = 0
    cpu_millicore_ms: int = 0
    memory_mib_ms: int = 0

    def add(self, node_us: int, card_us: int, cpu_millicore_ms: int, memory_mib_ms: int) -> None:
        self.node_us += node_us
        self.card_us += card_us
        self.cpu_millicore_ms += cpu_millicore_ms
        self.memory_mib_ms += memory_mib_ms


_Uses = dict[tuple[TenantAccount, str, CapacityType], _Amounts]


def stretch_of(
    nodes: Sequence[Lifetime[BilledNode]], pods: Sequence[Lifetime[BilledPod]], start_ms: int, end_ms: int
) -> tuple[tuple[NodeTime, ...], tuple[Use, ...]]:
    """The time of all nodes from `start_ms` to `end_ms`, by kind of node, and the same time by who used it."""
    turns = {turn for life in (*nodes, *pods) for turn in life.turns() if start_ms < turn < end_ms}
    uses: _Uses = defaultdict(_Amounts)
    for begin, end in pairwise(sorted({start_ms, *turns, end_ms})):
        _add_calm(uses, nodes, pods, begin, end)
    return tuple(_node_times(nodes, start_ms, end_ms)), tuple(_as_uses(uses))


def _node_times(nodes: Sequence[Lifetime[BilledNode]], start_ms: int, end_ms: int) -> Iterator[NodeTime]:
    """Straight from the lives of nodes, so that it checks what was allotted."""
    times: Counter[tuple[str, CapacityType]] = Counter()
    for life in nodes:
        lived_ms = min(end_ms, life.gone_ms if life.gone_ms is not None else end_ms) - max(start_ms, life.since_ms)
        if lived_ms > 0:
            times[life.latest.instance_type, life.latest.capacity] += lived_ms * US_PER_MS
    for (instance_type, capacity), node_us in sorted(times.items()):
        yield NodeTime(instance_type=instance_type, capacity=capacity, node_us=node_us)


def _add_calm(uses: _Uses, nodes: Sequence[Lifetime[BilledNode]], pods: Sequence[Lifetime[BilledPod]], begin_ms: int, end_ms: int) -> None:
    """Adds a stretch in which nothing changes."""
    present = [life for life in pods if life.spans(begin_ms)]
    accounts = _accounts(present, begin_ms)
    on_node: dict[str, list[BilledPod]] = defaultdict(list)
    for life in present:
        on_node[life.latest.node].append(life.latest)
    for life in nodes:
        if life.spans(begin_ms):
            idle = TenantAccount(Owner.IDLE, Reason.IDLE if life.is_ready(begin_ms) else Reason.COLD_START)
            pods_there = [(pod, accounts[pod.uid]) for pod in on_node[life.latest.name]]
            _add_node(uses, life.latest, pods_there, idle, end_ms - begin_ms)


def _add_node(uses: _Uses, node: BilledNode, pods: Sequence[tuple[BilledPod, TenantAccount]], idle: TenantAccount, lasted_ms: int) -> None:
    room, wanted = node.allocatable, [pod.requests for pod, _ in pods]
    unasked = {resource: max(room.get(resource, 0) - sum(each.get(resource, 0) for each in wanted), 0) for resource in (CPU, MEMORY)}
    node_parts = divide(lasted_ms * US_PER_MS, [node_share(each, room) for each in wanted])
    card_parts = divide(node.cards * lasted_ms * US_PER_MS, [card_share(each, room) for each in wanted])
    accounts = [*(account for _, account in pods), idle]
    for account, asked, node_us, card_us in zip(accounts, [*wanted, unasked], node_parts, card_parts, strict=True):
        uses[account, node.instance_type, node.capacity].add(
            node_us, card_us, asked.get(CPU, 0) * lasted_ms, asked.get(MEMORY, 0) * lasted_ms
        )


def _accounts(present: Sequence[Lifetime[BilledPod]], at_ms: int) -> dict[str, TenantAccount]:
    """Who pays for each pod, by uid, and why. The oldest ready replicas of a part are its floor."""
    accounts: dict[str, TenantAccount] = {}
    above_floor: Counter[tuple[str, str, str, str]] = Counter()
    for life in sorted(present, key=lambda each: (each.ready_ms if each.ready_ms is not None else 0, each.since_ms, each.latest.uid)):
        pod = life.latest
        if not pod.tenant:
            accounts[pod.uid] = TenantAccount(Owner.SHARED, Reason.WARM_FLOOR if pod.placeholder else Reason.PLATFORM)
            continue
        reason = Reason.COLD_START
        if life.is_ready(at_ms):
            group = (pod.tenant, pod.namespace, pod.model, pod.part)
            reason = Reason.WARM_FLOOR if above_floor[group] < pod.floor else Reason.SERVING
            above_floor[group] += 1
        accounts[pod.uid] = TenantAccount(Owner.TENANT, reason, pod.tenant, pod.model)
    return accounts


def _as_uses(uses: _Uses) -> Iterator[Use]:
    for (account, instance_type, capacity), amounts in sorted(uses.items()):
        if amounts != _Amounts():
            yield Use(
                owner=account.owner, reason=account.reason, tenant=account.tenant, model=account.model,
                instance_type=instance_type, capacity=capacity, node_us=amounts.node_us, card_us=amounts.card_us,
                cpu_millicore_ms=amounts.cpu_millicore_ms, memory_mib_ms=amounts.memory_mib_ms,
            )  # fmt: skip
