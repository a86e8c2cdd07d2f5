"""Cards that nobody measures are found before the merge."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from clusters.delivery import gpu_operator
from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.manifests.gpu_metrics import CHART, gpu_metrics_findings
from tidegate.manifests.placed import Placed

CLUSTER = inventory.load(ROOT).clusters["live-1"]


def _lines(manifest: Any) -> list[str]:
    return [str(found) for found in gpu_metrics_findings(CLUSTER, [Placed("application.yaml", manifest)])]


@pytest.fixture
def operator() -> Any:
    (manifest,) = gpu_operator.objects(CLUSTER)
    return copy.deepcopy(manifest)


def test_rendered_operator_measures_and_is_read(operator: Any) -> None:
    assert operator["spec"]["source"]["chart"] == CHART
    assert _lines(operator) == []


def test_operator_without_exporter_is_refused(operator: Any) -> None:
    operator["spec"]["source"]["helm"]["valuesObject"]["dcgmExporter"] = {"enabled": False}
    assert _lines(operator) == [
        (
            "application.yaml: spec.source.helm.valuesObject.dcgmExporter.enabled: use and faults of the cards are not measured; "
            "set it to true [gpu-pool-without-metrics]"
        )
    ]


def test_exporter_that_nobody_reads_is_refused(operator: Any) -> None:
    operator["spec"]["source"]["helm"]["valuesObject"]["dcgmExporter"] = {"enabled": True}
    assert _lines(operator) == [
        (
            "application.yaml: spec.source.helm.valuesObject.dcgmExporter.serviceMonitor.enabled: nobody reads what is measured of the cards; "
            "set it to true [gpu-pool-without-metrics]"
        )
    ]


def test_pools_without_operator_are_refused(operator: Any) -> None:
    operator["spec"]["source"]["chart"] = "another"
    assert _lines(operator) == [
        (
            "clusters/inventory/live-1/cluster.yaml: gpu_pools = h100-slices, l4-whole, a10g-spot: no Application of gpu-operator is rendered "
            "for it; render clusters/delivery/gpu_operator.py [gpu-pool-without-metrics]"
        )
    ]


def test_pretended_cards_need_no_exporter(operator: Any) -> None:
    pretended = CLUSTER.model_copy(update={"gpu_nodes": "kwok"})
    assert list(gpu_metrics_findings(pretended, [])) == []
    without = CLUSTER.model_copy(update={"gpu_pools": {}})
    assert list(gpu_metrics_findings(without, [Placed("application.yaml", operator)])) == []
