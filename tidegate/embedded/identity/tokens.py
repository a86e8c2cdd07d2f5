"""The keys of the stand-in for the companies' identity provider, and tokens signed with them past it.

Callers get theirs from the issuer itself (login.py); who tries out bad ones signs them here.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tidegate.embedded.identity.certificates import write_secret
from tidegate.errors import MachineError

KEY_ID = "embedded-1"
"""The key that signs on a fresh platform, and that `sign` uses."""

KEY_FILES = {KEY_ID: "token-signing.key", "embedded-2": "token-signing-next.key"}
"""Both are published, one of them signs: when they change places, nobody has to fetch anything."""

LIFETIME_SECONDS = 3600


def sign(
    folder: Path, *, issuer: str, audience: str, subject: str, claims: Mapping[str, str], lifetime_seconds: int = LIFETIME_SECONDS,
) -> str:  # fmt: skip
    """A token for `subject` as a JSON Web Token (RFC 7519), signed with RS256 by the first key; `claims` are added."""
    now = int(time.time())
    header = {"alg": "RS256", "kid": KEY_ID, "typ": "JWT"}
    payload = {**claims, "iss": issuer, "aud": audience, "sub": subject, "iat": now, "exp": now + lifetime_seconds}
    signed = ".".join(_text(json.dumps(part, sort_keys=True).encode()) for part in (header, payload))
    return f"{signed}.{_text(signing_key(folder).sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def signing_key(folder: Path, name: str = KEY_ID) -> rsa.RSAPrivateKey:
    """One of `KEY_FILES` in `folder`, made when it is missing. Raises `MachineError` for a file that is no such key."""
    path = folder / KEY_FILES[name]
    if not path.is_file():
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        write_secret(path, pem)
    loaded = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(loaded, rsa.RSAPrivateKey):
        raise MachineError(f"{path} is not the key that Tidegate made; run `make down` and `make up`")
    return loaded


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
