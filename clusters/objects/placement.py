"""Where a served model may run: the tolerations, selectors and priority of its pods."""

from __future__ import annotations

from collections.abc import Iterable

from clusters.objects.kserve import Placement, Toleration
from tidegate.facts import names
from tidegate.facts.cluster import CapacityType, Cluster, GpuPool
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.nodes.accelerators import AcceleratorShare
from tidegate.facts.rules.pools import pools_for, spot_pools_for
from tidegate.facts.tenant import Tenant, Tier

CAPACITY_TYPE_LABEL = "karpenter.sh/capacity-type"


def resource_name(pool: GpuPool) -> str:
    """The extended resource that a pod asks of a pool's nodes."""
    return AcceleratorShare(accelerator=pool.accelerator, share=pool.share).resource_name


def priority_class(tenant: Tenant, model: ServedModel) -> str:
    """The tier's class; a shadow serves nobody, so it gives way as batch work does whatever its tenant's tier."""
    return names.priority_class(Tier.BATCH if model.rollout.strategy == "shadow" else tenant.tier)


def placement(cluster: Cluster, model: ServedModel) -> Placement:
    """Selector and toleration for the pools that can host `model`; empty for a CPU model on demand.

    The taint's value is the pool's name, so that a pod tolerates its own pools and no other.
    """
    if on_spot := spot_pools_for(cluster, model):
        return {"tolerations": _tolerations(names.SPOT_TAINT_KEY, on_spot), "nodeSelector": {CAPACITY_TYPE_LABEL: CapacityType.SPOT.value}}
    pools = pools_for(cluster, model)
    if not pools:
        return {}
    placed: Placement = {"tolerations": _tolerations(names.GPU_TAINT_KEY, pools)}
    selector: dict[str, str] = {}
    wanted: dict[str, list[str]] = {}
    if len(pools) == 1:
        selector[names.LABEL_GPU_POOL] = next(iter(pools))
    else:
        wanted[names.LABEL_GPU_POOL] = list(pools)
    offered = {capacity for pool in pools.values() for capacity in pool.capacity_types}
    if model.capacity == "spot" and offered != {CapacityType.SPOT}:
        selector[CAPACITY_TYPE_LABEL] = CapacityType.SPOT.value
    if model.capacity == "on-demand" and CapacityType.SPOT in offered:
        wanted[CAPACITY_TYPE_LABEL] = [CapacityType.ON_DEMAND.value, CapacityType.RESERVED.value]
    if selector:
        placed["nodeSelector"] = selector
    if wanted:
        expressions = [{"key": key, "operator": "In", "values": values} for key, values in wanted.items()]
        terms = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": expressions}]}}
        placed["affinity"] = {"nodeAffinity": terms}
    return placed


def _tolerations(taint: str, pools: Iterable[str]) -> list[Toleration]:
    return [{"key": taint, "operator": "Equal", "value": pool, "effect": "NoSchedule"} for pool in pools]
