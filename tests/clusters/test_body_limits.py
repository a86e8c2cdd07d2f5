"""How large a body each model is sent, and who refuses a larger one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from clusters import cluster_tree
from clusters.components.network import body_limits
from tidegate.facts.models.body import default_mib
from tidegate.facts.models.served_model import ServedModel
from tidegate.facts.platform import Platform
from tidegate.manifests.placed import Placed
from tidegate.manifests.schemas import SchemaSet
from tidegate.manifests.validate import judge

BUFFER = "envoy.filters.http.buffer"
MIB = 1 << 20


@pytest.mark.parametrize(
    ("memory_gib", "concurrency", "mib"), [(2, 4, 4), (12, 4, 4), (2, 16, 2), (0.5, 24, 1), (0.5, 1000, 1), (4096, 1, 4)]
)
def test_default_follows_from_the_memory_of_a_replica(memory_gib: float, concurrency: int, mib: int) -> None:
    assert default_mib(memory_gib, concurrency) == mib


def changed(platform: Platform, **update: object) -> Platform:
    """The platform with another scorer."""
    fraud = platform.tenants["fraud"]
    facts = ServedModel.model_validate(fraud.models["scorer"].model_dump(exclude_unset=True) | update)
    return replace(platform, tenants={"fraud": fraud.model_copy(update={"models": {"scorer": facts}})})


def patches(platform: Platform) -> list[Any]:
    found = body_limits.objects(platform, platform.clusters["live-1"])
    return [patch for one in found for patch in cast("Any", one)["spec"]["configPatches"]]


def test_model_with_the_usual_limit_needs_no_patch(platform: Platform) -> None:
    (usual,) = patches(changed(platform))
    assert usual["patch"]["value"]["typed_config"]["max_request_bytes"] == 4 * MIB


def test_own_limit_holds_for_each_spelling_of_the_models_host(platform: Platform) -> None:
    _, *own = patches(changed(platform, max_body_mib=16))
    assert {patch["match"]["routeConfiguration"]["vhost"]["domainName"] for patch in own} == {
        f"scorer-predictor.tenant-fraud{rest}" for rest in ("", ".svc", ".svc.cluster.local")
    }
    for patch in own:
        assert patch["patch"]["value"]["typed_per_filter_config"][BUFFER]["buffer"]["max_request_bytes"] == 16 * MIB


def test_own_limit_holds_between_a_transformer_and_its_predictor(platform: Platform) -> None:
    credit = platform.tenants["credit"]
    facts = credit.models["decision"].model_copy(update={"max_body_mib": 16})
    _, *own = patches(replace(platform, tenants={"credit": credit.model_copy(update={"models": {"decision": facts}})}))
    hosts = {patch["match"]["routeConfiguration"]["vhost"]["domainName"].partition(".")[0] for patch in own}
    assert hosts == {"decision-predictor", "decision-transformer", "decision-explainer"}


STANDARD = {"scaling": {"mode": "standard", "min_replicas": 1, "max_replicas": 2}, "rollout": {"strategy": "pinned"}}


def test_what_standard_mode_renders_fits_its_schemas_and_our_rules(platform: Platform, schemas: SchemaSet) -> None:
    standard = changed(platform, **STANDARD)
    tenant = standard.tenants["fraud"]
    rendered = list(cluster_tree.tenant_objects(standard, standard.clusters["live-1"], tenant))
    assert "scorer-body-limit" in {one["metadata"]["name"] for one in cast("list[Any]", rendered)}
    assert [str(found) for one in rendered for found in judge(Placed("tenant", one, tenant.namespace_name), schemas)] == []


def test_standard_mode_is_limited_at_its_own_pods(platform: Platform) -> None:
    standard = changed(platform, **STANDARD, max_body_mib=2)
    assert len(patches(standard)) == 1
    (limit,) = cast("list[Any]", list(body_limits.guard_rails(standard.tenants["fraud"])))
    assert limit["metadata"]["namespace"] == "tenant-fraud"
    assert limit["spec"]["workloadSelector"]["labels"] == {"serving.kserve.io/inferenceservice": "scorer", "component": "predictor"}
    (patch,) = limit["spec"]["configPatches"]
    assert patch["match"]["context"] == "SIDECAR_INBOUND"
    assert patch["patch"]["value"]["typed_config"]["max_request_bytes"] == 2 * MIB
    assert not list(body_limits.guard_rails(platform.tenants["fraud"])), "in Knative mode the local gateway does it"
