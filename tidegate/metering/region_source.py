"""Watches one region: a list of everything, then every change, then a list again.

A list heals whatever the watch has missed, so nothing has to be remembered between them. What goes wrong is reported and tried
again; meanwhile the ledger's next line stays open.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, cast
from urllib.parse import quote

from tidegate.errors import ToolError
from tidegate.facts import names
from tidegate.live.kubernetes import Kubernetes
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
    Tick,
    WatchLost,
)
from tidegate.metering.observed import NodeRead, PodRead, Tenancy, to_node, to_pod

WATCH_SECONDS = 240
"""How long a watch lasts before everything is listed again."""

REQUESTS_SECONDS = 15
"""How often the counters of requests are read: as often as Prometheus reads them itself."""

RETRY_SECONDS = 5

_BY_POD = "sum by (namespace, pod, tenant, model)"
REQUESTS_QUERY = (
    f'{_BY_POD} (istio_requests_total{{reporter="destination", part="predictor"}})'
    f' or {_BY_POD} (kn_serving_invocation_duration_seconds_count{{part="predictor"}})'
)
"""Counters of requests by pod, as the region's Prometheus keeps them, without probes: the mesh's, or Knative's own where the
mesh's Envoy has none."""

_PATHS = {"nodes": "/api/v1/nodes", "pods": "/api/v1/pods"}
_PROMETHEUS = f"/api/v1/namespaces/{names.NAMESPACE_MONITORING}/services/prometheus:9090/proxy/api/v1/query"


def wall_clock_ms() -> int:
    """Now, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class RegionSource:
    """The events of one region, until `stop` is set. `tell` gets a line for people when something goes wrong or is well again."""

    cluster: Kubernetes
    tenancy: Tenancy
    stop: threading.Event = field(default_factory=threading.Event)
    tell: Callable[[str], None] = lambda _line: None
    clock_ms: Callable[[], int] = wall_clock_ms
    requests_query: str = REQUESTS_QUERY

    def __iter__(self) -> Iterator[Event]:
        """Lists, watches, and begins again whenever a watch ends."""
        lost = False
        while not self.stop.is_set():
            try:
                listed, versions = self._list()
            except (ToolError, ValueError) as error:
                if not lost:
                    self.tell(f"not watched: {str(error).splitlines()[-1]}")
                lost = True
                yield WatchLost(self.clock_ms())
                self.stop.wait(RETRY_SECONDS)
                continue
            if lost:
                self.tell("watched again")
            lost = False
            yield listed
            yield from self._watch(versions)

    def _list(self) -> tuple[AllListed, dict[str, str]]:
        found = {kind: json.loads(self.cluster.run("get", f"--raw={path}")) for kind, path in _PATHS.items()}
        versions = {kind: str(document["metadata"]["resourceVersion"]) for kind, document in found.items()}
        nodes = tuple(node for each in found["nodes"]["items"] if (node := self._node(each)))
        pods = tuple(pod for each in found["pods"]["items"] if (pod := self._pod(each)))
        return AllListed(self.clock_ms(), nodes, pods), versions

    def _watch(self, versions: dict[str, str]) -> Iterator[Event]:
        """Every change after `versions`, until either watch ends."""
        lines: SimpleQueue[tuple[str, str | None]] = SimpleQueue()
        for kind, version in versions.items():
            threading.Thread(target=self._follow, args=(kind, version, lines), daemon=True).start()
        counted_ms = 0
        while not self.stop.is_set():
            if self.clock_ms() - counted_ms >= REQUESTS_SECONDS * 1000:
                yield from self._count_requests()
                counted_ms = self.clock_ms()
            try:
                kind, line = lines.get(timeout=1)
            except Empty:
                yield Tick(self.clock_ms())
                continue
            if line is None:
                return
            try:
                change = cast("dict[str, Any]", json.loads(line))
            except ValueError:
                return  # what kubectl says when it is refused
            if change.get("type") == "ERROR":
                return  # the server has forgotten the version
            if event := self._event(kind, change):
                yield event

    def _follow(self, kind: str, version: str, lines: SimpleQueue[tuple[str, str | None]]) -> None:
        path = f"{_PATHS[kind]}?watch=1&resourceVersion={version}&timeoutSeconds={WATCH_SECONDS}"
        try:
            self.cluster.watch(path, lambda line: lines.put((kind, line)))
        except ToolError:
            pass  # the next list tells
        finally:
            lines.put((kind, None))

    def _event(self, kind: str, change: dict[str, Any]) -> Event | None:
        gone, now = change.get("type") == "DELETED", self.clock_ms()
        if kind == "nodes":
            node = self._node(change.get("object"))
            return None if node is None else NodeGone(now, node.uid) if gone else NodeSeen(now, node)
        pod = self._pod(change.get("object"))
        return None if pod is None else PodGone(now, pod.uid) if gone else PodSeen(now, pod)

    def _node(self, document: object) -> BilledNode | None:
        try:
            return to_node(NodeRead.model_validate(document))
        except ValueError:  # pydantic's errors are, too
            return None

    def _pod(self, document: object) -> BilledPod | None:
        try:
            return to_pod(PodRead.model_validate(document), self.tenancy)
        except ValueError:
            return None

    def _count_requests(self) -> Iterator[Event]:
        """Nothing when Prometheus does not answer; its counters have not forgotten anything when it does again."""
        try:
            answer = json.loads(self.cluster.run("get", f"--raw={_PROMETHEUS}?query={quote(self.requests_query)}"))
            series = cast("list[dict[str, Any]]", answer["data"]["result"])
        except (ToolError, ValueError, KeyError, TypeError):
            return
        for one in series:
            labels, total = one["metric"], round(float(one["value"][1]))
            tenant = self.tenancy.tenant_of(labels.get("namespace", ""))
            if tenant:
                yield RequestsCounted(self.clock_ms(), labels["namespace"], labels.get("pod", ""), tenant, labels.get("model", ""), total)
