"""The token issuer changes its keys, and is killed, and nobody at the edge notices."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator

import pytest

from tests.acceptance.issuer_client import issuer_folder, published_keys
from tests.acceptance.running_platform import INVENTORY, REGIONS, Running
from tidegate.embedded import prediction
from tidegate.embedded.fleet import login
from tidegate.embedded.identity import token_issuer, tokens
from tidegate.embedded.machines import network

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def rotated(platform: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The key that signs now, after a change; changed back at the end. No token is kept from before."""
    monkeypatch.setattr(login, "_kept", {})
    yield token_issuer.rotate(issuer_folder(platform))
    token_issuer.rotate(issuer_folder(platform))


def test_change_of_keys_is_not_noticed_at_the_edge(platform: Running, rotated: str, record_property: Callable[[str, object], None]) -> None:
    """Tokens of both keys are good at once, in every region: nothing had to be fetched."""
    assert published_keys(platform) == set(tokens.KEY_FILES)
    issuer = INVENTORY.clusters[REGIONS[0]].token_issuer
    tenant, sample = INVENTORY.tenants["fraud"], platform.sample("fraud/scorer")
    for region in REGIONS:
        fresh = prediction.token_for(platform.local, tenant, region)
        head = fresh.partition(".")[0]
        assert json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"] == rotated
        older = tokens.sign(
            issuer_folder(platform) / "pki", issuer=issuer.issuer, audience=issuer.audience, subject="card-authorisation",
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
