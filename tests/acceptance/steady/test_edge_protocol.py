"""Right statuses, one form of refusal, no way to the management of a server, and every answer says which model gave it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

import pytest

from clusters.components.network import http_protocol
from tests.acceptance.edge_client import Answer, ask, connect
from tests.acceptance.running_platform import INVENTORY, REGIONS, Running, model_of
from tidegate.embedded import prediction
from tidegate.facts.embedded import served_here

pytestmark = [pytest.mark.timeout(600), pytest.mark.touches(asks=["fraud", "credit", "merchants"])]

KNATIVE, TRANSFORMED, POOL = "fraud/scorer", "credit/decision", "merchants/anomaly"


def request(
    platform: Running, region: str, reference: str, path: str, *, body: bytes | None = None, method: str = "POST",
    token: str | None = None, headers: Mapping[str, str] | None = None, zone: bool = False,
) -> Answer:  # fmt: skip
    """One request of the tenant's first caller, at the host of the region, or of `zone` that moves with failover."""
    tenant, _ = model_of(reference)
    cluster = INVENTORY.clusters[region]
    host = tenant.host_in(cluster.edge.zone_name if zone else cluster.domain)
    bearer = prediction.token_for(platform.local, tenant, region) if token is None else token
    told = {
        "Host": host,
        "Content-Type": "application/json",
        **({"Authorization": f"Bearer {bearer}"} if bearer else {}),
        **(headers or {}),
    }
    sent = json.dumps(platform.sample(reference).request).encode() if body is None else body
    with connect(platform, region, host) as connection:
        return ask(connection, method, path, told, b"" if method == "GET" else sent)


def path_of(platform: Running, reference: str) -> str:
    return f"/{reference.split('/')[1]}{platform.sample(reference).path}"


@pytest.mark.parametrize("reference", [KNATIVE, TRANSFORMED, POOL])
@pytest.mark.parametrize("body", [None, b"{", b'{"inputs": "none"}'], ids=["good", "no-json", "no-tensor"])
def test_expect_changes_no_status(platform: Running, reference: str, body: bytes | None) -> None:
    """curl sends it by itself above 1 MiB. The interim answer was once taken for the final one: errors came as 200."""
    path = path_of(platform, reference)
    plain = request(platform, "live-2", reference, path, body=body)
    expecting = request(platform, "live-2", reference, path, body=body, headers={"Expect": "100-continue"})
    assert expecting.status == plain.status
    assert (plain.status == 200) == (body is None), plain.body[:300]


@pytest.mark.parametrize("reference", [KNATIVE, POOL])
@pytest.mark.parametrize(
    ("shape", "data"), [([1, 2], [0.5, 0.5]), ([1, 3], [0.5]), ([1, 2], ["a", "b"])], ids=["features", "amount", "text"]
)
def test_inputs_that_do_not_fit_are_the_callers_fault(platform: Running, reference: str, shape: list[int], data: list[object]) -> None:
    inputs = [{"name": "features", "shape": shape, "datatype": "FP64", "data": data}]
    answer = request(platform, "live-2", reference, path_of(platform, reference), body=json.dumps({"inputs": inputs}).encode())
    assert answer.status == 400, answer.body[:300]
    assert answer.document["error"].startswith("inputs: ")
    assert "Traceback" not in answer.body


def test_body_above_the_models_limit_is_refused_with_and_without_a_warning(platform: Running) -> None:
    _, model = model_of(KNATIVE)
    body = b"x" * ((model.body_mib << 20) + 1)
    for headers in ({}, {"Expect": "100-continue"}):
        answer = request(platform, "live-2", KNATIVE, path_of(platform, KNATIVE), body=body, headers=headers)
        assert (answer.status, answer.document["reason"]) == (413, "body_too_large"), answer.body[:300]


MANAGED = [
    (KNATIVE, "POST", "/scorer/v2/repository/models/scorer/unload"),
    (KNATIVE, "POST", "/scorer/v2/repository/index"),
    (KNATIVE, "GET", "/scorer/v2/docs"),
    (KNATIVE, "GET", "/scorer/docs"),
    (KNATIVE, "GET", "/scorer/metrics"),
    (KNATIVE, "POST", "/scorer//v2/repository/models/scorer/unload"),
    (KNATIVE, "POST", "/scorer/v2/models/%2e%2e/repository/models/scorer/unload"),
    (KNATIVE, "POST", "/scorer/v2/models/scorer/../../repository/models/scorer/unload"),
    (TRANSFORMED, "GET", "/decision/docs"),
    (POOL, "POST", "/anomaly/v2/repository/models/merchant-001/unload"),
    (POOL, "GET", "/anomaly/router/ready"),
]


@pytest.mark.parametrize(("reference", "method", "path"), MANAGED, ids=[path for _, _, path in MANAGED])
def test_nobody_manages_a_model_server_from_outside(platform: Running, reference: str, method: str, path: str) -> None:
    answer = request(platform, "live-2", reference, path, method=method)
    assert (answer.status, answer.document["reason"]) == (404, "path_not_served"), answer.body[:300]
    assert platform.ask("live-2", reference).status == 200


@pytest.mark.parametrize("path", ["/scorer/v2/models/scorer", "/scorer/v2/models/scorer/ready", "/scorer/v2/health/ready", "/scorer/v2"])
def test_what_the_protocol_offers_is_served(platform: Running, path: str) -> None:
    answer = request(platform, "live-2", KNATIVE, path, method="GET")
    assert answer.status == 200, answer.body[:300]


@pytest.mark.parametrize("region", REGIONS)
def test_refusals_have_one_form_and_say_what_is_wrong(platform: Running, region: str) -> None:
    path = path_of(platform, KNATIVE)
    stranger = prediction.token_for(platform.local, INVENTORY.tenants["credit"], region)
    unknown = "/no-such-model/v2/models/no-such-model/infer"
    wanted = {
        (401, "no_token", 'Bearer realm="models"'): request(platform, region, KNATIVE, path, token=""),
        (401, "invalid_token", 'Bearer realm="models", error="invalid_token"'): request(platform, region, KNATIVE, path, token="nonsense"),
        (403, "not_admitted", None): request(platform, region, KNATIVE, path, token=stranger),
        (404, "model_not_found", None): request(platform, region, KNATIVE, unknown),
    }
    for (status, reason, challenge), answer in wanted.items():
        found = answer.document
        assert (answer.status, found["code"], found["reason"]) == (status, status, reason), answer.body[:300]
        assert found["error"] == found["message"]
        assert found["request_id"] == answer.headers["x-request-id"]
        assert answer.headers.get("www-authenticate") == challenge
        assert not [name for name in answer.headers if name.startswith("tidegate-model")], "no model answered"


@pytest.mark.parametrize("reference", [KNATIVE, TRANSFORMED, POOL])
def test_headers_that_the_edge_takes_are_taken_by_every_hop(platform: Running, reference: str) -> None:
    """Ten times: a server that takes less answers well or not, as the bytes happen to arrive."""
    many = {f"x-{number}": "1" for number in range(http_protocol.HEADERS - 10)}
    large = {"x-large": "x" * ((http_protocol.HEADERS_KIB << 10) - 2500)}  # beside them stands the token
    for headers in [many, large] * 10:
        time.sleep(0.3)  # the pool's callers may ask five times a second
        answer = request(platform, "live-2", reference, path_of(platform, reference), headers=headers)
        assert answer.status == 200, answer.body[:300]


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("reference", [KNATIVE, TRANSFORMED, POOL])
def test_answer_names_the_bytes_that_gave_it(platform: Running, region: str, reference: str) -> None:
    _, model = model_of(reference)
    answer = request(platform, region, reference, path_of(platform, reference))
    assert answer.status == 200
    assert answer.headers["tidegate-model-sha256"] == served_here(model).sha256
    assert answer.headers["tidegate-model"].startswith(f"{reference}/")
    revision = answer.headers.get("tidegate-revision")
    assert (revision is not None) == (model.scaling.mode == "knative")


@pytest.mark.parametrize("path", ["", ":explain"])
def test_explanation_names_the_model_and_nothing_of_the_request(platform: Running, path: str) -> None:
    where = f"/decision/v1/models/decision{path or ':predict'}"
    answer = request(platform, "live-2", TRANSFORMED, where, headers={"X-Mine": "secret"})
    assert answer.status == 200, answer.body[:300]
    assert answer.headers["tidegate-model"].startswith("credit/decision/")
    assert "x-mine" not in answer.headers
    assert "x-forwarded-client-cert" not in answer.headers


def test_request_has_an_id_of_ours_whatever_the_caller_sends(platform: Running) -> None:
    path, sent = path_of(platform, KNATIVE), {"x-request-id": "mine-1"}
    ids = {request(platform, "live-2", KNATIVE, path, headers=sent).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert "mine-1" not in ids


@pytest.mark.parametrize("upgrade", ["TLS/1.2", "websocket", "h2c"])
def test_offered_upgrade_is_ignored(platform: Running, upgrade: str) -> None:
    told = {"Upgrade": upgrade, "Connection": "Upgrade"}
    assert request(platform, "live-2", KNATIVE, path_of(platform, KNATIVE), headers=told).status == 200


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("reference", [KNATIVE, TRANSFORMED, POOL])
def test_failover_host_is_answered_in_each_region(platform: Running, region: str, reference: str) -> None:
    """The certificate is verified for that name, too."""
    assert request(platform, region, reference, path_of(platform, reference), zone=True).status == 200


@pytest.mark.parametrize("region", REGIONS)
def test_what_terraform_checks_is_answered(platform: Running, region: str) -> None:
    """Host and path of the health check, and every name of the failover records, as the stack makes them."""
    stack = json.loads((platform.checkout.root / f"cdktf.out/stacks/{region}-edge/cdk.tf.json").read_text(encoding="utf-8"))["resource"]
    (check,) = stack["aws_route53_health_check"].values()
    host, path = check["fqdn"], check["resource_path"]
    with connect(platform, region, host) as connection:
        assert ask(connection, "GET", path, {"Host": host}).status == 200
    with connect(platform, region, host) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        assert connection.recv(100).startswith((b"HTTP/1.0 200", b"HTTP/1.1 200"))
    moving = {one["name"] for one in stack["aws_route53_record"].values()}
    assert moving == {tenant.host_in(INVENTORY.clusters[region].edge.zone_name) for tenant in INVENTORY.tenants_of(region)}
    for name in moving:
        with connect(platform, region, name) as connection:
            answer = ask(connection, "POST", "/", {"Host": name})
        assert (answer.status, answer.document["reason"]) == (404, "path_not_served"), name
