"""What a floor costs by the share of machines that it keeps from others."""

from __future__ import annotations

import pytest

from tests.prices import PRICES
from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.facts.money import model_floor
from tidegate.facts.prices.tables import SPOT_SHARE_OF_ON_DEMAND

TABLE = PRICES.table()
PLATFORM = inventory.load(ROOT)
CLUSTER = PLATFORM.clusters["live-1"]
SPOT_MACHINE, MACHINE = (TABLE.on_demand[name] for name in ("m6i.xlarge", "m7i.xlarge"))


def test_model_on_spot_is_reckoned_at_the_price_of_spot_and_its_companions_are_not() -> None:
    """As they are placed: the predictor selects spot, transformer and explainer do not."""
    on_spot = PLATFORM.tenants["scoring"].models["fraud-shadow"]
    on_demand = on_spot.model_copy(update={"capacity": "on-demand"})
    assert model_floor(CLUSTER, on_spot, TABLE).usd_per_month == pytest.approx(
        SPOT_SHARE_OF_ON_DEMAND * SPOT_MACHINE / MACHINE * model_floor(CLUSTER, on_demand, TABLE).usd_per_month, abs=0.02
    )
    features = {"transformer": PLATFORM.tenants["credit"].models["decision"].transformer}
    beside = [
        model_floor(CLUSTER, model.model_copy(update=features), TABLE).usd_per_month - model_floor(CLUSTER, model, TABLE).usd_per_month
        for model in (on_spot, on_demand)
    ]
    assert beside[0] == pytest.approx(beside[1], abs=0.02)
    assert beside[0] > 50
