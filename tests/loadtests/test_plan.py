"""Plans take rates and limits from the tenant's facts, and are refused when they contradict themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loadtests.arguments import ARGUMENTS, read_plan
from loadtests.plan import Plan, endpoint_of
from loadtests.shapes import Constant, Poisson
from tests.root import ROOT
from tidegate.errors import UsageError
from tidegate.facts import inventory
from tidegate.facts.inventory.profiles import load_profiles
from tidegate.facts.models.spoken import protocol_of

TENANTS = inventory.load(ROOT).tenants
MODELS = {f"{tenant.name}/{name}": model for tenant in TENANTS.values() for name, model in tenant.models.items()}


@pytest.mark.parametrize("name", MODELS)
def test_rate_duration_and_limits_are_the_tenants(name: str) -> None:
    model = MODELS[name]
    found = endpoint_of(name, model, "https://edge.example.com/it/", {"inputs": []}, token_file="token")
    assert found.arrivals == Poisson(requests_per_second=model.load_profile.requests_per_second)
    assert (found.duration_seconds, found.limits) == (model.load_profile.duration_seconds, model.slo)
    assert found.url.startswith("https://edge.example.com/it/v")


def test_protocols_are_those_of_the_servers() -> None:
    assert {name: protocol_of(model) for name, model in MODELS.items()} == {
        "assistant/chat": "openai", "credit/decision": "v1", "fraud/scorer": "v2", "merchants/anomaly": "v2",
        "scoring/batch": "v1", "scoring/fraud-shadow": "v2",
    }  # fmt: skip


def test_tighter_of_both_limits_is_the_generators() -> None:
    chat = endpoint_of("assistant/chat", MODELS["assistant/chat"], "http://h", {})
    assert chat.limit_ms == MODELS["assistant/chat"].slo.time_to_first_token_ms == 1500


def options(**given: str) -> dict[str, Any]:
    return {argument.option.removeprefix("--").replace("-", "_"): argument.default for argument in ARGUMENTS} | {"host": None} | given


@pytest.fixture
def body(tmp_path: Path) -> Path:
    path = tmp_path / "body.json"
    path.write_text('{"inputs": []}')
    return path


def test_plan_of_a_model_by_its_name(body: Path) -> None:
    plan, out = read_plan(options(model="fraud/scorer", host="http://127.0.0.1:1/scorer", body=str(body), recording="r.json"))
    (found,) = plan.endpoints
    assert (found.url, found.body, out) == ("http://127.0.0.1:1/scorer/v2/models/scorer/infer", {"inputs": []}, Path("r.json"))


def test_path_may_be_that_of_a_model_in_a_pool(body: Path) -> None:
    plan, _ = read_plan(options(model="merchants/anomaly", host="http://h/anomaly", body=str(body), path="/v2/models/merchant-000/infer"))
    assert plan.endpoints[0].url == "http://h/anomaly/v2/models/merchant-000/infer"


def test_arrivals_may_be_others_than_the_profiles(body: Path) -> None:
    shape = '{"shape": "constant", "requests_per_second": 3}'
    plan, _ = read_plan(options(model="fraud/scorer", host="http://h", body=str(body), arrivals=shape))
    assert plan.endpoints[0].arrivals == Constant(requests_per_second=3)


def test_limits_of_the_embedded_region_say_that_they_are_no_evidence(body: Path) -> None:
    profile = load_profiles(ROOT, inventory.load(ROOT))["fraud/scorer"]
    plan, _ = read_plan(options(model="fraud/scorer", host="http://h", body=str(body), limits="embedded"))
    (endpoint,) = plan.endpoints
    assert endpoint.limits
    assert (endpoint.limits.p99_ms, endpoint.duration_seconds) == (profile.p99_ms.value, profile.duration_seconds.value)
    assert endpoint.arrivals == Poisson(requests_per_second=profile.requests_per_second.value)
    assert plan.note == "embedded profile, no evidence for production"


def test_steps_say_how_long_it_lasts_and_each_request_is_kept(body: Path) -> None:
    steps = '{"shape": "steps", "steps": [{"seconds": 40, "requests_per_second": 1.5}, {"seconds": 80, "requests_per_second": 6}]}'
    given = options(model="fraud/scorer", host="http://h", body=str(body), arrivals=steps, limits="embedded")
    (found,) = read_plan(given)[0].endpoints
    assert (found.duration_seconds, found.keeps_requests, found.limit_ms) == (120, True, 350)
    (usual,) = read_plan(given | {"arrivals": ""})[0].endpoints
    assert (usual.duration_seconds, usual.keeps_requests) == (30, False)


def test_baseline_is_asked_the_same_at_the_same_time_and_judged_by_the_same_limits(body: Path) -> None:
    given = options(
        model="fraud/scorer", host="http://h/new", body=str(body), token_file="a", baseline_host="http://o/old/", baseline_token_file="b"
    )
    baseline, candidate = read_plan(given)[0].endpoints
    assert (baseline.url, candidate.url) == ("http://o/old/v2/models/scorer/infer", "http://h/new/v2/models/scorer/infer")
    assert (baseline.token_file, candidate.token_file) == ("b", "a")
    assert candidate.compared
    assert candidate.compared.reference == baseline.name == "fraud/scorer serving"
    same = {"name", "url", "token_file", "compared"}
    assert baseline.model_dump(exclude=same) == candidate.model_dump(exclude=same)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "--model is missing; give --plan, or --model, --host and --body"),
        ({"model": "fraud/scorer", "host": "http://h"}, "--body is missing"),
        ({"model": "fraud/none", "host": "http://h", "body": "BODY"}, "no served model 'fraud/none'; there are assistant/chat, "),
        ({"model": "fraud/scorer", "host": "h", "body": "BODY"}, "h is no address of a model; write https://h"),
        (
            {"model": "fraud/scorer", "host": "http://h", "body": "BODY", "baseline_host": "now:9/x"},
            "now:9/x is no address of a model; write https://now:9/x",
        ),
        (
            {"model": "fraud/scorer", "host": "http://h", "body": "BODY", "path": "v1/x"},
            "--path v1/x does not begin with a slash; write /v1/x",
        ),
        (
            {"model": "fraud/scorer", "host": "http://h", "body": "BODY", "baseline_token_file": "BODY"},
            "and no address of it; give both or neither",
        ),
        ({"model": "fraud/scorer", "host": "http://h", "body": "/none"}, "/none: no such file or directory; name a file that can be read"),
        ({"model": "fraud/scorer", "host": "http://h", "body": "EMPTY"}, "EMPTY is no JSON"),
        ({"model": "fraud/scorer", "host": "http://h", "body": "BODY", "arrivals": '{"shape": "wave"}'}, "'wave'"),
        ({"plan": "EMPTY"}, "EMPTY: whole: Invalid JSON"),
        ({"model": "fraud/scorer", "host": "http://h", "body": "BODY", "limits": "mine"}, "--limits mine is not known; write embedded"),
        ({"model": "scoring/batch", "host": "http://h", "body": "BODY", "limits": "embedded"}, "has no profile of scoring/batch; add one"),
    ],
    ids=[
        "nothing",
        "no body",
        "unknown",
        "no address",
        "no scheme",
        "no slash",
        "token alone",
        "body absent",
        "body empty",
        "shape",
        "plan empty",
        "limits",
        "no profile",
    ],
)
def test_options_are_refused(body: Path, given: dict[str, str], said: str) -> None:
    empty = body.with_name("EMPTY")
    empty.write_text("")
    places = {"BODY": str(body), "EMPTY": str(empty)}
    with pytest.raises(UsageError) as refused:
        read_plan(options(**{name: places.get(value, value) for name, value in given.items()}))
    assert said in str(refused.value).replace(str(empty), "EMPTY")


def changed(**changes: Any) -> str:
    endpoint = endpoint_of("fraud/scorer", MODELS["fraud/scorer"], "http://h", {})
    return json.dumps({"endpoints": [json.loads(endpoint.model_dump_json()) | changes]})


def test_plan_without_a_fault_is_taken() -> None:
    assert Plan.model_validate_json(changed()).seconds == 60


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"endpoints": []}', "at least 1 item"),
        (changed(limits=None), "no endpoint has limits, so nothing would be judged"),
        (changed(compared={"reference": "other"}), "is no other endpoint with limits"),
        (changed(compared={"reference": "fraud/scorer"}), "is no other endpoint with limits"),
        (json.dumps({"endpoints": json.loads(changed())["endpoints"] * 2}), "is the name of two endpoints"),
        (changed(token="secret"), "Extra inputs are not permitted"),
        (changed(address="nowhere"), "should match pattern"),
        (changed(duration_seconds=0), "greater than 0"),
    ],
    ids=["none", "no limits", "reference", "itself", "twice", "token", "address", "no time"],
)
def test_plan_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Plan.model_validate_json(text)
