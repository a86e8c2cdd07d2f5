"""The stand-in of the companies' identity provider: it signs the tokens that callers of the edge carry."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tidegate.errors import MachineError
from tidegate.operations.local.certificates import write_secret

KEY_ID = "embedded-1"

LIFETIME_SECONDS = 3600


def key_set(folder: Path) -> dict[str, object]:
    """The public keys as a JSON Web Key Set (RFC 7517)."""
    numbers = _key(folder).public_key().public_numbers()
    key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "n": _number(numbers.n), "e": _number(numbers.e)}
    return {"keys": [key]}


def sign(
    folder: Path, *, issuer: str, audience: str, subject: str, claims: Mapping[str, str], lifetime_seconds: int = LIFETIME_SECONDS,
) -> str:  # fmt: skip
    """A token for `subject` as a JSON Web Token (RFC 7519), signed with RS256; `claims` are added."""
    now = int(time.time())
    header = {"alg": "RS256", "kid": KEY_ID, "typ": "JWT"}
    payload = {**claims, "iss": issuer, "aud": audience, "sub": subject, "iat": now, "exp": now + lifetime_seconds}
    signed = ".".join(_text(json.dumps(part, sort_keys=True).encode()) for part in (header, payload))
    return f"{signed}.{_text(_key(folder).sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _key(folder: Path) -> rsa.RSAPrivateKey:
    path = folder / "token-signing.key"
    if not path.is_file():
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        write_secret(path, pem)
    loaded = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(loaded, rsa.RSAPrivateKey):
        raise MachineError(f"{path} is not the key that Tidegate made; run `make down` and `make up`")
    return loaded


def _number(value: int) -> str:
    return _text(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
