"""The subjects that issuers of the field give, and what would let in more than one."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tidegate.facts.callers.caller import Caller

SHAPES = {
    "auth0": "auth0|5f7c8ec7c33c6c004bbafe82",
    "auth0-social": "google-oauth2|103547991597142817347",
    "entra-id": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
    "entra-id-object": "00000000-0000-0000-66f3-3332eca7ea81",
    "okta-user": "jane.doe@example.com",
    "okta-service": "0oa1gjh63g214q0Hq0g4",
    "github": "repo:example-org/app:ref:refs/heads/main",
    "github-environment": "repo:example-org/app:environment:Production",
    "gitlab": "project_path:group/app:ref_type:branch:ref:main",
    "spiffe": "spiffe://example.org/ns/payments/sa/checkout",
    "kubernetes": "system:serviceaccount:payments:checkout",
    "base64": "aGVsbG8+d29ybGQ=",
    "longest": "a" * 255,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_subject_of_an_issuer_is_taken(shape: str) -> None:
    assert Caller(subject=SHAPES[shape]).subject == SHAPES[shape]


@pytest.mark.parametrize("subject", ["*", "repo:example-org/*", "a b", "a\n", "", "a" * 256, '"a"', "-a"])
def test_subject_that_could_stand_for_more_is_refused(subject: str) -> None:
    with pytest.raises(ValidationError, match="subject"):
        Caller(subject=subject)
