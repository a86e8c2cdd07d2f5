"""Where a model's values come from, for those that a cluster decides."""

from __future__ import annotations

from tests.root import ROOT
from tidegate.checkout import Checkout
from tidegate.repository.explain_model import explain_model


def test_pool_on_spot_is_told_of_the_model_that_asks_for_it_and_of_no_other() -> None:
    told = {row.path: row for row in explain_model(Checkout(ROOT), "scoring/fraud-shadow")}
    assert (told["live-2.cpu_pool"].value, told["live-2.cpu_pool"].source) == (
        "cpu-spot", "clusters/inventory/live-2/cluster.yaml (cpu_pools.cpu-spot)",
    )  # fmt: skip
    for model in ("fraud/scorer", "scoring/batch"):
        assert not [row.path for row in explain_model(Checkout(ROOT), model) if row.path.endswith(".cpu_pool")], model
