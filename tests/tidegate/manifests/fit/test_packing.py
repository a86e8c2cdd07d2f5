"""Floors are counted in whole machines, packed as Karpenter packs pods that wait together."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.prices import PRICES
from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.facts.platform import Platform
from tidegate.manifests.budgets import budget_findings, nodes_of
from tidegate.manifests.fit.needs import PodNeeds
from tidegate.manifests.fit.nodes import NodeShape
from tidegate.manifests.fit.packing import WaitingPod, pack
from tidegate.manifests.fit.pools import Pool
from tidegate.manifests.fit.standing import PLATFORM, standing_nodes, usd_per_month_by_tenant
from tidegate.manifests.placed import Placed
from tidegate.manifests.validate import read_folder

GIB = 1024**3
USD = {"small": Fraction(1), "large": Fraction(2), "carded": Fraction(9)}


def machine(name: str, cores: int, **more: int) -> NodeShape:
    return NodeShape(name, {}, (), {"cpu": cores * 1000, "memory": cores * 4 * GIB, "pods": 10, **more}, daemons=({"cpu": 500},))


POOLS = [Pool("plain", (machine("large", 8), machine("small", 4))), Pool("z-cards", (machine("carded", 8, card=2),))]


def pod(cores: float, spread: str = "", **more: int) -> WaitingPod:
    return WaitingPod("t", "m", PodNeeds({"cpu": round(cores * 1000), "memory": GIB, **more}), spread)


def packed(*pods: WaitingPod) -> list[tuple[str, str, int]]:
    return [(node.pool, node.machine.name, len(node.pods)) for node in pack(pods, POOLS, lambda node: USD[node.name])]


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        ([], []),
        ([pod(3)], [("plain", "small", 1)]),
        ([pod(3), pod(3)], [("plain", "large", 2)]),
        ([pod(3), pod(3), pod(3)], [("plain", "large", 2), ("plain", "small", 1)]),
        ([pod(3, "a"), pod(3, "a")], [("plain", "small", 1), ("plain", "small", 1)]),
        ([pod(3, "a"), pod(3, "a"), pod(0.5, "b")], [("plain", "small", 2), ("plain", "small", 1)]),
        ([pod(1, card=1), pod(1, card=1)], [("z-cards", "carded", 2)]),
        ([pod(1, card=1), pod(1, card=1), pod(1, card=1)], [("z-cards", "carded", 2), ("z-cards", "carded", 1)]),
        ([pod(9)], []),
        ([pod(0.1)] * 20, [("plain", "small", 9), ("plain", "small", 9), ("plain", "small", 2)]),
    ],
    ids=[
        "nothing",
        "one",
        "two-share",
        "three-do-not",
        "spread",
        "others-fill-up",
        "cards",
        "no-card-left",
        "fits-nowhere",
        "pods-per-node",
    ],
)
def test_nodes_are_those_that_karpenter_brings(pods: list[WaitingPod], expected: list[tuple[str, str, int]]) -> None:
    assert packed(*pods) == expected


@pytest.fixture(scope="module")
def platform() -> Platform:
    return inventory.load(ROOT)


@pytest.fixture(scope="module")
def objects() -> dict[str, list[Placed]]:
    return {name: list(placed) for name, placed in read_folder(ROOT / "gitops" / "rendered").objects.items()}


@pytest.mark.parametrize("cluster", ["live-1", "live-2"])
def test_two_slices_keep_two_machines_of_one_card_alive(platform: Platform, objects: dict[str, list[Placed]], cluster: str) -> None:
    nodes = standing_nodes(platform.clusters[cluster], objects[cluster], PRICES.table())
    slices = [node for node in nodes if node.pool == "h100-slices"]
    assert [(node.instance_type, node.capacity, node.shares) for node in slices] == [("p5.4xlarge", "reserved", {"credit": 1})] * 2
    assert not [node for node in nodes if node.pool in {"l4-whole", "a10g-spot"}], "nobody's floor is on them"
    # Fraud's six floors keep off each other's hosts, and nothing else needs a seventh.
    assert len([node for node in nodes if node.pool == "cpu"]) == 6
    assert len([node for node in nodes if node.pool == "system"]) == platform.clusters[cluster].system_pool.min_nodes


def test_tenants_and_the_platform_keep_the_nodes_to_the_cent(platform: Platform, objects: dict[str, list[Placed]]) -> None:
    nodes = nodes_of(platform, objects, PRICES)
    kept = usd_per_month_by_tenant(nodes)
    assert sum(kept.values(), Fraction(0)) == sum((node.usd_per_hour for node in nodes), Fraction(0)) * 720
    assert set(kept) == {PLATFORM, "credit", "fraud", "merchants", "scoring"}  # the assistant's floor is nothing


def test_cluster_without_objects_keeps_nothing(platform: Platform) -> None:
    assert nodes_of(platform, {}, PRICES) == []


def test_budget_that_does_not_pay_for_whole_nodes_is_a_finding(platform: Platform, objects: dict[str, list[Placed]]) -> None:
    assert list(budget_findings(platform, objects, PRICES)) == []
    # 4,547 USD was what the slices were reckoned at while machines were not counted.
    poor = platform.tenants["credit"].model_copy(update={"budget_usd_per_month": 4547.0})
    (finding,) = budget_findings(Platform(platform.clusters, {**platform.tenants, "credit": poor}), objects, PRICES)
    assert str(finding) == (
        "gitops/tenants/credit.yaml: budget_usd_per_month = 4547: the floors alone keep 1 m7i.2xlarge, 1.38 m7i.xlarge, 4 p5.4xlarge alive, "
        "20,305.68 USD a month in all clusters; raise it to 20306 or lower floors [budget-below-floors]"
    )


def test_one_more_floor_where_there_is_no_room_costs_a_machine(platform: Platform, objects: dict[str, list[Placed]]) -> None:
    cluster = platform.clusters["live-1"]
    before = standing_nodes(cluster, objects["live-1"], PRICES.table())
    raised: list[Placed] = []
    for placed in objects["live-1"]:
        manifest: Any = placed.manifest
        if placed.source.endswith("fraud/inferenceservice-scorer.yaml"):
            spec = {**manifest["spec"], "predictor": {**manifest["spec"]["predictor"], "minReplicas": 7}}
            manifest = {**manifest, "spec": spec}
        raised.append(Placed(placed.source, manifest, placed.tenant_namespace))
    after = standing_nodes(cluster, raised, PRICES.table())
    assert len(after) == len(before) + 1
