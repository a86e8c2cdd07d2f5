"""What is rendered keeps the limits of those who take it: Gateway API's of a route, Knative's of a request's time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from clusters.components.network import routes
from clusters.components.serving.model import inference_service
from tidegate.facts.models.served_model import Companion, ServedModel
from tidegate.facts.platform import Platform
from tidegate.manifests.placed import Placed
from tidegate.manifests.schemas import SchemaSet
from tidegate.manifests.tree import RenderedObject, emit_tree
from tidegate.manifests.validate import judge


def _with_models(platform: Platform, count: int, **changed: object) -> Platform:
    fraud = platform.tenants["fraud"]
    model = fraud.models["scorer"].model_copy(update=changed)
    models = {f"scorer-{number}": model for number in range(1, count + 1)}
    return replace(platform, tenants={"fraud": fraud.model_copy(update={"models": models})})


def _routes(platform: Platform) -> list[Any]:
    return cast("list[Any]", list(routes.objects(platform, platform.clusters["live-1"])))


@pytest.mark.parametrize(
    ("models", "rules"), [(1, [1]), (16, [16]), (17, [16, 1]), (40, [16, 16, 8])], ids=["one", "full", "one-too-many", "three-routes"]
)
def test_route_with_too_many_rules_becomes_several(platform: Platform, schemas: SchemaSet, models: int, rules: list[int]) -> None:
    found = _routes(_with_models(platform, models))
    assert [len(route["spec"]["rules"]) for route in found] == rules
    assert [route["metadata"]["name"] for route in found] == ["fraud", "fraud.2", "fraud.3"][: len(rules)]
    assert {route["metadata"]["labels"]["tidegate.dev/tenant"] for route in found} == {"fraud"}, "explain finds them by it"
    assert {tuple(route["spec"]["hostnames"]) for route in found} == {("fraud.live-1.models.example.com", "fraud.models.example.com")}
    paths = [rule["matches"][0]["path"]["value"] for route in found for rule in route["spec"]["rules"]]
    assert paths == [f"/scorer-{number}" for number in range(1, models + 1)]
    assert [finding for route in found for finding in schemas.findings(route, "route.yaml")] == []
    assert len(emit_tree(RenderedObject("platform/edge", "facts", route) for route in found)) == len(rules)


def test_schema_refuses_the_route_that_is_split(platform: Platform, schemas: SchemaSet) -> None:
    first, second = _routes(_with_models(platform, 17))
    first["spec"]["rules"] += second["spec"]["rules"]
    assert [str(finding) for finding in schemas.findings(first, "route.yaml")], "17 rules in one route"


def test_rules_of_a_model_stay_in_one_route(platform: Platform) -> None:
    explainer = platform.tenants["credit"].models["decision"].explainer
    assert isinstance(explainer, Companion)
    first, second = _routes(_with_models(platform, 9, explainer=explainer))
    assert (len(first["spec"]["rules"]), len(second["spec"]["rules"])) == (16, 2)
    assert [rule["matches"][0]["path"]["value"] for rule in second["spec"]["rules"]] == [
        "/scorer-9/v1/models/scorer-9:explain", "/scorer-9",
    ]  # fmt: skip


def test_model_added_at_the_end_moves_no_other(platform: Platform) -> None:
    assert _routes(_with_models(platform, 18))[0] == _routes(_with_models(platform, 17))[0]


@pytest.mark.parametrize(("p99_ms", "seconds"), [(8, None), (150_000, None), (200_000, 400), (300_000, 600)])
def test_slow_model_gets_twice_its_objective_before_it_is_cut_off(platform: Platform, p99_ms: int, seconds: int | None) -> None:
    model = platform.tenants["fraud"].models["scorer"]
    slow: ServedModel = model.model_copy(update={"slo": model.slo.model_copy(update={"p99_ms": p99_ms})})
    service: Any = inference_service(platform.clusters["live-1"], platform.tenants["fraud"], "scorer", slow)
    assert service["spec"]["predictor"].get("timeout") == seconds


@pytest.mark.parametrize(("models", "services"), [(1, [1]), (16, [16]), (17, [16, 1])])
def test_leave_to_name_many_services_is_several_grants(platform: Platform, schemas: SchemaSet, models: int, services: list[int]) -> None:
    scaling = platform.tenants["fraud"].models["scorer"].scaling.model_copy(update={"mode": "standard"})
    found = cast("list[Any]", list(routes.grants(_with_models(platform, models, scaling=scaling).tenants["fraud"])))
    assert [len(grant["spec"]["to"]) for grant in found] == services
    assert [grant["metadata"]["name"] for grant in found] == ["edge", "edge-2"][: len(services)]
    for grant in found:
        assert judge(Placed("grant.yaml", grant, "tenant-fraud"), schemas) == []


def test_every_service_that_a_route_names_may_be_named(platform: Platform) -> None:
    scaling = platform.tenants["fraud"].models["scorer"].scaling.model_copy(update={"mode": "standard"})
    several = _with_models(platform, 2, scaling=scaling, explainer=platform.tenants["credit"].models["decision"].explainer)
    (grant,) = cast("list[Any]", list(routes.grants(several.tenants["fraud"])))
    named = {backend["name"] for route in _routes(several) for rule in route["spec"]["rules"] for backend in rule["backendRefs"]}
    assert {service["name"] for service in grant["spec"]["to"]} == named
