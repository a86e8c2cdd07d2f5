"""What floors are reckoned at is what they are billed, and on the machines that Karpenter would bring."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.prices import PRICES
from tests.root import ROOT
from tidegate.errors import InventoryError
from tidegate.facts import inventory
from tidegate.facts.cluster import SYSTEM_POOL, CapacityType
from tidegate.facts.money import DAYS_PER_MONTH, floor_parts, model_floor
from tidegate.facts.platform import Platform
from tidegate.facts.prices.tables import tariff_of
from tidegate.facts.tenant import Tenant
from tidegate.manifests.fit.nodes import NodeShape
from tidegate.manifests.fit.packing import pack
from tidegate.manifests.fit.pools import CAPACITY_TYPE, INSTANCE_TYPE, cluster_pools
from tidegate.manifests.fit.standing import waiting_pods
from tidegate.manifests.validate import read_rendered
from tidegate.metering.billing.bill import make_bill
from tidegate.metering.costs import SIMULATED_MIDNIGHT_MS, metered_day
from tidegate.metering.pretended_region import PretendedDay

PLATFORM = inventory.load(ROOT)
HOUR_MS = 3_600_000
HOURS = 23
"""Of a day; in the first, machines start and pods are bound."""


def changed(tenant: str, model: str, **resources: float) -> Platform:
    """The inventory with a model that asks for more."""
    old: Tenant = PLATFORM.tenants[tenant]
    asked = old.models[model].resources.model_copy(update=resources)
    models: dict[str, Any] = {**old.models, model: old.models[model].model_copy(update={"resources": asked})}
    return Platform(PLATFORM.clusters, {**PLATFORM.tenants, tenant: old.model_copy(update={"models": models})})


@pytest.mark.parametrize(
    "platform",
    [PLATFORM, changed("credit", "decision", cpu=12), changed("credit", "decision", cpu=0.5, memory_gib=1), changed("fraud", "scorer", memory_gib=20)],
    ids=["as-it-is", "many-cores-on-a-card", "little-beside-a-card", "much-memory"],
)  # fmt: skip
@pytest.mark.parametrize("region", ["live-1", "live-2"])
def test_floors_of_a_day_without_a_call_are_the_bill(platform: Platform, region: str, tmp_path: Path) -> None:
    entries = metered_day(platform, PretendedDay(region, 1, SIMULATED_MIDNIGHT_MS, {}), tmp_path, PRICES)
    steady = [entry for entry in entries if entry.start_ms >= SIMULATED_MIDNIGHT_MS + HOUR_MS]
    bill = make_bill(steady, tariff_of(PRICES, platform.clusters))
    billed = {one.tenant: one.usd_cents for one in bill.sums if one.tenant}
    cluster = platform.clusters[region]
    table = PRICES.table(cluster.region)
    floors = {
        tenant.name: sum(model_floor(cluster, model, table).usd_per_month for model in tenant.models.values())
        for tenant in platform.tenants_of(region)
    }
    assert set(billed) == {name for name, usd in floors.items() if usd} == {"credit", "fraud", "merchants", "scoring"}
    for name, cents in billed.items():
        assert cents == pytest.approx(floors[name] * 100 / DAYS_PER_MONTH * HOURS / 24, abs=1), name
    assert sum(billed.values()) == pytest.approx(sum(floors.values()) * 100 / DAYS_PER_MONTH * HOURS / 24, abs=2)


def test_slice_pays_for_its_part_of_the_machine_once() -> None:
    cluster, table = PLATFORM.clusters["live-1"], PRICES.table()
    small = changed("credit", "decision", cpu=0.5, memory_gib=1).tenants["credit"].models["decision"]
    predictor = next(floor_parts(cluster, small, table))
    assert (predictor.machine.instance_type, predictor.share) == ("p5.4xlarge", Fraction(1, 7)), "its cores come with the slice"
    many = changed("credit", "decision", cpu=12).tenants["credit"].models["decision"]
    assert next(floor_parts(cluster, many, table)).share > Fraction(3, 4), "who takes the cores takes the machine"


@pytest.mark.parametrize("region", ["live-1", "live-2"])
def test_machine_of_each_replica_is_the_one_that_karpenter_would_bring_for_it_alone(region: str) -> None:
    cluster, objects = PLATFORM.clusters[region], read_rendered(ROOT)[region]
    pools, table = (
        [pool for pool in cluster_pools(cluster, objects) if pool.name != SYSTEM_POOL],
        PRICES.table(PLATFORM.clusters[region].region),
    )

    def price(node: NodeShape) -> Fraction:
        return table.require_usd_per_hour(node.labels[INSTANCE_TYPE], CapacityType(node.labels[CAPACITY_TYPE]))

    pods = {(pod.tenant, pod.model): pod for pod in waiting_pods(objects, peak=True)}
    compared = 0
    for tenant in PLATFORM.tenants_of(region):
        for name, model in tenant.models.items():
            for part in floor_parts(cluster, model, table):
                (node,) = pack([pods[tenant.name, f"{name}-{part.name}"]], pools, price)
                kind = node.machine.labels[INSTANCE_TYPE], node.machine.labels[CAPACITY_TYPE]
                assert kind == (part.machine.instance_type, part.machine.capacity.value), f"{tenant.name}/{name} {part.name}"
                compared += 1
    assert compared == 8


def test_replica_that_leaves_too_little_of_the_small_machine_is_on_the_next() -> None:
    # Four cores less what the kubelet and the agents of every node take are 3.63; the sidecar takes a tenth.
    cluster, table = PLATFORM.clusters["live-1"], PRICES.table()
    for cpu, machine in ((3.5, "g6.xlarge"), (3.6, "g6.2xlarge")):
        chat = changed("assistant", "chat", cpu=cpu).tenants["assistant"].models["chat"]
        assert next(floor_parts(cluster, chat, table)).machine.instance_type == machine
    large = changed("assistant", "chat", cpu=7.8).tenants["assistant"].models["chat"]
    with pytest.raises(InventoryError) as refused:
        list(floor_parts(cluster, large, table))
    assert str(refused.value) == (
        "clusters/inventory/live-1/cluster.yaml: gpu_pools.l4-whole.instance_types: no machine leaves 7.8 cores and 12 GiB beside what runs on "
        "every node; add a larger instance type, or let the model ask for less [replica-without-machine]"
    )
