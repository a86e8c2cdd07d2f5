"""What a tenant's file is refused for by a policy's rule, the API server refuses too, in the same sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pytest
from pydantic import BaseModel

from clusters.components.serving import model
from tests.admission_server import ApiServer
from tests.policies.cases import Case, read_case, sent
from tests.policies.test_cases import REFUSED
from tests.policies.test_one_rule import POLICIES
from tests.tidegate.facts.inventory.test_invalid import EXPECTED
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.platform import Platform, check
from tidegate.manifests import policy_files

CLUSTER = "live-1"


FactT = TypeVar("FactT", bound=BaseModel)


def changed(fact: FactT | None, **changes: object) -> FactT:
    """The fact with changes that its own validators are not called for."""
    assert fact
    return fact.model_copy(update=changes)


Change = Callable[[ServedModel], ServedModel]
CHANGES: dict[str, tuple[str, str, str, Change]] = {
    "model-to-zero": (
        "forbid-zero-on-hot-tiers", "fraud", "scorer", lambda one: changed(one, scaling=changed(one.scaling, min_replicas=0)),
    ),
    "transformer-to-zero": (
        "forbid-zero-on-hot-tiers", "credit", "decision", lambda one: changed(one, transformer=changed(one.transformer, min_replicas=0)),
    ),
    "explainer-to-zero": (
        "forbid-zero-on-hot-tiers", "credit", "decision", lambda one: changed(one, explainer=changed(one.explainer, min_replicas=0)),
    ),
    "released-at-once": (
        "require-canary-and-approval", "credit", "decision",
        lambda one: changed(one, rollout=changed(one.rollout, strategy="pinned", steps_percent=None)),
    ),
    "critical-released-at-once": (
        "require-canary-and-approval", "fraud", "scorer",
        lambda one: changed(one, rollout=changed(one.rollout, strategy="blue-green", steps_percent=None)),
    ),
    "nobody-approves": ("require-canary-and-approval", "credit", "decision", lambda one: changed(one, approval=None)),
}  # fmt: skip
"""The policy, a tenant, its model, and a change that the policy's rule is against."""

OF_NAMES = "forbid-names-of-routes"
NAMED = {*(policy for policy, *_ in CHANGES.values()), OF_NAMES}


def test_an_id_is_in_both_only_where_it_is_one_rule() -> None:
    """Every finding about facts has a case in `EXPECTED`, as a test there demands."""
    of_facts = {case.partition("--")[0] for case in EXPECTED}
    assert of_facts & POLICIES == NAMED


@pytest.mark.apiserver
@pytest.mark.parametrize("change", CHANGES)
def test_fact_is_refused_with_the_api_servers_sentence(change: str, api: ApiServer, platform: Platform) -> None:
    policy, name, served, change_model = CHANGES[change]
    tenant = platform.tenants[name]
    tenant = changed(tenant, models={**tenant.models, served: change_model(tenant.models[served])})
    [finding] = check(replace(platform, tenants={**platform.tenants, name: tenant}))
    assert finding.rule == policy
    rendered = model.inference_service(platform.clusters[CLUSTER], tenant, served, tenant.models[served])
    answer = sent(api, Case(base="unused"), rendered)
    assert answer.code == REFUSED, answer.message
    assert any(warning.endswith(f": {policy}: {finding.problem}; {finding.remedy}") for warning in answer.warnings), answer.warnings


@pytest.mark.apiserver
def test_name_is_refused_with_the_api_servers_sentence(api: ApiServer, platform: Platform) -> None:
    name, served = "scorer-live", platform.tenants["fraud"].models["scorer"]
    tenant = changed(platform.tenants["fraud"], models={name: served})
    found = check(replace(platform, tenants={**platform.tenants, "fraud": tenant}))
    [finding] = [one for one in found if one.rule == OF_NAMES]
    answer = sent(api, Case(base="unused"), model.inference_service(platform.clusters[CLUSTER], tenant, name, served))
    assert answer.code == REFUSED, answer.message
    assert any(warning.endswith(f": {OF_NAMES}: {finding.problem}; {finding.remedy}") for warning in answer.warnings), answer.warnings


@pytest.mark.parametrize("policy", sorted(NAMED))
def test_message_of_each_fact_has_a_case_of_the_policy(policy: str) -> None:
    cases = (policy_files.POLICIES / policy / "cases").glob("deny-*.yaml")
    told = {read_case(path).message for path in cases}
    lines = [EXPECTED[case]["finding"] for case in EXPECTED if case.partition("--")[0] == policy]
    assert lines
    assert all(any(f": {message} [{policy}]" in line for message in told) for line in lines)
