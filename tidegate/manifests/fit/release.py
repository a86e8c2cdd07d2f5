"""Whether pools have room for a release: the floors of all models, and beside them the new version of one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from tidegate.errors import Finding
from tidegate.facts import names
from tidegate.facts.cluster import SYSTEM_POOL, CapacityType, Cluster
from tidegate.facts.prices.tables import PriceTable
from tidegate.facts.rules.room import SURGE
from tidegate.manifests.fit.amounts import read_quantity, shown
from tidegate.manifests.fit.needs import read_needs
from tidegate.manifests.fit.nodes import NodeShape
from tidegate.manifests.fit.packing import WaitingPod, pack
from tidegate.manifests.fit.pods import DEPLOYMENT_MODE, expected_pods
from tidegate.manifests.fit.pools import CAPACITY_TYPE, INSTANCE_TYPE, applied_node_pools, cluster_pools, whole_machine
from tidegate.manifests.fit.standing import waiting_pods
from tidegate.manifests.placed import Placed, fields
from tidegate.manifests.tree import name_of

RULE = "release-above-pool"


def release_findings(cluster: Cluster, objects: Sequence[Placed], table: PriceTable, models: Collection[str]) -> Iterator[Finding]:
    """A finding for each of `models` (`<tenant>/<model>`) whose release needs more machines than its pool may bring.

    Nodes are packed as Karpenter packs them, from none; a limit counts whole machines, as it does for Karpenter. A pod that no pool can host
    counts for nothing here (`fit_findings` says so). Raises `ValueError` for a quantity that cannot be read.
    """
    pools = [pool for pool in cluster_pools(cluster, objects) if pool.name != SYSTEM_POOL]
    limits = {
        name: {resource: int(read_quantity(limit) * (1000 if resource == "cpu" else 1)) for resource, limit in fields(placed.spec.get("limits")).items()}
        for name, placed in applied_node_pools(cluster, objects).items()
    }  # fmt: skip

    def price(node: NodeShape):  # noqa: ANN202 - as `pack` asks for it
        return table.require_usd_per_hour(node.labels[INSTANCE_TYPE], CapacityType(node.labels[CAPACITY_TYPE]))

    floors = waiting_pods(objects, peak=False)
    for placed in objects:
        tenant = str(fields(placed.metadata.get("labels")).get(names.LABEL_TENANT, ""))
        model = f"{tenant}/{name_of(placed.manifest)}"
        if placed.kind != "InferenceService" or model not in models:
            continue
        used: dict[str, Counter[str]] = {}
        for node in pack([*floors, *_second_version(placed, tenant, objects)], pools, price):
            used.setdefault(node.pool, Counter()).update(whole_machine(node.machine.labels))
        for pool, amounts in sorted(used.items()):
            for resource, limit in limits.get(pool, {}).items():
                if amounts[resource] > limit:
                    yield placed.finding(
                        RULE, "spec.predictor.minReplicas",
                        f"while {model} is released, both versions beside all floors need {shown(resource, amounts[resource])} of {resource} in pool {pool}, "
                        f"which may bring {shown(resource, limit)}",
                        f"lower floors, or raise the limit of {pool} in clusters/inventory/{cluster.name}/cluster.yaml",
                        fields(placed.spec.get("predictor")).get("minReplicas", ""),
                    )  # fmt: skip


def _second_version(placed: Placed, tenant: str, objects: Sequence[Placed]) -> Iterator[WaitingPod]:
    """The pods that a release starts beside those that serve (`tidegate.facts.rules.room`)."""
    runtimes = {name_of(each.manifest): each.spec for each in objects if each.kind in {"ClusterServingRuntime", "ServingRuntime"}}
    knative = fields(placed.metadata.get("annotations")).get(DEPLOYMENT_MODE) == "Knative"
    for pod in expected_pods(placed, runtimes):
        low = fields(placed.spec.get(pod.path.rpartition(".")[2])).get("minReplicas")
        floor = low if isinstance(low, int) else 1
        count = max(floor, 1) if knative else math.ceil(SURGE * floor)
        yield from [WaitingPod(tenant, pod.name, read_needs(pod.spec))] * count
