"""Whether the clusters of a tenant have a pool for each of its models: of that card, that share and that way to pay, and large enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidegate.errors import Finding
from tidegate.facts.cluster import Cluster
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.numerals import decimal
from tidegate.facts.rules.pools import pools_for, pools_of_kind, spot_pools_for


def hosting_findings(source: str, clusters: Sequence[Cluster], name: str, model: ServedModel) -> Iterator[Finding]:
    """Where the model `name` has no pool in some of `clusters`, those of its tenant. Pods without a card are judged when rendered."""
    if model.accelerator:
        yield from _accelerator_findings(source, clusters, name, model)
    elif model.capacity == "spot" and (lacking := [cluster for cluster in clusters if not spot_pools_for(cluster, model)]):
        yield Finding(
            source, f"models.{name}.capacity", "spot-in-no-pool", f"no CPU pool of {_names(lacking)} is on spot",
            "remove it, or add a pool with capacity: spot to cpu_pools", model.capacity,
        )  # fmt: skip


def _accelerator_findings(source: str, clusters: Sequence[Cluster], name: str, model: ServedModel) -> Iterator[Finding]:
    assert model.accelerator, "only models with an accelerator have pools"
    lacking = [cluster for cluster in clusters if not pools_for(cluster, model)]
    if without := [cluster for cluster in lacking if not pools_of_kind(cluster, model)]:
        offered = {f"{pool.accelerator} {pool.share}" for cluster in without for pool in cluster.gpu_pools.values()}
        yield Finding(
            source, f"models.{name}.accelerator", "accelerator-in-no-pool",
            f"no GPU pool of {_names(without)} offers it", f"choose one of {', '.join(sorted(offered)) or 'none'}, or add a pool",
            f"{model.accelerator.accelerator} {model.accelerator.share} ({model.capacity})",
        )  # fmt: skip
    if too_small := [cluster for cluster in lacking if cluster not in without]:
        pools = sorted({pool for cluster in too_small for pool in pools_of_kind(cluster, model)})
        yield Finding(
            source, f"models.{name}.resources", "replica-above-machines",
            f"with its sidecars it is larger than every machine of {', '.join(pools)} in {_names(too_small)}",
            "ask for less, or add a larger instance type to the pool",
            f"{decimal(model.resources.cpu)} cores, {decimal(model.resources.memory_gib)} GiB, {model.accelerator.count} x {model.accelerator.share}",
        )  # fmt: skip


def _names(clusters: Sequence[Cluster]) -> str:
    return ", ".join(cluster.name for cluster in clusters)
