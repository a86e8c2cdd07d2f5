"""The token issuer of a live platform: what it publishes, whom it refuses, and that a change of keys is not noticed."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from running_platform import INVENTORY, REGIONS, Running

from tidegate.operations.local import login, loopback, network, prediction, token_issuer, tokens
from tidegate.operations.local.internet import LOGIN_HOST

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def ask(
    platform: Running, method: str, path: str, *, body: str = "", headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, object]]:
    """One request to the issuer through its loopback relay: status and document."""
    connection = http.client.HTTPConnection(LOGIN_HOST)
    connection.sock = loopback.connect(platform.local, login.RELAY, LOGIN_HOST)
    try:
        connection.request(method, path, body or None, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def folder(platform: Running) -> Path:
    return platform.local.machine(network.INTERNET).folder


def published(platform: Running) -> set[object]:
    status, document = ask(platform, "GET", "/tidegate/keys")
    assert status == 200
    keys = document["keys"]
    assert isinstance(keys, list)
    return {one["kid"] for one in keys}  # pyright: ignore[reportUnknownVariableType]


def test_discovery_leads_to_the_keys_that_the_regions_are_told(platform: Running) -> None:
    status, said = ask(platform, "GET", "/tidegate/.well-known/openid-configuration")
    assert status == 200
    for region in REGIONS:
        expected = INVENTORY.clusters[region].token_issuer
        assert (said["issuer"], said["jwks_uri"]) == (expected.issuer, expected.jwks_uri)
    assert published(platform) == set(tokens.KEY_FILES)


def test_nobody_gets_a_token_without_a_secret(platform: Running) -> None:
    for client in ("card-authorisation", "nobody"):
        body = f"grant_type=client_credentials&client_id={client}&client_secret=wrong"
        status, said = ask(platform, "POST", "/tidegate/token", body=body, headers=FORM)
        assert (status, said["error"]) == (401, "invalid_client")


def test_caller_of_one_tenant_gets_no_token_for_another(platform: Running) -> None:
    with pytest.raises(
        prediction.PredictionError, match=r"none of fraud's, and the token issuer refused 'loan-origination'.*invalid_scope"
    ):
        prediction.token_for(platform.local, INVENTORY.tenants["fraud"], REGIONS[0], subject="loan-origination")


@pytest.fixture
def rotated(platform: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The key that signs now, after a change; changed back at the end. No token is kept from before."""
    monkeypatch.setattr(login, "_kept", {})
    yield token_issuer.rotate(folder(platform))
    token_issuer.rotate(folder(platform))


def test_change_of_keys_is_not_noticed_at_the_edge(platform: Running, rotated: str, record_property: Callable[[str, object], None]) -> None:
    """Tokens of both keys are good at once, in every region: nothing had to be fetched."""
    assert published(platform) == set(tokens.KEY_FILES)
    issuer = INVENTORY.clusters[REGIONS[0]].token_issuer
    tenant, sample = INVENTORY.tenants["fraud"], platform.sample("fraud/scorer")
    for region in REGIONS:
        fresh = prediction.token_for(platform.local, tenant, region)
        head = fresh.partition(".")[0]
        assert json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"] == rotated
        older = tokens.sign(
            folder(platform) / "pki", issuer=issuer.issuer, audience=issuer.audience, subject="card-authorisation",
            claims={issuer.tenant_claim: tenant.name},
        )  # fmt: skip
        for token in (fresh, older):
            found = prediction.call(platform.local, tenant, "scorer", sample.request, path=sample.path, region=region, token=token)
            assert found.status == 200, found.body
    record_property("signs now", rotated)


def test_issuer_that_was_killed_is_back_before_callers_notice(platform: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """The front door waits for it."""
    monkeypatch.setattr(login, "_kept", {})
    before = platform.supervised(network.INTERNET)["issuer"].pid
    platform.inside(network.INTERNET, "kill", "-KILL", str(before))
    assert prediction.token_for(platform.local, INVENTORY.tenants["fraud"], REGIONS[0])
    assert platform.supervised(network.INTERNET)["issuer"].pid != before
