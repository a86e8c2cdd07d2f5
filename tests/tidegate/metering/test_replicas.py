"""A pretended autoscaler aims at what the model says: requests in flight, or per second."""

from __future__ import annotations

import pytest

from tests.prices import PRICES
from tests.root import ROOT
from tidegate.facts import inventory
from tidegate.facts.models.scaling import Scaling
from tidegate.metering.replicas import groups_of

PLATFORM = inventory.load(ROOT)


@pytest.mark.parametrize(
    ("scaling", "wanted"),
    [
        (Scaling(min_replicas=1, max_replicas=20, concurrency_target=4), 3),  # 20 a second, each half a second long: 10 in flight
        (Scaling(min_replicas=1, max_replicas=20, requests_per_second_target=4), 5),
    ],
    ids=["in-flight", "per-second"],
)
def test_replicas_follow_the_models_own_signal(scaling: Scaling, wanted: int) -> None:
    cluster = PLATFORM.clusters["live-1"]
    group = next(one for one in groups_of(PLATFORM, cluster, PRICES.table(cluster.region)) if one.name == "fraud/scorer")
    group.scaling, group.low, group.high = scaling, scaling.min_replicas, scaling.max_replicas
    group.decide(20.0, 0.5, called=True)
    assert group.wanted == wanted
