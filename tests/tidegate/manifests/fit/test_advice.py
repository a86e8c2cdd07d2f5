"""Advice names what hosts floors and peaks for less, what it saves, and what somebody has to check before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.prices import PRICES
from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.facts.cluster import CapacityType, Cluster
from tidegate.facts.platform import Platform
from tidegate.manifests.fit.advice import Advice, Choice, advise
from tidegate.manifests.placed import Placed
from tidegate.manifests.validate import read_folder

INSTANCE_TYPE = "node.kubernetes.io/instance-type"


@pytest.fixture(scope="module")
def platform() -> Platform:
    return inventory.load(ROOT)


@pytest.fixture(scope="module")
def objects() -> list[Placed]:
    return list(read_folder(ROOT / "gitops" / "rendered").objects["live-1"])


def advised(platform: Platform, objects: Sequence[Placed], cluster: Cluster | None = None) -> dict[str, Advice]:
    found = advise(platform, cluster or platform.clusters["live-1"], objects, PRICES.table())
    return {advice.pool: advice for advice in found}


def with_machines(objects: Sequence[Placed], pool: str, *machines: str) -> list[Placed]:
    """The objects with other machines in a NodePool, and a shared card's overlay for each."""
    changed: list[Placed] = []
    for placed in objects:
        manifest: Any = placed.manifest
        if placed.kind == "NodePool" and manifest["metadata"]["name"] == pool:
            template = manifest["spec"]["template"]
            requirements = [
                {**one, "values": list(machines)} if one["key"] == INSTANCE_TYPE else one for one in template["spec"]["requirements"]
            ]
            spec = {**manifest["spec"], "template": {**template, "spec": {**template["spec"], "requirements": requirements}}}
            manifest = {**manifest, "spec": spec}
        if placed.kind == "NodeOverlay":
            requirements = [
                {**one, "values": list(machines)} if one["key"] == INSTANCE_TYPE else one for one in manifest["spec"]["requirements"]
            ]
            manifest = {**manifest, "spec": {"requirements": requirements, "capacity": {"nvidia.com/mig-1g.10gb": "56"}}}
        changed.append(Placed(placed.source, manifest, placed.tenant_namespace))
    return changed


def test_slices_on_eight_cards_are_told_to_take_machines_of_one(platform: Platform, objects: list[Placed]) -> None:
    cluster = platform.clusters["live-1"]
    roomy = cluster.gpu_pools["h100-slices"].model_copy(update={"max_gpus": 64})
    large = cluster.model_copy(update={"gpu_pools": {**cluster.gpu_pools, "h100-slices": roomy}})
    advice = advised(platform, with_machines(objects, "h100-slices", "p5.48xlarge"), large)["h100-slices"]
    assert advice.same_kind
    assert (advice.now.machines, advice.now.floor_nodes) == (("p5.48xlarge",), 2)
    assert (advice.same_kind.machines, advice.same_kind.floor_nodes) == (("p5.4xlarge",), 2)
    assert advice.same_kind.floor_usd_per_month == pytest.approx(2 * 6.88 * 720)
    assert advice.same_kind.checks[0].startswith("offered in eu-west-1? aws ec2 describe-instance-type-offerings --region eu-west-1 ")


def test_committed_slices_could_only_be_cheaper_on_another_card(platform: Platform, objects: list[Placed]) -> None:
    advice = advised(platform, objects)["h100-slices"]
    assert advice.same_kind is None
    assert advice.any_kind
    # The pod asks for four cores, which the smallest machine with a whole L4 does not have.
    assert (advice.any_kind.machines, advice.any_kind.card) == (("g6f.4xlarge",), "nvidia-l4-12gb whole")
    assert advice.any_kind.capacity != "spot", "a regulated tenant gets no spot"
    assert advice.now.floor_usd_per_month - advice.any_kind.floor_usd_per_month == pytest.approx(2 * 720 * (6.88 - 0.95))
    assert "measure the SLOs of credit/decision on it, then change their accelerator" in advice.any_kind.checks
    assert any("GRID driver" in check for check in advice.any_kind.checks)


def test_pool_from_zero_is_advised_by_its_peak(platform: Platform, objects: list[Placed]) -> None:
    advice = advised(platform, objects)["l4-whole"]
    assert (advice.now.floor_nodes, advice.now.floor_usd_per_month) == (0, 0)
    assert (advice.now.peak_nodes, advice.now.peak_usd_per_hour) == (4, pytest.approx(4 * 0.8048))
    assert advice.same_kind is None
    assert advice.any_kind
    assert (advice.any_kind.machines, advice.any_kind.capacity) == (("g6.xlarge",), "spot")
    assert "assistant/chat must bear two minutes' notice, and say capacity: spot" in advice.any_kind.checks


def test_graviton_is_another_kind_until_the_pool_says_that_images_are_built_for_it(platform: Platform, objects: list[Placed]) -> None:
    cluster = platform.clusters["live-1"]
    advice = advised(platform, objects)["cpu"]
    assert advice.same_kind
    assert advice.any_kind
    assert {name.partition(".")[0] for name in advice.same_kind.machines} == {"c7i"}
    assert {name.partition(".")[0] for name in advice.any_kind.machines} == {"c8g"}
    assert any("none of ours is known to be" in check for check in advice.any_kind.checks)
    built = cluster.model_copy(
        update={"cpu_pools": {**cluster.cpu_pools, "cpu": cluster.cpu_pools["cpu"].model_copy(update={"arm64_images": True})}}
    )
    allowed = advised(platform, objects, built)["cpu"]
    assert allowed.same_kind
    assert (allowed.same_kind.machines, allowed.any_kind) == (advice.any_kind.machines, None)
    assert not any("arm64" in check for check in allowed.same_kind.checks)


def test_peak_above_the_limit_is_told_and_nothing_is_offered_for_it(platform: Platform, objects: list[Placed]) -> None:
    cluster = platform.clusters["live-1"]
    small = cluster.model_copy(
        update={"cpu_pools": {**cluster.cpu_pools, "cpu": cluster.cpu_pools["cpu"].model_copy(update={"max_cpu": 8})}}
    )
    advice = advised(platform, objects, small)["cpu"]
    assert (advice.now.machines, advice.now.checks) == ((), ("the peaks are above the pool's limit",))
    assert (advice.same_kind, advice.any_kind) == (None, None)


def choice(floor: float, peak: float, *machines: str) -> Choice:
    return Choice(machines, CapacityType.ON_DEMAND, "", 1, floor, 1, peak)


@pytest.mark.parametrize(
    ("offer", "saves"),
    [
        (choice(90, 1, "a"), True), (choice(100, 0.9, "a"), True), (choice(90, 1.1, "a"), False), (choice(101, 0.5, "a"), False),
        (choice(100, 1, "a"), False), (choice(0, 0), False),
    ],
    ids=["floors", "peaks", "dearer-peak", "dearer-floors", "the-same", "hosts-nothing"],
)  # fmt: skip
def test_what_would_cost_more_at_the_floors_or_the_peaks_is_no_saving(offer: Choice, saves: bool) -> None:
    assert offer.saves(choice(100, 1, "now")) is saves
    assert offer.saves(choice(0, 0)) is bool(offer.machines), "what hosts them is better than what does not"


def test_nothing_that_is_advised_costs_more(platform: Platform, objects: list[Placed]) -> None:
    table = PRICES.table()
    # The larger machine is dear alone and cheap for many, so that cheaper floors have dearer peaks.
    odd = table.model_copy(update={"on_demand": {**table.on_demand, "m7i.xlarge": 0.2, "c7i.xlarge": 0.19, "m7i.4xlarge": 0.3}})
    found = list(advise(platform, platform.clusters["live-1"], objects, odd))
    assert {advice.pool for advice in found} >= {"cpu", "h100-slices"}
    for advice in found:
        for each in (advice.same_kind, advice.any_kind):
            assert each is None or each.saves(advice.now), advice
