"""What the issuer is told follows the tenants' files; keys and secrets outlive each telling."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.tidegate.embedded.edge_server import make_local
from tests.tidegate.live.canned_cluster import platform
from tidegate.embedded.identity import token_issuer, tokens
from tidegate.embedded.machines import network
from tidegate.errors import MachineError


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The internet machine's folder, after the issuer was told."""
    return make_local(tmp_path, {}).machine(network.INTERNET).folder


def told(machine: Path) -> dict[str, Any]:
    return json.loads((token_issuer.folder(machine) / "settings.json").read_text())


def test_every_caller_is_a_client_of_its_tenants(machine: Path) -> None:
    clients = told(machine)["clients"]
    assert {subject: one["tenants"] for subject, one in clients.items()} == {
        "card-authorisation": ["fraud"], "loan-origination": ["credit"], "merchant-monitoring": ["merchants"], "nightly-batch": ["scoring"],
        "staff-portal": ["assistant"],
        "support-desk": ["assistant"],
    }  # fmt: skip
    for subject, one in clients.items():
        secret = token_issuer.secret_of(machine, subject)
        assert secret
        assert one["secret_sha256"] == hashlib.sha256(secret.encode()).hexdigest()
        assert secret not in json.dumps(told(machine))
    assert token_issuer.secret_of(machine, "somebody") is None


def test_addresses_are_those_of_the_inventory(machine: Path) -> None:
    said = told(machine)
    assert (said["issuer"], said["jwks_uri"]) == ("https://login.example.com/tidegate", "https://login.example.com/tidegate/keys")
    assert said["token_endpoint"] == "https://login.example.com/tidegate/token"
    assert (said["audience"], said["tenant_claim"], said["signs_with"]) == ("https://models.example.com", "tenant", "embedded-1")


def test_telling_again_changes_nothing(machine: Path) -> None:
    before, secret = told(machine), token_issuer.secret_of(machine, "card-authorisation")
    token_issuer.write_settings(machine, platform())
    assert told(machine) == before
    assert token_issuer.secret_of(machine, "card-authorisation") == secret


def test_caller_of_two_tenants_is_one_client_and_who_left_is_none(machine: Path) -> None:
    kept = token_issuer.secret_of(machine, "card-authorisation")
    credit = platform().tenants["credit"].model_copy(update={"callers": platform().tenants["fraud"].callers})
    token_issuer.write_settings(machine, replace(platform(), tenants={**platform().tenants, "credit": credit}))
    assert told(machine)["clients"]["card-authorisation"]["tenants"] == ["credit", "fraud"]
    assert token_issuer.secret_of(machine, "card-authorisation") == kept
    assert "loan-origination" not in told(machine)["clients"]
    assert token_issuer.secret_of(machine, "loan-origination") is None


def test_rotation_changes_who_signs_and_keeps_what_is_published(machine: Path) -> None:
    before = told(machine)
    assert token_issuer.rotate(machine) == "embedded-2"
    assert told(machine) == before | {"signs_with": "embedded-2"}
    token_issuer.write_settings(machine, platform())
    assert told(machine)["signs_with"] == "embedded-2", "the next `tidegate up` undid it"
    assert token_issuer.rotate(machine) == tokens.KEY_ID


def test_rotation_before_the_first_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="the token issuer has no settings yet; bring it up with `tidegate up`"):
        token_issuer.rotate(tmp_path)


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"signs_with": "stolen"}', '{"signs_with": ["embedded-2"]}'])
def test_settings_that_are_broken_are_made_anew(machine: Path, broken: str) -> None:
    (token_issuer.folder(machine) / "settings.json").write_text(broken)
    token_issuer.write_settings(machine, platform())
    assert told(machine)["signs_with"] == "embedded-1"


def test_nobody_else_can_read_them(machine: Path) -> None:
    files = [token_issuer.folder(machine) / "settings.json", *(machine / "pki").iterdir()]
    assert len(files) == 4
    assert {path.name: path.stat().st_mode & 0o077 for path in files if path.stat().st_mode & 0o077} == {}
    assert [path.name for path in token_issuer.folder(machine).iterdir()] == ["settings.json"]


def test_regions_with_different_issuers_are_refused(tmp_path: Path) -> None:
    live_2 = platform().clusters["live-2"]
    other = live_2.model_copy(update={"token_issuer": live_2.token_issuer.model_copy(update={"audience": "https://elsewhere.example.com"})})
    with pytest.raises(MachineError, match=r"live-1 and live-2 name different token issuers.*clusters/inventory/live-2/cluster\.yaml"):
        token_issuer.write_settings(tmp_path, replace(platform(), clusters={**platform().clusters, "live-2": other}))
