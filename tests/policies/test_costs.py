"""What each policy costs in CEL's own units: far below what the API server allows, for the largest of its cases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from clusters.components.admission import policies
from tests.policies.cases import FILES, group_of, object_of, read_case
from tests.policies.verdicts import judged, question
from tidegate.facts.platform import Platform

pytestmark = pytest.mark.apiserver

BUDGET = 10_000_000
"""RuntimeCELCostBudget of k8s.io/apiserver v0.35.4: what one binding may cost for one request."""

SHARE = 100
"""A policy may cost a hundredth of it: objects of tenants grow, and the budget's end is a refusal."""


def test_every_policy_costs_little(
    program: Path, platform: Platform, tree: Mapping[str, dict[str, Any]], record_testsuite_property: Any
) -> None:
    cluster = platform.clusters["live-1"]
    in_force = cast("list[dict[str, Any]]", list(policies.objects(platform, cluster, without=())))
    every = [*in_force, *(each for pair in policies.by_folder(platform, cluster) for each in pair)]
    by_name = {each["metadata"]["name"]: each for each in every if each["kind"] == "ValidatingAdmissionPolicy"}
    bindings = {each["metadata"]["name"]: each for each in every if each["kind"] == "ValidatingAdmissionPolicyBinding"}
    alone = {each["metadata"]["name"] for each in in_force}
    asked: list[str] = []
    questions: list[dict[str, Any]] = []
    for path in FILES:
        case, policy = read_case(path), path.parent.parent.name
        for name in (policy,) if policy in alone else (policy, group_of(object_of(case, tree))):
            asked.append(name)
            questions.append(question(by_name[name], bindings[name], case, tree))
    costs: dict[str, int] = {}
    for policy, verdict in zip(asked, judged(program, questions), strict=True):
        costs[policy] = max(verdict.cost, costs.get(policy, 0))
        assert verdict.errors == (), policy
    for policy, cost in sorted(costs.items()):
        record_testsuite_property(f"cel-cost-{policy}", cost)
    assert costs.keys() == by_name.keys()
    assert {policy: cost for policy, cost in costs.items() if not 0 < cost <= BUDGET // SHARE} == {}
