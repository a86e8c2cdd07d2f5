"""Whether a cluster's cards are watched: NVIDIA's operator runs DCGM's exporter on their nodes, and Prometheus reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidegate.errors import Finding
from tidegate.facts.cluster import Cluster
from tidegate.facts.platform import cluster_source
from tidegate.manifests.placed import Placed, fields

RULE = "gpu-pool-without-metrics"
CHART = "gpu-operator"


def gpu_metrics_findings(cluster: Cluster, objects: Sequence[Placed]) -> Iterator[Finding]:
    """A finding where the cards of a cluster's pools would be paid for and not measured. KWOK's nodes have none to measure."""
    if not cluster.gpu_pools or cluster.gpu_nodes == "kwok":
        return
    operators = [each for each in objects if each.kind == "Application" and fields(each.spec.get("source")).get("chart") == CHART]
    if not operators:
        pools = ", ".join(cluster.gpu_pools)
        yield Finding(
            cluster_source(cluster.name), "gpu_pools", RULE, f"no Application of {CHART} is rendered for it",
            "render clusters/delivery/gpu_operator.py", pools,
        )  # fmt: skip
    for placed in operators:
        values = fields(fields(fields(placed.spec.get("source")).get("helm")).get("valuesObject"))
        exporter, at = fields(values.get("dcgmExporter")), "spec.source.helm.valuesObject.dcgmExporter"
        if exporter.get("enabled") is not True:
            yield placed.finding(RULE, f"{at}.enabled", "use and faults of the cards are not measured", "set it to true")
        elif fields(exporter.get("serviceMonitor")).get("enabled") is not True:
            yield placed.finding(RULE, f"{at}.serviceMonitor.enabled", "nobody reads what is measured of the cards", "set it to true")
