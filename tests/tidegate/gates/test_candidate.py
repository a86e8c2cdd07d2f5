"""A candidate is the judged model as a tenant of its own, and nothing of it is the tenant's that serves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.root import ROOT
from tidegate.errors import UsageError
from tidegate.facts import inventory
from tidegate.facts.embedded import EmbeddedFacts, embed
from tidegate.facts.inventory.profiles import load_profiles
from tidegate.facts.platform import Platform, check
from tidegate.facts.tenant import Tenant, replica_parts
from tidegate.gates.candidate import KEY, SUBJECT, candidate_name, candidate_of

PLATFORM = inventory.load(ROOT)
MODELS = [f"{tenant.name}/{model}" for tenant in PLATFORM.tenants.values() for model in tenant.models]
SCALED = {name: profile.scale for name, profile in load_profiles(ROOT, PLATFORM).items() if profile.scale}
EMBEDDED: dict[str, Any] = {"repository_url": "git://git.example.com/t.git", "edge_addresses": {"live-1": "192.0.2.1"}}
SHA256, OF_CPU = "a" * 64, "b" * 64


def made(reference: str) -> Tenant:
    tenant, _, model = reference.partition("/")
    return candidate_of(PLATFORM.tenants[tenant], model, SHA256, cluster="live-1", cpu_sha256=OF_CPU)


@pytest.mark.parametrize("reference", MODELS)
def test_candidate_stands_beside_all_tenants(reference: str) -> None:
    candidate = made(reference)
    assert check(Platform(PLATFORM.clusters, {**PLATFORM.tenants, candidate.name: candidate})) == []


@pytest.mark.parametrize("reference", MODELS)
def test_only_the_gate_calls_it_and_only_the_gate_signs_it(reference: str) -> None:
    candidate, model = made(reference), reference.partition("/")[2]
    assert [(caller.subject, caller.tenant) for caller in candidate.callers] == [(SUBJECT, None)]
    judged = candidate.models[model]
    artefacts = [judged.artefact, *([judged.also_on_cpu.artefact] if judged.also_on_cpu and judged.also_on_cpu.artefact else [])]
    for artefact in artefacts:
        assert artefact.signature.key_id == KEY
        assert artefact.uri.startswith(f"s3://tidegate-models/{candidate.name}/{model}/")
        assert artefact.signature.uri == f"{artefact.uri}/model.sig"
    assert [one.sha256 for one in artefacts] == [SHA256, OF_CPU][: len(artefacts)]
    pool = judged.dense_pool
    assert pool is None or [one.subject for one in pool.access] == [SUBJECT]


@pytest.mark.parametrize("reference", MODELS)
def test_what_is_judged_is_the_tenants_own(reference: str) -> None:
    tenant, _, model = reference.partition("/")
    served, judged = PLATFORM.tenants[tenant].models[model], made(reference).models[model]
    assert (judged.runtime, judged.resources, judged.slo, judged.load_profile) == (
        served.runtime,
        served.resources,
        served.slo,
        served.load_profile,
    )
    assert judged.golden_set.model_copy(update={"uri": served.golden_set.uri}) == served.golden_set
    assert judged.artefact.version == served.artefact.version


@pytest.mark.parametrize("reference", MODELS)
def test_it_has_one_replica_of_each_part_and_a_quota_for_two(reference: str) -> None:
    candidate = made(reference)
    (judged,) = candidate.models.values()
    parts = replica_parts(judged)
    assert {(low, high) for low, high, _ in parts} == {(1, 1)}
    assert candidate.quota.pods == 2 * len(parts)
    assert candidate.quota.cpu == pytest.approx(2 * sum(resources.cpu for _, _, resources in parts))


@pytest.mark.parametrize("reference", sorted(SCALED))
def test_scale_gate_has_replica_limits_of_its_own_and_a_quota_that_holds_them(reference: str) -> None:
    tenant, _, model = reference.partition("/")
    scale = SCALED[reference]
    candidate = candidate_of(PLATFORM.tenants[tenant], model, SHA256, cluster="live-1", cpu_sha256=OF_CPU, scale=scale)
    assert check(Platform(PLATFORM.clusters, {**PLATFORM.tenants, candidate.name: candidate})) == []
    scaling = candidate.models[model].scaling
    assert (scaling.min_replicas, scaling.max_replicas, scaling.metric, scaling.target) == (
        1,
        5,
        "rps",
        scale.requests_per_second_target.value,
    )
    parts = replica_parts(candidate.models[model])
    assert candidate.quota.pods == 6 * len(parts), "the former revision's replica goes when those of the new one are ready"
    beside = embed(PLATFORM, EmbeddedFacts(**EMBEDDED, candidates={candidate.name: candidate}))
    assert beside.tenants[candidate.name].models[model].scaling.max_replicas == 5, (
        "the machine's sizes are for tenants that nobody made for it"
    )
    assert beside.tenants[tenant].models[model].scaling.max_replicas == 2


def test_name_without_room_for_the_suffix_is_refused() -> None:
    tenant = PLATFORM.tenants["fraud"].model_copy(update={"name": "f" * 36})
    with pytest.raises(UsageError, match="is longer than 40 characters; the gate needs a tenant's name of at most 35"):
        candidate_of(tenant, "scorer", SHA256, cluster="live-1")
    assert candidate_name("f" * 35).endswith("-gate")


def test_region_has_it_beside_its_tenants_and_a_tombstone_when_it_is_gone() -> None:
    candidate = made("fraud/scorer")
    facts = EmbeddedFacts(**EMBEDDED, candidates={candidate.name: candidate})
    beside = embed(PLATFORM, facts)
    assert beside.tenants.keys() == PLATFORM.tenants.keys() | {"fraud-gate"}
    assert beside.tenants["fraud-gate"].models["scorer"].scaling.max_replicas == 1
