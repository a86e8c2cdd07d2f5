"""A region of many tenants is rendered and found valid, in time and memory that `make bench` measures for more of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from clusters.components.network import edge_limits, mesh
from clusters.components.network.shares import RULES_MAX, shares
from clusters.objects.istio import Rule
from tests.measure.bench.many_tenants import CLUSTER, measure, platform_of
from tests.root import ROOT
from tidegate.facts.platform import Platform
from tidegate.manifests.sizes import BYTES_MAX


def test_two_hundred_tenants_with_five_models_each_are_rendered_and_valid() -> None:
    found = measure(ROOT, 200, 5)
    assert found.findings == ()
    assert found.objects > 6000
    assert found.largest_bytes < BYTES_MAX / 4, found.largest
    assert found.check_s + found.render_s + found.validate_s < 30


def _policies(platform: Platform) -> Mapping[str, list[Any]]:
    cluster = platform.clusters[CLUSTER]
    found = cast("list[Any]", [*edge_limits.objects(platform, cluster), *mesh.objects(platform, cluster)])
    return {one["metadata"]["name"]: one["spec"].get("rules", []) for one in found if one["kind"] == "AuthorizationPolicy"}


def test_tenants_beyond_the_rules_of_one_policy_are_allowed_by_the_next() -> None:
    many, one = _policies(platform_of(ROOT, RULES_MAX + 1, 1)), _policies(platform_of(ROOT, 1, 1))
    assert {name: len(rules) for name, rules in many.items() if name.startswith(("tenants", "local-gateway", "activator"))} == {
        "tenants": 512, "tenants-2": 1, "local-gateway": 512, "local-gateway-2": 1, "local-gateway-probes": 512, "local-gateway-probes-2": 1,
        "activator": 512, "activator-2": 512, "activator-3": 3, "activator-headers": 2,
    }  # fmt: skip
    assert one["tenants"][0] == many["tenants"][0]


@pytest.mark.parametrize(("rules", "sizes"), [(0, [0]), (1, [1]), (512, [512]), (513, [512, 1])])
def test_rules_are_dealt_out_in_their_order(rules: int, sizes: list[int]) -> None:
    given: list[Rule] = [{"from": [{"source": {"namespaces": [str(number)]}}]} for number in range(rules)]
    found = list(shares("tenants", given))
    assert [len(share) for _, share in found] == sizes
    assert [rule for _, share in found for rule in share] == given
    assert [name for name, _ in found] == ["tenants", "tenants-2"][: len(sizes)]
