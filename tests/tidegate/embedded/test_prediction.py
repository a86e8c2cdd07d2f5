"""A prediction is a caller's request: its host, its token, its path; and the answer is compared, not believed."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.tidegate.embedded.edge_server import Edge, make_local, serve
from tests.tidegate.live.canned_cluster import platform
from tidegate.embedded import prediction
from tidegate.embedded.fleet import internet
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.machines import network
from tidegate.embedded.prediction import PredictionError, call, predict
from tidegate.errors import UsageError

HOST = "fraud.live-1.models.example.com"
DIGEST = "0" * 64
EXPECTED = [0.25, 0.75]


def answer(values: list[float]) -> str:
    return json.dumps({"model_name": "scorer", "outputs": [{"name": "predict", "data": values}]})


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    with serve(tmp_path, HOST, "fraud.live-2.models.example.com") as running:
        running.body = answer(EXPECTED)
        yield running


@pytest.fixture
def local(tmp_path: Path, edge: Edge) -> Local:
    return make_local(tmp_path, {"edge-live-1": edge.port, "edge-live-2": free_port(), "login": edge.port})


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """What training leaves, for versions 1 and 2 of fraud/scorer."""
    folder = tmp_path / "models"
    versions: list[dict[str, object]] = []
    for number, expected in (("1", EXPECTED), ("2", [0.5, 0.5])):
        sample = f"fraud/scorer/samples/{number}/sample.json"
        versions.append({
            "tenant": "fraud", "model": "scorer", "version": number, "path": f"fraud/scorer/{number}", "sha256": DIGEST, "sample": sample,
            "golden": "fraud/scorer/golden/1", "golden_sha256": DIGEST, "metric": "auc", "value": 0.9,
            "trained_on": "fraud/scorer/trained-on/all/rows.txt",
        })  # fmt: skip
        (folder / sample).parent.mkdir(parents=True)
        content = {"path": "/v2/models/scorer/infer", "request": {"inputs": [1]}, "pointer": "outputs/0/data", "expected": expected}
        (folder / sample).write_text(json.dumps(content))
    (folder / "models.json").write_text(json.dumps({"versions": versions}))
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fraud(local: Local) -> Any:
    return local.platform.tenants["fraud"]


def test_request_is_one_of_the_tenants_caller(local: Local, edge: Edge) -> None:
    found = call(local, fraud(local), "scorer", {"inputs": []}, path="/v2/models/scorer/infer")
    assert (found.status, found.body, found.region) == (200, answer(EXPECTED), "live-1")
    asked = edge.asked[0]
    assert (edge.names, asked["headers"]["Host"], asked["path"]) == ([internet.LOGIN_HOST, HOST], HOST, "/scorer/v2/models/scorer/infer")
    assert (json.loads(asked["body"]), asked["headers"]["Content-Type"]) == ({"inputs": []}, "application/json")
    claims = edge.claims
    assert (claims["sub"], claims["tenant"], claims["iss"]) == ("card-authorisation", "fraud", "https://login.example.com/tidegate")
    assert claims["aud"] == "https://models.example.com"


def test_token_can_be_left_out_or_given(local: Local, edge: Edge) -> None:
    call(local, fraud(local), "scorer", b"raw", path="/x", token="")
    call(local, fraud(local), "scorer", b"raw", path="/x", token="mine")
    assert [one["headers"].get("Authorization") for one in edge.asked] == [None, "Bearer mine"]
    assert edge.asked[0]["body"] == b"raw"


def test_any_status_is_an_answer(local: Local, edge: Edge) -> None:
    edge.status, edge.body = 403, "RBAC: access denied"
    found = call(local, fraud(local), "scorer", {}, path="/x")
    assert (found.status, found.body) == (403, "RBAC: access denied")


def test_other_region_answers_when_the_primary_edge_is_gone(tmp_path: Path, edge: Edge) -> None:
    local = make_local(tmp_path, {"edge-live-1": free_port(), "edge-live-2": edge.port, "login": edge.port})
    assert call(local, fraud(local), "scorer", {}, path="/x").region == "live-2"
    assert edge.asked[0]["headers"]["Host"] == "fraud.live-2.models.example.com"


def test_region_asked_for_is_the_only_one_tried(tmp_path: Path, edge: Edge) -> None:
    local = make_local(tmp_path, {"edge-live-1": free_port(), "edge-live-2": edge.port, "login": edge.port})
    with pytest.raises(PredictionError, match=r"no edge answers: live-1: .*refused.*; `tidegate status`"):
        call(local, fraud(local), "scorer", {}, path="/x", region="live-1")
    with pytest.raises(UsageError, match="no region 'live-3'; there are live-1, live-2"):
        call(local, fraud(local), "scorer", {}, path="/x", region="live-3")


def test_certificate_of_somebody_else_is_refused(tmp_path: Path) -> None:
    with serve(tmp_path, "else.example.com") as edge:
        local = make_local(tmp_path, {"edge-live-1": edge.port, "edge-live-2": free_port(), "login": edge.port})
        with pytest.raises(PredictionError, match="live-1: its certificate is not the edge's: Hostname mismatch"):
            call(local, fraud(local), "scorer", {}, path="/x")
    assert edge.asked == []


def test_relay_without_a_gateway_behind_it_says_so(tmp_path: Path) -> None:
    with socket.socket() as relay:
        relay.bind(("127.0.0.1", 0))
        relay.listen()
        relay.settimeout(5)
        local = make_local(tmp_path, {"edge-live-1": relay.getsockname()[1], "edge-live-2": free_port()})

        def close() -> None:
            accepted, _ = relay.accept()
            accepted.recv(4096)
            accepted.close()

        thread = threading.Thread(target=close)
        thread.start()
        with pytest.raises(PredictionError, match="live-1: the relay answers, no gateway behind it does"):
            call(local, fraud(local), "scorer", {}, path="/x", token="mine")
        thread.join()


def test_edge_that_hangs_up_is_not_tried_elsewhere(local: Local, edge: Edge) -> None:
    edge.status = 0
    with pytest.raises(PredictionError, match="the edge of live-1 took the request and did not answer"):
        call(local, fraud(local), "scorer", {}, path="/x")
    assert len(edge.asked) == 1


def test_platform_that_does_not_run_is_said_before_training(local: Local) -> None:
    (local.machine(network.INTERNET).folder / "process.json").unlink()
    with pytest.raises(PredictionError, match="the embedded platform does not run; bring it up with `tidegate up`"):
        predict(local, "fraud/scorer", lambda: pytest.fail("trained"))


def test_sample_is_sent_and_its_answer_equal(local: Local, edge: Edge, models: Path) -> None:
    edge.body = answer([0.25 + 3e-10, 0.75])
    found = predict(local, "fraud/scorer", lambda: models)
    assert json.loads(edge.asked[0]["body"]) == {"inputs": [1]}
    assert (found.region, found.status, found.url) == ("live-1", 200, f"https://{HOST}/scorer/v2/models/scorer/infer")
    assert (found.expected, found.answered) == ((0.25, 0.75), (0.25 + 3e-10, 0.75))
    assert found.largest_difference == pytest.approx(3e-10, rel=1e-3)


def test_answer_that_differs_is_refused(local: Local, edge: Edge, models: Path) -> None:
    edge.body = answer([0.25, 0.750002])
    with pytest.raises(
        PredictionError,
        match=r"answered \[0.25, 0.750002\] where the trained model gives \[0.25, 0.75\]: largest difference 2e-06, above 1e-06",
    ):
        predict(local, "fraud/scorer", lambda: models)


def test_version_says_whose_sample(local: Local, edge: Edge, models: Path) -> None:
    edge.body = answer([0.5, 0.5])
    assert predict(local, "fraud/scorer", lambda: models, version="2").largest_difference == 0
    with pytest.raises(PredictionError, match="no sample for fraud/scorer: fraud/scorer/9 is not among the trained models"):
        predict(local, "fraud/scorer", lambda: models, version="9")


def test_own_data_is_sent_and_not_compared(local: Local, edge: Edge, models: Path) -> None:
    edge.body = answer([9.0])
    found = predict(local, "fraud/scorer", lambda: models, data=b'{"mine": 1}')
    assert (edge.asked[0]["body"], found.expected, found.largest_difference) == (b'{"mine": 1}', None, None)


def test_subject_is_who_calls(tmp_path: Path, edge: Edge, models: Path) -> None:
    first, *others = platform().tenants["fraud"].callers
    second = first.model_copy(update={"subject": "chargebacks"})
    tenant = platform().tenants["fraud"].model_copy(update={"callers": (first, second, *others)})
    known = replace(platform(), tenants={**platform().tenants, "fraud": tenant})
    local = make_local(tmp_path, {"edge-live-1": edge.port, "edge-live-2": free_port(), "login": edge.port}, known)
    predict(local, "fraud/scorer", lambda: models, subject="chargebacks")
    assert (edge.claims["sub"], edge.claims["tenant"]) == ("chargebacks", "fraud")


def test_stranger_gets_no_token(local: Local, edge: Edge, models: Path) -> None:
    with pytest.raises(
        PredictionError, match=r"the caller is none of fraud's, and the token issuer knows no client 'somebody'; .*fraud\.yaml"
    ):
        predict(local, "fraud/scorer", lambda: models, subject="somebody")
    edge.login = (400, '{"error": "invalid_scope", "error_description": "scope: name one of credit"}')
    with pytest.raises(
        PredictionError, match=r"none of fraud's, and the token issuer refused 'loan-origination' a token for fraud \(invalid_sc"
    ):
        predict(local, "fraud/scorer", lambda: models, subject="loan-origination")
    assert edge.asked == []


def test_issuer_that_is_down_is_not_taken_for_the_edge(tmp_path: Path, edge: Edge) -> None:
    local = make_local(tmp_path, {"edge-live-1": edge.port, "edge-live-2": edge.port, "login": free_port()})
    with pytest.raises(
        PredictionError, match=r"no token: the token issuer does not answer: .*refused; `tidegate local logs internet/issuer`"
    ):
        call(local, fraud(local), "scorer", {}, path="/x")
    assert edge.asked == []


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (400, "the server refused the request's form"),
        (401, "the edge refused the token"),
        (403, "the caller is none of fraud's; name the subject among the callers in gitops/tenants/fraud.yaml"),
        (404, "no route leads to this model"),
        (
            413,
            (
                "the body is larger than 4 MiB, the most that this model takes; send less at once, or set max_body_mib in "
                "gitops/tenants/fraud.yaml"
            ),
        ),
        (422, "the model refuses what was sent; compare with the sample's"),
        (
            429,
            (
                "the rate limit of the edge is used up (600 requests per second, of which each caller has its share); "
                "wait a second, or raise it in gitops/tenants/fraud.yaml"
            ),
        ),
        (500, "the model's server failed; `tidegate model explain fraud/scorer`"),
        (503, "nobody is ready to answer; `tidegate model explain fraud/scorer`"),
        (504, "the model's server did not answer in time"),
        (418, "not expected; `tidegate model explain fraud/scorer`"),
    ],
)
def test_status_is_told_with_what_it_means_here(local: Local, edge: Edge, models: Path, status: int, meaning: str) -> None:
    edge.status, edge.body = status, "what the edge said"
    with pytest.raises(PredictionError) as caught:
        predict(local, "fraud/scorer", lambda: models)
    assert str(caught.value).startswith(f"{status} from https://{HOST}/scorer/v2/models/scorer/infer in live-1: {meaning}")
    assert str(caught.value).endswith("\nwhat the edge said")


@pytest.mark.parametrize(
    ("body", "error"), [("<html>", "200 with something that is not JSON: <html>"), ('{"a": 1}', "no outputs/0/data in the answer")]
)
def test_answer_of_no_model_server_is_refused(local: Local, edge: Edge, models: Path, body: str, error: str) -> None:
    edge.body = body
    with pytest.raises((PredictionError, UsageError), match=error):
        predict(local, "fraud/scorer", lambda: models)


def test_unknown_model_is_refused_with_those_there_are(local: Local) -> None:
    with pytest.raises(UsageError, match="no served model 'fraud/none'; there are assistant/chat, credit/decision, fraud/scorer"):
        predict(local, "fraud/none", lambda: pytest.fail("trained"))


def test_gpu_model_is_not_called(local: Local) -> None:
    with pytest.raises(PredictionError, match="scoring/batch is scheduled, not executed: it needs nvidia-a10g and names no `also_on_cpu`"):
        predict(local, "scoring/batch", lambda: pytest.fail("trained"))


def test_tenant_without_a_subject_needs_one(local: Local) -> None:
    only_tenants = fraud(local).model_copy(update={"callers": tuple(one for one in platform().tenants["credit"].callers if one.tenant)})
    with pytest.raises(UsageError, match="names no subject among its callers; say which with --subject"):
        prediction.token_for(local, only_tenants, "live-1")


def test_tenant_that_is_elsewhere_is_told(tmp_path: Path, edge: Edge) -> None:
    local = make_local(tmp_path, {"edge-live-1": edge.port, "edge-live-2": edge.port, "login": edge.port})
    here = fraud(local).model_copy(update={"clusters": ("live-2",)})
    assert call(local, here, "scorer", {}, path="/x").region == "live-2"
    with pytest.raises(PredictionError, match="live-1: fraud does not run there"):
        call(local, here, "scorer", {}, path="/x", region="live-1")
