"""What of nodes and pods the meter believes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.root import ROOT
from tests.tidegate.metering import objects
from tidegate.facts import inventory
from tidegate.facts.cluster import CapacityType
from tidegate.metering.observed import NodeRead, PodRead, tenancy_of, to_ms, to_node, to_pod
from tidegate.metering.quantities import amounts, quantity

TENANCY = tenancy_of(inventory.load(ROOT))


def read_pod(**spec: Any) -> dict[str, int]:
    return dict(to_pod(PodRead.model_validate(objects.pod(**spec)), TENANCY).requests)


def asking(cpu: str, **other: str) -> dict[str, Any]:
    return {"name": cpu, "resources": {"requests": {"cpu": cpu}}, **other}


def test_node_is_read() -> None:
    node = to_node(NodeRead.model_validate(objects.node()))
    assert (node.instance_type, node.capacity, node.cards) == ("g6.xlarge", CapacityType.SPOT, 1)
    assert node.allocatable == {"cpu": 3920, "memory": 14 * 1024, "nvidia.com/gpu": 1, "pods": 110}
    assert (node.created_ms, node.ready_ms) == (to_ms("2026-11-21T10:00:00Z"), to_ms("2026-11-21T10:01:00Z"))


@pytest.mark.parametrize(
    ("labels", "capacity"),
    [
        ({"karpenter.sh/capacity-type": "reserved"}, CapacityType.RESERVED),
        ({"karpenter.sh/capacity-type": "strange"}, CapacityType.ON_DEMAND),
    ],
)
def test_capacity_is_what_the_label_says(labels: dict[str, str], capacity: CapacityType) -> None:
    assert to_node(NodeRead.model_validate(objects.node(**labels))).capacity == capacity


def test_node_of_an_eks_group_names_its_capacity_in_capitals() -> None:
    read = objects.node()
    read["metadata"]["labels"] = {"eks.amazonaws.com/capacityType": "SPOT"}
    node = to_node(NodeRead.model_validate(read))
    assert (node.capacity, node.instance_type, node.cards) == (CapacityType.SPOT, "", 1)


def test_pod_belongs_to_the_tenant_of_its_namespace_whatever_its_labels_say() -> None:
    pod = to_pod(PodRead.model_validate(objects.pod()), TENANCY)
    assert (pod.tenant, pod.model, pod.part, pod.node) == ("assistant", "chat", "predictor", "gpu-1")
    assert (pod.bound_ms, pod.ready_ms, pod.finished, pod.floor) == (to_ms("2026-11-21T10:01:05Z"), None, False, 0)
    assert to_pod(PodRead.model_validate(objects.pod(namespace="knative-serving")), TENANCY).tenant == ""
    assert to_pod(PodRead.model_validate(objects.pod(namespace="tenant-just-removed")), TENANCY).tenant == "just-removed"


def test_floor_is_what_the_pod_was_made_with_or_else_that_of_the_tenants_file() -> None:
    read = objects.pod(namespace="tenant-credit")
    read["metadata"]["labels"] = {"serving.kserve.io/inferenceservice": "decision", "component": "transformer"}
    assert to_pod(PodRead.model_validate(read), TENANCY).floor == 2
    read["metadata"]["annotations"] = {"autoscaling.knative.dev/min-scale": "1"}  # the embedded region has smaller floors
    assert to_pod(PodRead.model_validate(read), TENANCY).floor == 1


def test_platforms_idle_pod_with_a_card_is_a_placeholder() -> None:
    read = objects.pod(namespace="platform", priorityClassName="tidegate-idle")
    assert to_pod(PodRead.model_validate(read), TENANCY).placeholder
    read["spec"]["containers"] = [asking("10m")]
    assert not to_pod(PodRead.model_validate(read), TENANCY).placeholder  # pulls images


def test_sidecars_count_beside_containers_and_the_start_counts_where_it_is_hungrier() -> None:
    sidecar = asking("100m", restartPolicy="Always")
    assert read_pod(containers=[asking("1"), asking("500m")], initContainers=[sidecar])["cpu"] == 1600
    assert read_pod(containers=[asking("1")], initContainers=[sidecar, asking("3")])["cpu"] == 3100
    assert read_pod(containers=[asking("1")], initContainers=[asking("3"), sidecar])["cpu"] == 3000
    assert read_pod(containers=[asking("1")], overhead={"cpu": "250m"})["cpu"] == 1250


@pytest.mark.parametrize(
    ("text", "number"), [("2", 2), ("1500m", 1.5), ("1.5", 1.5), ("12Gi", 12 * 2**30), ("1e3", 1000), ("2k", 2000), (".5", 0.5)]
)
def test_quantity_is_read(text: str, number: float) -> None:
    assert quantity(text) == number


@pytest.mark.parametrize("text", ["", "-1", "12GB", "1 Gi", "inf", "1e999", "m"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        quantity(text)


def test_what_is_asked_is_rounded_up_and_what_there_is_down() -> None:
    assert amounts({"cpu": "100u", "memory": "1k"}, round_up=True) == {"cpu": 1, "memory": 1}
    assert amounts({"cpu": "100u", "memory": "1k"}, round_up=False) == {"cpu": 0, "memory": 0}
