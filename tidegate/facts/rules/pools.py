"""Which pools of a cluster can host a served model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tidegate.facts.cluster import CapacityType, Cluster, GpuPool, TimeSlicing
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.nodes.accelerators import TURNS, InstanceShape, instance_shapes
from tidegate.facts.nodes.node_shapes import room
from tidegate.facts.tenant import replica_parts


def named_machines(cluster: Cluster) -> Iterator[tuple[str, int, str]]:
    """Each machine that a pool of `cluster` may bring: the pool's key in the file, its place in the list and the machine."""
    pools = {"system_pool": cluster.system_pool}
    pools |= {f"cpu_pools.{name}": pool for name, pool in cluster.cpu_pools.items()}
    pools |= {f"gpu_pools.{name}": pool for name, pool in cluster.gpu_pools.items()}
    for key, pool in pools.items():
        for index, instance_type in enumerate(pool.instance_types):
            yield key, index, instance_type


def pools_for(cluster: Cluster, model: ServedModel) -> dict[str, GpuPool]:
    """The pools of a cluster that can host one replica of `model`, by name; empty for a CPU model."""
    return {name: pool for name, pool in pools_of_kind(cluster, model).items() if _machine_holds(pool, model)}


def pools_of_kind(cluster: Cluster, model: ServedModel) -> dict[str, GpuPool]:
    """The pools that offer the card, share and way to pay that `model` asks for, by name, however small their machines are."""
    if model.accelerator is None:
        return {}
    wanted = {CapacityType.SPOT} if model.capacity == "spot" else {CapacityType.ON_DEMAND, CapacityType.RESERVED}
    return {
        name: pool
        for name, pool in sorted(cluster.gpu_pools.items())
        if pool.accelerator == model.accelerator.accelerator and pool.share == model.accelerator.share and wanted & set(pool.capacity_types)
    }


def spot_pools_for(cluster: Cluster, model: ServedModel) -> list[str]:
    """The CPU pools on spot of a cluster where a model without a card runs that asks for spot, by name; empty for every other model."""
    if model.accelerator or model.capacity != "spot":
        return []
    return [name for name, pool in sorted(cluster.cpu_pools.items()) if pool.capacity == "spot"]


def most_turns(clusters: Iterable[Cluster], model: ServedModel) -> int:
    """How many pods share a card in turns in the pools that may host `model`; the most, because memory has to suffice in each."""
    sharing = [pool.sharing for cluster in clusters for pool in pools_of_kind(cluster, model).values()]
    return max((one.replicas for one in sharing if isinstance(one, TimeSlicing)), default=TURNS)


def machines_for(pool: GpuPool, model: ServedModel) -> dict[str, InstanceShape]:
    """The machines of a pool of the model's cards, by instance type, that leave room for a predictor beside the agents of every node."""
    assert model.accelerator, "only models with an accelerator have pools"
    _, _, replica = replica_parts(model)[0]
    shapes = {name: instance_shapes(pool.accelerator)[name] for name in pool.instance_types}
    return {
        name: shape
        for name, shape in shapes.items()
        if room(shape)["cpu"] >= round(replica.cpu * 1000)
        and room(shape)["memory"] >= round(replica.memory_gib * 1024) * 1024**2
        and pool.max_gpus >= shape.gpus >= model.accelerator.cards
    }


def _machine_holds(pool: GpuPool, model: ServedModel) -> bool:
    """Whether some machine of the pool is large enough for the predictor, its sidecars and its cards."""
    assert model.accelerator, "only models with an accelerator have pools"
    _, _, replica = replica_parts(model)[0]
    shapes = instance_shapes(pool.accelerator)
    return any(
        shape.vcpus >= replica.cpu and shape.memory_gib >= replica.memory_gib and pool.max_gpus >= shape.gpus >= model.accelerator.cards
        for shape in (shapes[instance_type] for instance_type in pool.instance_types)
    )
