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

from tidegate.embedded.identity import certificates, tokens
from tidegate.errors import MachineError


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _published(folder: Path) -> rsa.RSAPublicKey:
    return tokens.signing_key(folder).public_key()


def test_the_first_key_verifies_a_token(tmp_path: Path) -> None:
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


def test_keys_are_made_once_and_differ(tmp_path: Path) -> None:
    numbers = {name: tokens.signing_key(tmp_path, name).public_key().public_numbers().n for name in tokens.KEY_FILES}
    assert len(set(numbers.values())) == 2
    assert tokens.signing_key(tmp_path).public_key().public_numbers().n == numbers[tokens.KEY_ID]


def test_file_that_is_no_key_is_said(tmp_path: Path) -> None:
    elliptic = certificates.private_pem(certificates.new_key())
    certificates.write_secret(tmp_path / "token-signing.key", elliptic)
    with pytest.raises(MachineError, match=r"token-signing\.key is not the key that Tidegate made"):
        tokens.signing_key(tmp_path)
