"""What Prometheus scrapes: the merged metrics of every tenant pod and of the gateways. Alerts come with their runbooks."""

from __future__ import annotations

from collections.abc import Iterator

from clusters.components.network.gateways import metadata
from clusters.objects import Metadata
from clusters.objects.prometheus_operator import PodMonitor
from tidegate.facts import names, ports
from tidegate.facts.tenant import Tenant
from tidegate.manifests.yaml_text import Manifest

SCRAPE_SECONDS = 15
"""A canary step lasts at least 30 s (`Rollout.step_seconds`), which must hold two scrapes."""


def guard_rails(tenant: Tenant) -> Iterator[Manifest]:
    """One monitor for all pods of a tenant; served model, part and revision become labels, so that a canary can be told apart."""
    yield _monitor(
        {"name": "pods", "namespace": tenant.namespace_name, "labels": names.tenant_labels(tenant.name, tenant.tier)},
        {names.LABEL_TENANT: tenant.name},
        [names.LABEL_TENANT, names.KSERVE_LABEL_MODEL, names.KSERVE_LABEL_PART, "serving.knative.dev/revision"],
    )


def gateways() -> Iterator[Manifest]:
    """One monitor per gateway."""
    for gateway in (names.GATEWAY_EDGE, names.GATEWAY_LOCAL):
        label = names.GATEWAY_LABEL
        yield _monitor(metadata(gateway), {label: gateway}, [label])


def _monitor(described: Metadata, selected: dict[str, str], kept_labels: list[str]) -> PodMonitor:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": described,
        "spec": {
            "selector": {"matchLabels": selected},
            "podTargetLabels": kept_labels,
            "podMetricsEndpoints": [
                {
                    "portNumber": ports.SIDECAR_METRICS_PORT,
                    "path": "/stats/prometheus",
                    "interval": f"{SCRAPE_SECONDS}s",
                    "scrapeTimeout": "10s",
                }
            ],
        },
    }
