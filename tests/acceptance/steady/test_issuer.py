"""The token issuer of a live platform: what it publishes and whom it refuses."""

from __future__ import annotations

import pytest

from tests.acceptance.issuer_client import FORM, ask_issuer, published_keys
from tests.acceptance.running_platform import INVENTORY, REGIONS, Running
from tidegate.embedded import prediction
from tidegate.embedded.identity import tokens

pytestmark = [pytest.mark.timeout(300), pytest.mark.touches(asks=["fraud"])]


def test_discovery_leads_to_the_keys_that_the_regions_are_told(platform: Running) -> None:
    status, said = ask_issuer(platform, "GET", "/tidegate/.well-known/openid-configuration")
    assert status == 200
    for region in REGIONS:
        expected = INVENTORY.clusters[region].token_issuer
        assert (said["issuer"], said["jwks_uri"]) == (expected.issuer, expected.jwks_uri)
    assert published_keys(platform) == set(tokens.KEY_FILES)


def test_nobody_gets_a_token_without_a_secret(platform: Running) -> None:
    for client in ("card-authorisation", "nobody"):
        body = f"grant_type=client_credentials&client_id={client}&client_secret=wrong"
        status, said = ask_issuer(platform, "POST", "/tidegate/token", body=body, headers=FORM)
        assert (status, said["error"]) == (401, "invalid_client")


def test_caller_of_one_tenant_gets_no_token_for_another(platform: Running) -> None:
    with pytest.raises(
        prediction.PredictionError, match=r"none of fraud's, and the token issuer refused 'loan-origination'.*invalid_scope"
    ):
        prediction.token_for(platform.local, INVENTORY.tenants["fraud"], REGIONS[0], subject="loan-origination")
