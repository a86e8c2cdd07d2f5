"""Who lived when: takes events as they come and closes stretches of time into entries.

Lives are known by uid and told by level, not by edge: an event that comes twice changes nothing, one that never came is
made up for by the next `Listed`. Time never runs backwards, and what is closed stays closed, so no node-second is counted
twice. Nothing is closed while nobody looks: the stretch stays open until the next `Listed`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from tidegate.metering.billing.entries import DAY_MS, LedgerEntry, Requests
from tidegate.metering.billing.events import (
    AllListed,
    BilledNode,
    BilledPod,
    Event,
    NodeGone,
    NodeSeen,
    PodGone,
    PodSeen,
    RequestsCounted,
    WatchLost,
)
from tidegate.metering.billing.lives import Lifetime, LivingT, stretch_of


class Roster:
    """The nodes and pods of one region since `opened_ms`, the end of what is closed already.

    A meter that begins again opens where its ledger ends: objects that the first `Listed` names have lived through the gap
    if they are older than it.
    """

    def __init__(self, region: str, opened_ms: int) -> None:
        self.region = region
        self.opened_ms = opened_ms
        self._began_ms = opened_ms
        self._now_ms = opened_ms
        self._blind_since_ms: int | None = opened_ms
        self._unwatched: list[tuple[int, int]] = []
        self._nodes: dict[str, Lifetime[BilledNode]] = {}
        self._pods: dict[str, Lifetime[BilledPod]] = {}
        self._gone: set[str] = set()
        self._counters: dict[tuple[str, str], int] = {}
        self._requests: Counter[tuple[str, str]] = Counter()

    def see(self, event: Event) -> None:
        """Takes an event; of one that is earlier than what was seen before, the time is that of the latest."""
        self._now_ms = max(self._now_ms, event.at_ms)
        match event:
            case NodeSeen(node=node):
                self._see_node(node)
            case PodSeen(pod=pod):
                self._see_pod(pod)
            case NodeGone(uid=uid):
                self._end(self._nodes, uid)
            case PodGone(uid=uid):
                self._end(self._pods, uid)
            case AllListed():
                self._see_all(event)
            case WatchLost():
                self._blind_since_ms = self._now_ms if self._blind_since_ms is None else self._blind_since_ms
            case RequestsCounted():
                self._count(event)
            case _:
                pass

    def close(self, until_ms: int) -> list[LedgerEntry]:
        """Closes everything until `until_ms`, or until the last event if that is earlier; one entry for each day of UTC.

        Empty while nobody looks, and when no time has passed.
        """
        until_ms = min(until_ms, self._now_ms)
        if self._blind_since_ms is not None or until_ms <= self.opened_ms:
            return []
        midnights = range((self.opened_ms // DAY_MS + 1) * DAY_MS, until_ms, DAY_MS)
        entries = [self._entry(start, end, last=end == until_ms) for start, end in pairwise([self.opened_ms, *midnights, until_ms])]
        self.opened_ms = until_ms
        self._forget_ended()
        return entries

    def _see_node(self, node: BilledNode) -> None:
        if node.uid in self._gone:
            return
        for uid, other in self._nodes.items():
            if other.is_there and other.latest.name == node.name and uid != node.uid:
                self._end(self._nodes, uid)  # names are unique, so its end was missed
                break
        self._see(self._nodes, node, node.created_ms)

    def _see_pod(self, pod: BilledPod) -> None:
        if pod.uid in self._gone or not pod.node:
            return
        if pod.finished:
            self._end(self._pods, pod.uid)
        else:
            self._see(self._pods, pod, pod.bound_ms)

    def _see(self, lives: dict[str, Lifetime[LivingT]], latest: LivingT, since_ms: int) -> None:
        uid = latest.uid
        life = lives.get(uid)
        ready_ms = None if latest.ready_ms is None else min(latest.ready_ms, self._now_ms)
        if life is None:
            # The API server's clock may be ahead of ours, but what is seen is there.
            lives[uid] = Lifetime(latest, min(since_ms, self._now_ms), ready_ms)
        else:
            life.latest = latest
            life.ready_ms = ready_ms if life.ready_ms is None else life.ready_ms  # once ready, no cold start any more

    def _end(self, lives: dict[str, Lifetime[LivingT]], uid: str) -> None:
        self._gone.add(uid)
        if (life := lives.get(uid)) and life.is_there:
            life.gone_ms = max(self._now_ms, life.since_ms)

    def _see_all(self, listed: AllListed) -> None:
        for uid in self._nodes.keys() - {node.uid for node in listed.nodes}:
            self._end(self._nodes, uid)
        for uid in self._pods.keys() - {pod.uid for pod in listed.pods}:
            self._end(self._pods, uid)
        self._gone &= {one.uid for one in (*listed.nodes, *listed.pods)}  # no event follows of others
        for node in listed.nodes:
            self._see_node(node)
        for pod in listed.pods:
            self._see_pod(pod)
        if self._blind_since_ms is not None:
            self._unwatched.append((self._blind_since_ms, self._now_ms))
            self._blind_since_ms = None

    def _count(self, seen: RequestsCounted) -> None:
        key = (seen.namespace, seen.pod)
        before = self._counters.get(key)
        self._counters[key] = seen.total
        if before is None:
            # What a pod took before this meter looked is in the ledger already, or was never metered.
            before = 0 if self._began_here(*key) else seen.total
        self._requests[seen.tenant, seen.model] += seen.total - before if seen.total >= before else seen.total

    def _began_here(self, namespace: str, name: str) -> bool:
        return any(
            life.since_ms >= self._began_ms
            for life in self._pods.values()
            if life.latest.namespace == namespace and life.latest.name == name
        )

    def _entry(self, start_ms: int, end_ms: int, *, last: bool) -> LedgerEntry:
        nodes, uses = stretch_of(list(self._nodes.values()), list(self._pods.values()), start_ms, end_ms)
        # Requests are known by when they were counted, not by when they came: all of them go to the stretch that ends now.
        counted = tuple(self._counted()) if last else ()
        unwatched = sum(max(0, min(end, end_ms) - max(start, start_ms)) for start, end in self._unwatched)
        return LedgerEntry(
            region=self.region, start_ms=start_ms, end_ms=end_ms, unwatched_ms=unwatched, nodes=nodes, uses=uses, requests=counted
        )

    def _counted(self) -> Iterator[Requests]:
        for (tenant, model), count in sorted(self._requests.items()):
            if count:
                yield Requests(tenant=tenant, model=model, requests=count)
        self._requests.clear()

    def _forget_ended(self) -> None:
        self._nodes = {uid: life for uid, life in self._nodes.items() if not life.is_over(self.opened_ms)}
        self._pods = {uid: life for uid, life in self._pods.items() if not life.is_over(self.opened_ms)}
        known = {(life.latest.namespace, life.latest.name) for life in self._pods.values()}
        self._counters = {key: total for key, total in self._counters.items() if key in known}
        self._unwatched = [(start, end) for start, end in self._unwatched if end > self.opened_ms]
