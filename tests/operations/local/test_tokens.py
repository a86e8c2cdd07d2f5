"""A token must be what the edge checks: signed by a published key, for an audience, with an end."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tidegate.operations.local import tokens


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _published(folder: Path) -> rsa.RSAPublicKey:
    key = json.loads(json.dumps(tokens.key_set(folder)))["keys"][0]
    numbers = (int.from_bytes(_decode(key[name]), "big") for name in ("e", "n"))
    return rsa.RSAPublicNumbers(*numbers).public_key()


def test_the_published_key_verifies_a_token(tmp_path: Path) -> None:
    token = tokens.sign(tmp_path, issuer="https://login.example.com/t", audience="https://a", subject="card", claims={"tenant": "fraud"})
    header, payload, signature = token.split(".")
    _published(tmp_path).verify(_decode(signature), f"{header}.{payload}".encode(), padding.PKCS1v15(), hashes.SHA256())
    claims = json.loads(_decode(payload))
    assert (claims["iss"], claims["aud"], claims["sub"], claims["tenant"]) == ("https://login.example.com/t", "https://a", "card", "fraud")
    assert 0 < claims["exp"] - time.time() <= tokens.LIFETIME_SECONDS


def test_a_changed_token_is_refused(tmp_path: Path) -> None:
    header, _, signature = tokens.sign(tmp_path, issuer="i", audience="a", subject="s", claims={}).split(".")
    forged = base64.urlsafe_b64encode(b'{"sub":"somebody-else"}').decode().rstrip("=")
    with pytest.raises(InvalidSignature):
        _published(tmp_path).verify(_decode(signature), f"{header}.{forged}".encode(), padding.PKCS1v15(), hashes.SHA256())


def test_extra_claims_cannot_replace_the_issuer(tmp_path: Path) -> None:
    payload = tokens.sign(tmp_path, issuer="right", audience="a", subject="s", claims={"iss": "wrong"}).split(".")[1]
    assert json.loads(_decode(payload))["iss"] == "right"
