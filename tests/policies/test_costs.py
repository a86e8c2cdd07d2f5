"""What each policy costs in CEL's own units: far below what the API server allows, for the largest of its cases."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from clusters.components.admission import policies
from tests.policies.cases import FILES, group_of, groups, object_of, read_case
from tests.root import ROOT
from tests.suite.telling import tell
from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.embedded.builds import go_programs
from tidegate.facts.platform import Platform

pytestmark = pytest.mark.apiserver

PROGRAM = Path(__file__).with_name("cel_cost.go")

BUDGET = 10_000_000
"""RuntimeCELCostBudget of k8s.io/apiserver v0.35.4: what one binding may cost for one request."""

SHARE = 100
"""A policy may cost a hundredth of it: objects of tenants grow, and the budget's end is a refusal."""


def cel_costs(program: Path, questions: Sequence[Mapping[str, Any]]) -> list[int]:
    return cast("list[int]", json.loads(tools.run([str(program)], stdin=json.dumps(questions)).stdout))


@pytest.fixture(scope="session")
def program() -> Path:
    """Built like the API server itself, so that the compiler has little left to do, and kept like it."""
    return go_programs.build_source(Checkout(ROOT), "kubernetes", PROGRAM, lambda program, what: tell(f"{program}: {what}"))


def test_every_policy_costs_little(
    program: Path, platform: Platform, tree: Mapping[str, dict[str, Any]], record_testsuite_property: Any
) -> None:
    cluster = platform.clusters["live-1"]
    in_force = cast("list[dict[str, Any]]", list(policies.objects(platform, cluster)))
    folders = [policy for policy, _ in policies.by_folder(platform, cluster)]
    by_name = {each["metadata"]["name"]: each for each in (*folders, *in_force) if each["kind"] == "ValidatingAdmissionPolicy"}
    alone = {each["metadata"]["name"] for each in in_force}
    asked: list[str] = []
    questions: list[dict[str, Any]] = []
    for path in FILES:
        case, policy = read_case(path), path.parent.parent.name
        manifest = object_of(case, tree)
        for name in (policy,) if policy in alone else (policy, group_of(manifest)):
            asked.append(name)
            questions.append({"policy": by_name[name], "request": _request(case.user, manifest, policy, tree)})
    costs: dict[str, int] = {}
    for policy, cost in zip(asked, cel_costs(program, questions), strict=True):
        costs[policy] = max(cost, costs.get(policy, 0))
    for policy, cost in sorted(costs.items()):
        record_testsuite_property(f"cel-cost-{policy}", cost)
    assert costs.keys() == by_name.keys()
    assert {policy: cost for policy, cost in costs.items() if not 0 < cost <= BUDGET // SHARE} == {}


def _request(user: str, manifest: dict[str, Any], policy: str, tree: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    group, _, version = manifest["apiVersion"].rpartition("/")
    kind = manifest["kind"].lower()
    name = manifest["metadata"].get("namespace", "")
    namespaces = {each["metadata"]["name"]: each for each in tree.values() if each["kind"] == "Namespace"}
    params = (
        tree["platform/catalogue/configmap-model-catalogue"]
        if policy == "require-catalogued-model"
        else tree["tenants/credit/resourcequota-quota"]
    )
    return {
        "group": group,
        "version": version,
        "resource": f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s",
        "user": user,
        "groups": groups(user),
        "object": manifest,
        "params": params,
        "namespace": namespaces.get(name, namespaces["tenant-credit"]),
    }
