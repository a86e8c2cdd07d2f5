"""The comparison of admission finds the objects that it creates in the rendered tree."""

from __future__ import annotations

from tests.measure.bench.admission import CLUSTER, QUOTA, SERVICE
from tests.policies.tenant_objects import rendered
from tests.root import ROOT
from tidegate.facts import inventory


def test_objects_of_the_comparison_are_rendered() -> None:
    tree = rendered(inventory.load(ROOT), CLUSTER)
    assert [tree[path]["kind"] for path in (QUOTA, SERVICE)] == ["ResourceQuota", "InferenceService"]
