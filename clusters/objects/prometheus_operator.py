"""`monitoring.coreos.com`: PodMonitor (Prometheus operator 0.85)."""

from __future__ import annotations

from typing import Literal, TypedDict

from clusters.objects import LabelSelector, Metadata


class PodMetricsEndpoint(TypedDict):
    """One port to scrape."""

    portNumber: int
    path: str
    interval: str
    scrapeTimeout: str


class PodMonitorSpec(TypedDict):
    """Which pods of the monitor's own namespace."""

    selector: LabelSelector
    podTargetLabels: list[str]
    podMetricsEndpoints: list[PodMetricsEndpoint]


class PodMonitor(TypedDict):
    """What Prometheus scrapes."""

    apiVersion: Literal["monitoring.coreos.com/v1"]
    kind: Literal["PodMonitor"]
    metadata: Metadata
    spec: PodMonitorSpec
