"""Every CPU model answers through the edge as it does in process, and the edge refuses who does not belong."""

from __future__ import annotations

import json
import math
import ssl
from collections.abc import Callable

import pytest

from tests.acceptance.command_line import tidegate
from tests.acceptance.edge_client import connect, plain_connection, send
from tests.acceptance.running_platform import EXECUTED, INVENTORY, REGIONS, Running, model_of
from tests.root import ROOT
from tidegate import tools
from tidegate.embedded import prediction
from tidegate.embedded.identity import tokens
from tidegate.embedded.machines import network
from tidegate.embedded.prediction import TOLERANCE

pytestmark = pytest.mark.timeout(600)

FRAUD = INVENTORY.tenants["fraud"]

IN_PROCESS = """
import io, json, sys, zipfile, joblib, numpy
archive = zipfile.ZipFile(sys.argv[1])
models = json.loads(archive.read("catalogue.json"))["models"]
print(json.dumps({
    name: joblib.load(io.BytesIO(archive.read(f"objects/{models[name]['sha256']}"))).predict(numpy.array(rows)).tolist()
    for name, rows in json.load(sys.stdin).items()
}))
"""
"""What a merchant's model says without any server around it, in the environment that the models were trained in."""


@pytest.mark.parametrize(("region", "reference"), EXECUTED)
def test_model_answers_as_in_process(
    platform: Running, region: str, reference: str, record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    found = prediction.predict(platform.local, reference, lambda: platform.models, region=region)
    record_property("milliseconds", found.milliseconds)
    assert found.region == region
    assert found.largest_difference is not None
    assert found.largest_difference <= TOLERANCE, f"{reference} in {region}: {found.answered} instead of {found.expected}"


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize("reference", ["fraud/scorer", "credit/decision"])
def test_predict_command_compares_and_tells(reference: str) -> None:
    printed = tidegate("predict", reference, "--sample", "--json")
    answer = json.loads(printed)
    assert answer["status"] == 200
    assert answer["largest_difference"] <= TOLERANCE


@pytest.mark.parametrize("region", REGIONS)
def test_three_merchants_answer_each_with_a_model_of_its_own(platform: Running, region: str) -> None:
    golden = json.loads((platform.models / "merchants/anomaly/golden/1/inputs.json").read_text(encoding="utf-8"))
    names = sorted({one["model"] for one in golden})[1:4]
    rows = {name: [one["row"] for one in golden if one["model"] == name][:4] for name in names}
    archive = platform.models / "merchants/anomaly/1/models.zip"
    in_process = json.loads(
        tools.run([str(ROOT / ".venv-models/bin/python"), "-c", IN_PROCESS, str(archive)], stdin=json.dumps(rows)).stdout
    )
    answers: dict[str, list[float]] = {}
    for name in names:
        shape = [len(rows[name]), len(rows[name][0])]
        data = [number for row in rows[name] for number in row]
        body = {"inputs": [{"name": "features", "shape": shape, "datatype": "FP64", "data": data}]}
        path = f"/v2/models/{name}/infer"
        answer = prediction.call(platform.local, INVENTORY.tenants["merchants"], "anomaly", body, path=path, region=region)
        assert answer.status == 200, f"{name}: {answer.status} {answer.body[:300]}"
        answers[name] = json.loads(answer.body)["outputs"][0]["data"]
        assert answers[name] == pytest.approx(in_process[name], abs=TOLERANCE), name
    assert len({str(values) for values in answers.values()}) == 3, f"merchants share a model: {answers}"


@pytest.mark.parametrize("region", REGIONS)
def test_explanation_of_a_credit_decision_adds_up(platform: Running, region: str) -> None:
    sample = platform.sample("credit/decision")
    path = "/v1/models/decision:explain"
    answer = prediction.call(platform.local, INVENTORY.tenants["credit"], "decision", sample.request, path=path, region=region)
    assert answer.status == 200, answer.body[:500]
    explanations = json.loads(answer.body)["explanations"]
    assert len(explanations) == len(sample.request["instances"])
    for one, expected in zip(explanations, sample.expected, strict=True):
        assert one["baseline_score"] + sum(one["attributions"].values()) == pytest.approx(one["score"], abs=TOLERANCE)
        probability = 1 / (1 + math.exp(-one["score"]))
        assert min(abs(probability - float(expected)), abs(1 - probability - float(expected))) < 1e-4, "it explains another score"


def token(platform: Running, region: str, **changes: object) -> str:
    """A token of the fraud tenant's caller, with something else about it."""
    issuer = INVENTORY.clusters[region].token_issuer
    facts = {
        "issuer": issuer.issuer,
        "audience": issuer.audience,
        "subject": "card-authorisation",
        "tenant": "fraud",
        "lifetime": 600,
    } | changes
    return tokens.sign(
        platform.local.machine(network.INTERNET).folder / "pki", issuer=str(facts["issuer"]), audience=str(facts["audience"]),
        subject=str(facts["subject"]), claims={issuer.tenant_claim: str(facts["tenant"])}, lifetime_seconds=int(str(facts["lifetime"])),
    )  # fmt: skip


def forged(platform: Running, region: str) -> str:
    """A good token whose signature's first half is another's."""
    head, payload, signature = token(platform, region).split(".")
    return f"{head}.{payload}.{'A' * 20}{signature[20:]}"


WRONG: dict[str, tuple[Callable[[Running, str], str], int]] = {
    "no token": (lambda _platform, _region: "", 401),
    "expired": (lambda platform, region: token(platform, region, lifetime=-600), 401),
    "bad signature": (forged, 401),
    "wrong issuer": (lambda platform, region: token(platform, region, issuer="https://login.example.net/other"), 401),
    "not a token": (lambda _platform, _region: "nonsense", 401),
    "wrong audience": (lambda platform, region: token(platform, region, audience="https://elsewhere.example.com"), 401),
    "another tenant": (lambda platform, region: token(platform, region, tenant="credit", subject="loan-origination"), 403),
    "own tenant, strange subject": (lambda platform, region: token(platform, region, subject="somebody-else"), 403),
    "strange tenant, right subject": (lambda platform, region: token(platform, region, tenant="credit"), 403),
}


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("wrong", sorted(WRONG))
def test_caller_without_the_right_token_is_refused(platform: Running, region: str, wrong: str) -> None:
    make, status = WRONG[wrong]
    sample = platform.sample("fraud/scorer")
    answer = prediction.call(
        platform.local, FRAUD, "scorer", sample.request, path=sample.path, region=region, token=make(platform, region)
    )  # fmt: skip
    assert answer.status == status, f"{wrong}: {answer.status} {answer.body[:300]}"


@pytest.mark.parametrize("region", REGIONS)
def test_path_of_no_model_is_not_found(platform: Running, region: str) -> None:
    answer = prediction.call(platform.local, FRAUD, "no-such-model", {}, path="/v2/models/no-such-model/infer", region=region)
    assert answer.status == 404, f"{answer.status} {answer.body[:300]}"


@pytest.mark.parametrize(
    ("reference", "body"),
    [
        ("fraud/scorer", b"{"),
        ("fraud/scorer", b'{"inputs": "none"}'),
        ("credit/decision", b"{"),
        ("credit/decision", b'{"instances": [{"age_years": "old"}]}'),
        ("merchants/anomaly", b"[]"),
        ("assistant/chat", b'{"prompt": 7}'),
    ],
    ids=["scorer-no-json", "scorer-no-tensor", "credit-no-json", "credit-no-application", "merchants-list", "chat-no-text"],
)
def test_malformed_body_is_the_callers_fault(platform: Running, reference: str, body: bytes) -> None:
    tenant, _ = model_of(reference)
    sample = platform.sample(reference)
    answer = prediction.call(platform.local, tenant, reference.split("/")[1], body, path=sample.path, region="live-2")
    assert 400 <= answer.status < 500, f"{reference}: {answer.status} {answer.body[:300]}"


@pytest.mark.parametrize("region", REGIONS)
def test_plain_http_is_refused(platform: Running, region: str) -> None:
    host = FRAUD.host_in(INVENTORY.clusters[region].domain)
    with plain_connection(platform, region) as connection:
        connection.sendall(f"GET /scorer HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        try:
            answered = connection.recv(1024)
        except ConnectionError:
            answered = b""
    assert not answered.startswith(b"HTTP/1.1 2"), answered[:200]


@pytest.mark.parametrize("region", REGIONS)
def test_certificate_is_for_the_tenants_hosts_only(platform: Running, region: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
        connect(platform, region, "elsewhere.example.com").close()


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("host", ["elsewhere.example.com", "credit"])
def test_right_token_does_not_help_at_another_host(platform: Running, region: str, host: str) -> None:
    """The connection says one of our names, the request another: neither an unknown host nor another tenant's answers."""
    domain = INVENTORY.clusters[region].domain
    asked = host if "." in host else INVENTORY.tenants[host].host_in(domain)
    headers = {"Host": asked, "Authorization": f"Bearer {token(platform, region)}", "Content-Type": "application/json"}
    status, body = send(platform, region, FRAUD.host_in(domain), "/scorer/v2/models/scorer/infer", headers, body=b"{}")
    assert status in {403, 404, 421}, f"{asked}: {status} {body[:300]}"


@pytest.mark.usefixtures("platform")
def test_predict_command_says_why_a_stranger_is_refused() -> None:
    with pytest.raises(prediction.PredictionError, match="the caller is none of fraud's"):
        tidegate("predict", "fraud/scorer", "--subject", "nobody")
