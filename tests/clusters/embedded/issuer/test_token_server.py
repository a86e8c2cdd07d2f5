"""The token issuer gives tokens to the clients it was told of, and to nobody else."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tests.clusters.embedded.issuer.running_issuer import FORM, GRANT, PLATFORM, Issuer, UnixConnection, decoded, started
from tidegate.embedded.identity import token_issuer


@pytest.mark.parametrize("path", ["/tidegate/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/tidegate"])
def test_discovery_leads_to_everything(issuer: Issuer, path: str) -> None:
    connection = UnixConnection(issuer.listens_on)
    connection.request("GET", path)
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    expected = PLATFORM.clusters["live-1"].token_issuer
    assert (answer.status, said["issuer"], said["jwks_uri"]) == (200, expected.issuer, expected.jwks_uri)
    assert said["token_endpoint"] == token_issuer.token_endpoint(expected)
    assert said["grant_types_supported"] == ["client_credentials"]


def test_two_public_keys_are_published_and_nothing_private(issuer: Issuer) -> None:
    _, headers, body = issuer.ask("GET", "/keys")
    keys = json.loads(body)["keys"]
    assert [one["kid"] for one in keys] == ["embedded-1", "embedded-2"]
    assert {name for one in keys for name in one} == {"kty", "use", "alg", "kid", "n", "e"}
    assert headers["Cache-Control"] == "public, max-age=300"


def test_token_says_who_calls_whom_and_until_when(issuer: Issuer) -> None:
    header, claims = issuer.verified(issuer.token(scope="fraud"))
    assert header == {"alg": "RS256", "kid": "embedded-1", "typ": "at+jwt"}
    assert (claims["iss"], claims["aud"]) == ("https://login.example.com/tidegate", "https://models.example.com")
    assert (claims["sub"], claims["client_id"], claims["tenant"]) == ("card-authorisation", "card-authorisation", "fraud")
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["nbf"] - claims["iat"] in {0, 1}


def test_no_two_tokens_are_the_same(issuer: Issuer) -> None:
    assert issuer.token() != issuer.token()


def test_tenant_need_not_be_named_by_who_has_one(issuer: Issuer) -> None:
    assert issuer.verified(issuer.token())[1]["tenant"] == "fraud"


def test_secret_may_come_in_the_body(issuer: Issuer) -> None:
    secret = token_issuer.secret_of(issuer.machine, "staff-portal") or ""
    body = urlencode({**GRANT, "client_id": "staff-portal", "client_secret": secret})
    status, headers, answer = issuer.ask("POST", "/token", body, FORM)
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    assert issuer.verified(json.loads(answer)["access_token"])[1]["tenant"] == "assistant"


def both_ways(issuer: Issuer) -> tuple[str, dict[str, str]]:
    secret = token_issuer.secret_of(issuer.machine, "card-authorisation") or ""
    return urlencode({**GRANT, "client_id": "card-authorisation", "client_secret": secret}), issuer.basic()


BAD: dict[str, tuple[int, str]] = {
    "no-proof": (401, "invalid_client"),
    "wrong-secret": (401, "invalid_client"),
    "secret-of-another": (401, "invalid_client"),
    "unknown-client": (401, "invalid_client"),
    "unknown-client-in-body": (401, "invalid_client"),
    "no-secret-in-body": (401, "invalid_client"),
    "no-base64": (401, "invalid_client"),
    "no-utf-8": (401, "invalid_client"),
    "bearer-for-basic": (401, "invalid_client"),
    "header-without-value": (401, "invalid_client"),
    "tenant-of-another": (400, "invalid_scope"),
    "two-tenants": (400, "invalid_scope"),
    "tenant-with-nul": (400, "invalid_scope"),
    "no-grant": (400, "unsupported_grant_type"),
    "grant-for-people": (400, "unsupported_grant_type"),
    "grant-in-json": (400, "unsupported_grant_type"),
    "grant-in-query": (400, "invalid_request"),
    "scope-twice": (400, "invalid_request"),
    "both-ways": (400, "invalid_request"),
    "body-of-20-kib": (413, "request_entity_too_large"),
    "thousands-of-fields": (413, "request_entity_too_large"),
    "get": (405, "method_not_allowed"),
}  # fmt: skip


def bad_request(issuer: Issuer, name: str) -> tuple[str, str, str, dict[str, str]]:
    """Method, path, body and headers."""
    form, basic = urlencode(GRANT), issuer.basic()
    given: dict[str, tuple[str, dict[str, str]]] = {
        "no-proof": (form, {}),
        "wrong-secret": (form, issuer.basic(secret="wrong")),
        "secret-of-another": (form, issuer.basic(secret=token_issuer.secret_of(issuer.machine, "staff-portal") or "")),
        "unknown-client": (form, issuer.basic("nobody", "wrong")),
        "unknown-client-in-body": (urlencode({**GRANT, "client_id": "nobody", "client_secret": "wrong"}), {}),
        "no-secret-in-body": (urlencode({**GRANT, "client_id": "card-authorisation"}), {}),
        "no-base64": (form, {"Authorization": "Basic !"}),
        "no-utf-8": (form, {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode()}),
        "bearer-for-basic": (form, {"Authorization": "Bearer a.b.c"}),
        "header-without-value": (form, {"Authorization": "Basic"}),
        "tenant-of-another": (urlencode({**GRANT, "scope": "credit"}), basic),
        "two-tenants": (urlencode({**GRANT, "scope": "fraud credit"}), basic),
        "tenant-with-nul": (urlencode({**GRANT, "scope": "fraud\0"}), basic),
        "no-grant": ("scope=fraud", basic),
        "grant-for-people": (urlencode({"grant_type": "password", "username": "a", "password": "b"}), basic),
        "grant-in-json": (json.dumps(GRANT), {**basic, "Content-Type": "application/json"}),
        "grant-in-query": ("", basic),
        "scope-twice": (f"{form}&scope=fraud&scope=credit", basic),
        "both-ways": both_ways(issuer),
        "body-of-20-kib": (f"{form}&scope={'x' * 20_000}", basic),
        "thousands-of-fields": (form + "".join(f"&a{one}" for one in range(3000)), basic),
        "get": ("", basic),
    }  # fmt: skip
    body, headers = given[name]
    path = f"/token?{form}" if name == "grant-in-query" else "/token"
    return ("GET" if name == "get" else "POST"), path, body, {**FORM, **headers}


@pytest.mark.parametrize("name", sorted(BAD))
def test_bad_request_is_refused_in_the_form_of_oauth(issuer: Issuer, name: str) -> None:
    status, headers, body = issuer.ask(*bad_request(issuer, name))
    assert (status, json.loads(body)["error"]) == BAD[name], body
    assert ("WWW-Authenticate" in headers) == (status == 401)


def test_wrong_secret_and_unknown_client_are_told_the_same(issuer: Issuer) -> None:
    wrong, unknown, in_body = (
        issuer.ask(*bad_request(issuer, name)) for name in ("wrong-secret", "unknown-client", "unknown-client-in-body")
    )
    assert wrong[2] == unknown[2] == in_body[2]


def test_other_addresses_lead_nowhere(issuer: Issuer) -> None:
    for path in ("", "/", "/keys/", "/../etc/machine/front.key", "/settings.json", "//keys"):
        assert issuer.ask("GET", path)[0] in {308, 404}, path
    assert issuer.ask("DELETE", "/keys")[0] == 405


def test_log_names_clients_and_no_secret(issuer: Issuer) -> None:
    token = issuer.token()
    issuer.ask("POST", "/token", urlencode(GRANT), {**FORM, **issuer.basic('nobody\n{"what"}', "s3cret")})
    lines = [json.loads(line) for line in issuer.log.read_text().splitlines() if line.startswith("{")]
    assert {"what": "token", "subject": "card-authorisation", "tenant": "fraud", "key": "embedded-1"} in lines
    assert lines[-1] == {"what": "refused", "error": "invalid_client", "client": 'nobody\n{"what"}'}
    text = issuer.log.read_text()
    for secret in (token, "s3cret", token_issuer.secret_of(issuer.machine, "card-authorisation") or "", "PRIVATE KEY"):
        assert secret not in text


def test_rotation_needs_no_restart_and_leaves_older_tokens_good(tmp_path: Path) -> None:
    with started(tmp_path) as issuer:
        published, older = issuer.keys().keys(), issuer.token()
        assert token_issuer.rotate(tmp_path) == "embedded-2"
        assert issuer.verified(issuer.token())[0]["kid"] == "embedded-2"
        assert issuer.verified(older)[0]["kid"] == "embedded-1"
        assert issuer.keys().keys() == published
        head, payload, signature = older.split(".")
        with pytest.raises(InvalidSignature):
            issuer.keys()["embedded-2"].verify(decoded(signature), f"{head}.{payload}".encode(), padding.PKCS1v15(), hashes.SHA256())
        (token_issuer.folder(tmp_path) / "settings.json").write_text("{")
        assert issuer.verified(issuer.token())[0]["kid"] == "embedded-2", "half a file is not followed"


def test_caller_added_later_is_known_at_once(tmp_path: Path) -> None:
    fraud = PLATFORM.tenants["fraud"]
    none = {**PLATFORM.tenants, "fraud": fraud.model_copy(update={"callers": tuple(one for one in fraud.callers if one.tenant)})}
    with started(tmp_path) as issuer:
        kept = issuer.basic()
        token_issuer.write_settings(tmp_path, type(PLATFORM)(PLATFORM.clusters, none))
        assert issuer.ask("POST", "/token", urlencode(GRANT), {**FORM, **kept})[0] == 401
        token_issuer.write_settings(tmp_path, PLATFORM)
        assert issuer.ask("POST", "/token", urlencode(GRANT), {**FORM, **kept})[0] == 401, "the secret is another one now"
        assert issuer.token()
