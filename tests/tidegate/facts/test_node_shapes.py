"""What a machine leaves to pods is never more than it has, and every machine of the inventory is in a table."""

from __future__ import annotations

import pytest

from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.facts.nodes.node_shapes import allocatable, known_instance_types, shape_of


def test_every_machine_of_the_inventory_has_a_size() -> None:
    for cluster in inventory.load(ROOT).clusters.values():
        pools = [cluster.system_pool, *cluster.gpu_pools.values(), *cluster.cpu_pools.values()]
        assert all(shape_of(instance_type) for pool in pools for instance_type in pool.instance_types)
    assert shape_of("x1.large") is None


@pytest.mark.parametrize("instance_type", known_instance_types())
def test_node_keeps_a_part_of_its_machine(instance_type: str) -> None:
    shape = shape_of(instance_type)
    assert shape
    left = allocatable(shape)
    assert 0.95 * shape.vcpus * 1000 < left["cpu"] < shape.vcpus * 1000
    assert 0.7 * shape.memory_gib * 1024**3 < left["memory"] < shape.memory_gib * 1024**3
    assert left.get("nvidia.com/gpu", 0) == shape.gpus


def test_reserved_cores_follow_the_kubelets_steps() -> None:
    large, small = shape_of("p5.48xlarge"), shape_of("m7i.xlarge")
    assert large
    assert small
    assert allocatable(small)["cpu"] == 4000 - 80
    assert allocatable(large)["cpu"] == 192_000 - 80 - 470
    assert (allocatable(small)["pods"], allocatable(large)["pods"]) == (110, 250)
    # 16 GiB less 7.5 %, 255 MiB, 11 MiB for each of 110 pods and 100 MiB for eviction.
    assert allocatable(small)["memory"] // 1024**2 == 13_590
