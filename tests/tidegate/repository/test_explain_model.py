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


def test_limits_that_callers_meet_are_told_with_where_they_come_from() -> None:
    told = {row.path: (row.value, row.source) for row in explain_model(Checkout(ROOT), "fraud/scorer") if row.path.startswith("limits.")}
    assert told == {
        "limits.body_mib": ("4", "rule: a replica's memory over its concurrency"),
        "limits.in_flight": ("3000", "rule: by the tenant's requests_per_second"),
        "limits.requests_per_second": ("600", "gitops/tenants/fraud.yaml (requests_per_second)"),
        "limits.requests_per_second.card-authorisation": ("600", "gitops/tenants/fraud.yaml (callers)"),
    }
