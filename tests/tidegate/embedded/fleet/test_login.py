"""A token is asked for once, by a client with its secret, and what goes wrong is told apart."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidegate.embedded.edge_server import Edge, make_local, serve
from tidegate.embedded.fleet import login
from tidegate.embedded.fleet.bring_up import Local
from tidegate.embedded.fleet.login import LoginError, UnknownCallerError
from tidegate.embedded.identity import certificates, token_issuer
from tidegate.embedded.machines import network


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    with serve(tmp_path, "edge.example.com") as running:
        yield running


@pytest.fixture
def local(tmp_path: Path, edge: Edge) -> Local:
    return make_local(tmp_path, {"login": edge.port})


def get(local: Local, tenant: str = "fraud", subject: str = "card-authorisation") -> str:
    return login.get_token(local, local.platform.clusters["live-1"].token_issuer, tenant=tenant, subject=subject)


def test_client_proves_itself_and_names_the_tenant(local: Local, edge: Edge) -> None:
    assert get(local).count(".") == 2
    secret = token_issuer.secret_of(local.machine(network.INTERNET).folder, "card-authorisation")
    assert (edge.logins, edge.names) == ([("card-authorisation", secret, "fraud")], ["login.example.com"])


def test_client_with_signs_in_its_name_arrives_whole(local: Local, edge: Edge) -> None:
    path = local.machine(network.INTERNET).folder / "pki" / "token-clients.json"
    certificates.write_secret(path, json.dumps({"team:a@b/c": "one:two%3A&="}).encode())
    get(local, subject="team:a@b/c")
    assert edge.logins == [("team:a@b/c", "one:two%3A&=", "fraud")]


def test_token_is_kept_for_its_caller_and_tenant(local: Local, edge: Edge) -> None:
    assert get(local) == get(local)
    get(local, tenant="credit", subject="loan-origination")
    assert [one[0] for one in edge.logins] == ["card-authorisation", "loan-origination"]


def test_token_is_fetched_anew_before_it_ends(local: Local, edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    get(local)
    now = time.monotonic()
    monkeypatch.setattr(login.time, "monotonic", lambda: now + 3200)
    get(local)
    assert len(edge.logins) == 1
    monkeypatch.setattr(login.time, "monotonic", lambda: now + 3400)
    get(local)
    assert len(edge.logins) == 2


def test_next_platform_of_the_checkout_gives_its_own_tokens(local: Local, edge: Edge) -> None:
    get(local)
    (local.machine(network.INTERNET).folder / "pki" / "token-clients.json").unlink()
    token_issuer.write_settings(local.machine(network.INTERNET).folder, local.platform)
    get(local)
    assert len(edge.logins) == 2


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        ((401, '{"error": "invalid_client", "error_description": "who?"}'), UnknownCallerError, r"a token for fraud \(invalid_client: who\?\)"),
        ((400, '{"error": "invalid_scope"}'), UnknownCallerError, r"refused 'card-authorisation' a token for fraud \(invalid_scope\)"),
        ((400, '{"error": "invalid_request"}'), LoginError, r"\(invalid_request\)"),
        ((503, "no healthy upstream"), LoginError, "answered 503 with something that is no token: no healthy upstream; `tidegate local logs"),
        ((200, "{}"), LoginError, "answered 200 with something that is no token: {}"),
    ],
    ids=["client", "scope", "request", "no-issuer", "no-token"],
)  # fmt: skip
def test_refusals_are_told_apart(local: Local, edge: Edge, answer: tuple[int, str], kind: type[LoginError], message: str) -> None:
    edge.login = answer
    with pytest.raises(LoginError, match=message) as caught:
        get(local)
    assert type(caught.value) is kind


def test_certificate_of_somebody_else_gets_no_secret(tmp_path: Path, edge: Edge) -> None:
    local = make_local(tmp_path, {"login": edge.port})
    (local.machine(network.INTERNET).folder / "pki" / "internet-ca.crt").unlink()
    (local.machine(network.INTERNET).folder / "pki" / "internet-ca.key").unlink()
    with pytest.raises(LoginError, match="does not answer: its certificate is not the issuer's"):
        get(local)
    assert edge.logins == []
