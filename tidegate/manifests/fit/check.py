"""The verdict over a cluster's rendered objects: each pod that no pool can host, what it lacks, and which pool comes nearest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tidegate.errors import Finding
from tidegate.facts.cluster import Cluster
from tidegate.manifests.fit.amounts import Amounts
from tidegate.manifests.fit.needs import PodNeeds, read_needs
from tidegate.manifests.fit.nodes import Misfit, NodeShape, misfits
from tidegate.manifests.fit.pods import ExpectedPod, expected_pods
from tidegate.manifests.fit.pools import Pool, applied_node_pools, cluster_pools
from tidegate.manifests.fit.readable import unreadable_findings
from tidegate.manifests.placed import Placed, fields
from tidegate.manifests.tree import name_of

RULE = "pod-fits-no-pool"


def fit_findings(cluster: Cluster, objects: Sequence[Placed]) -> Iterator[Finding]:
    """A finding for each pod of `objects`, all of one cluster, that no node of the cluster could ever host."""
    yield from unreadable_findings(objects)
    try:
        pools = cluster_pools(cluster, objects)
    except ValueError:  # named above, and without pools nothing can be said about a pod
        return
    without = {pool.name for pool in pools if not pool.nodes}
    for name, placed in applied_node_pools(cluster, objects).items():
        if name in without:
            yield placed.finding(
                "pool-without-node", "spec.template.spec.requirements", "no machine meets them", "change them or the limits"
            )
    runtimes = {name_of(each.manifest): each.spec for each in objects if each.kind in {"ClusterServingRuntime", "ServingRuntime"}}
    boxes = {
        name_of(each.manifest): fields(fields(each.manifest.get("overhead")).get("podFixed"))
        for each in objects
        if each.kind == "RuntimeClass"
    }
    for placed in objects:
        for pod in expected_pods(placed, runtimes):
            try:
                needs = read_needs(pod.spec, boxes.get(str(pod.spec.get("runtimeClassName", ""))))
            except ValueError:  # named above
                continue
            # A DaemonSet's own pods are among those that every node carries already.
            yield from _homeless(placed, pod, needs, _without(needs.requests, pools) if placed.kind == "DaemonSet" else pools)


def _homeless(placed: Placed, pod: ExpectedPod, needs: PodNeeds, pools: Sequence[Pool]) -> Iterator[Finding]:
    compared = [(pool, node, misfits(needs, node)) for pool in pools for node in pool.nodes]
    if any(not found for _, _, found in compared):
        return
    if not compared:
        yield placed.finding(RULE, pod.path, f"no pool can host pod {pod.name}: there are no nodes", "add a pool")
        return
    pool, node, found = min(compared, key=lambda each: (_distance(each[2]), _wasted(needs, each[1]), each[0].name, each[1].name))
    why = ", ".join(misfit.text for misfit in found)
    remedies = list(dict.fromkeys(misfit.remedy for misfit in found))
    yield placed.finding(
        RULE,
        pod.path,
        f"no pool can host pod {pod.name}: on {pool.name} ({node.name}), which comes nearest, {why}",
        " and ".join(remedies),
    )


def _distance(found: Sequence[Misfit]) -> float:
    """A pod that was meant for a pool and is too large for it is nearer to it than to a pool that it does not tolerate."""
    return sum(misfit.lack if misfit.kind == "resource" else 2 for misfit in found)


def _wasted(needs: PodNeeds, node: NodeShape) -> int:
    """Cards that the pod would leave idle: of two pools that are as near, the one without them was meant."""
    return sum(amount for resource, amount in node.allocatable.items() if "/" in resource and resource not in needs.requests)


def _without(own: Amounts, pools: Sequence[Pool]) -> list[Pool]:
    """The pools with one of their DaemonSets not there yet."""
    return [replace(pool, nodes=tuple(replace(node, daemons=_less(node.daemons, own)) for node in pool.nodes)) for pool in pools]


def _less(daemons: Sequence[Amounts], own: Amounts) -> tuple[Amounts, ...]:
    kept = list(daemons)
    if own in kept:
        kept.remove(own)
    return tuple(kept)
