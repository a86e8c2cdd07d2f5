"""A machine without a price in its region is a finding: nothing is planned as if it cost nothing."""

from __future__ import annotations

from tests.prices import PRICES
from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.facts.prices.tables import PriceBook
from tidegate.manifests.budgets import unpriced_findings


def test_every_machine_of_the_committed_clusters_has_a_price() -> None:
    assert list(unpriced_findings(inventory.load(ROOT), PRICES)) == []


def test_machine_that_the_regions_table_lacks_is_named() -> None:
    listed = PRICES.table()
    without = {name: price for name, price in listed.on_demand.items() if name != "p5.4xlarge"}
    european = listed.model_copy(update={"region": "eu-west-1", "on_demand": without})
    book = PriceBook({**PRICES.tables, "eu-west-1": european})
    (found,) = map(str, unpriced_findings(inventory.load(ROOT), book))
    assert found == (
        "clusters/inventory/live-1/cluster.yaml: gpu_pools.h100-slices.instance_types[0] = p5.4xlarge: clusters/prices/eu-west-1.yaml has no "
        "price of it, so its cost is unknown; read the region's prices again with `tidegate cost prices refresh`, or name another machine "
        "[price-missing-in-region]"
    )
