"""Whatever a file says, the answer is a fact or findings, never another exception."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.tidegate.facts.documents import VALID, anything, nearly_valid, tenants
from tidegate.facts.cluster import Cluster
from tidegate.facts.inventory.refusals import findings_of
from tidegate.facts.platform import Platform, check
from tidegate.facts.tenant import Tenant


def _judge(model: type[Cluster | Tenant], document: Any) -> Cluster | Tenant | None:
    """The fact, or None after looking at the findings."""
    try:
        return model.model_validate_json(json.dumps(document))
    except ValidationError as error:
        findings = findings_of(error, "some.yaml", model, document)
        assert findings
        for line in map(str, findings):
            assert line.isascii()
            assert line.isprintable()
            assert line.startswith("some.yaml")
            assert "; " in line
        return None


def _check(*facts: Cluster | Tenant) -> None:
    clusters = {fact.name: fact for fact in facts if isinstance(fact, Cluster)}
    tenants_by_name = {fact.name: fact for fact in facts if isinstance(fact, Tenant)}
    for finding in check(Platform(clusters, tenants_by_name)):
        assert str(finding).isprintable()


CLUSTERS = [Cluster.model_validate_json(json.dumps(VALID[name])) for name in ("live-1", "live-2")]


@given(anything)
@pytest.mark.parametrize("model", [pytest.param(Cluster, id="cluster"), pytest.param(Tenant, id="tenant")])
def test_any_document_is_a_fact_or_findings(model: type[Cluster | Tenant], document: Any) -> None:
    _judge(model, document)


@settings(max_examples=200)
@given(st.sampled_from(["assistant", "credit", "merchants"]).flatmap(lambda name: nearly_valid(VALID[name])))
def test_nearly_valid_tenant_is_a_fact_or_findings(document: Any) -> None:
    fact = _judge(Tenant, document)
    if fact:
        _check(*CLUSTERS, fact)


@settings(max_examples=200)
@given(nearly_valid(VALID["live-1"]))
def test_nearly_valid_cluster_is_a_fact_or_findings(document: Any) -> None:
    fact = _judge(Cluster, document)
    if fact:
        _check(fact, *(cluster for cluster in CLUSTERS if cluster.name != fact.name))


@given(tenants())
def test_valid_tenant_round_trips_through_json(document: Any) -> None:
    tenant = Tenant.model_validate_json(json.dumps(document))

    assert Tenant.model_validate_json(tenant.model_dump_json(exclude_defaults=True)) == tenant
    _check(*CLUSTERS, tenant)


def test_largest_replica_does_not_break_the_quota_check() -> None:
    document = {**VALID["assistant"], "models": {"chat": {**VALID["assistant"]["models"]["chat"]}}}
    document["models"]["chat"]["resources"] = {"cpu": 1024, "memory_gib": 32768}

    _check(*CLUSTERS, Tenant.model_validate_json(json.dumps(document)))


def test_steps_of_a_union_do_not_show_in_paths() -> None:
    pool = {**VALID["live-1"]["gpu_pools"]["h100-slices"], "sharing": {"kind": "mig", "profile": 5, "mig": 1}}
    document = {**VALID["live-1"], "gpu_pools": {"h100-slices": pool}}

    with pytest.raises(ValidationError) as refused:
        Cluster.model_validate_json(json.dumps(document))

    paths = {finding.path for finding in findings_of(refused.value, "some.yaml", Cluster, document)}
    assert paths == {"gpu_pools.h100-slices.sharing.profile", "gpu_pools.h100-slices.sharing.mig"}


@pytest.mark.parametrize(
    "cpu",
    [
        pytest.param(float("inf"), id="infinite"),
        pytest.param(float("-inf"), id="minus-infinite"),
        pytest.param(float("nan"), id="not-a-number"),
        pytest.param(10**400, id="beyond-a-float"),
        pytest.param(-(10**30), id="hugely-negative"),
    ],
)
def test_quantity_no_float_can_hold_is_refused(cpu: float) -> None:
    document = {**VALID["assistant"], "quota": {**VALID["assistant"]["quota"], "cpu": cpu}}

    assert _judge(Tenant, document) is None
