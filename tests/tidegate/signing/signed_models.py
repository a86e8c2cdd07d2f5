"""Small signed models, and ways to sign them wrongly on purpose."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tidegate.signing.bundles import sign_version
from tidegate.signing.checks import envelopes
from tidegate.signing.checks.verification import Expected

MODEL = "fraud/scorer/2"
FILES = {
    "MLmodel": b"flavors: {}\n",
    "model.txt": b"trees\n" * 400,
    "parts/weights.bin": bytes(range(256)) * 8,
    "parts/zero.bin": bytes(64),
}


@dataclass(frozen=True)
class MemoryKey:
    """A signer without a file, as one in KMS or Vault would be."""

    key_id: str
    private: ec.EllipticCurvePrivateKey

    @classmethod
    def made(cls, key_id: str) -> MemoryKey:
        return cls(key_id, ec.generate_private_key(ec.SECP256R1()))

    def public_pem(self) -> str:
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(serialization.Encoding.PEM, spki).decode()

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message, ec.ECDSA(hashes.SHA256()))


OWN = MemoryKey.made("fraud-release")
OTHER = MemoryKey.made("credit-release")


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def signed(folder: Path, model: str = MODEL, key: MemoryKey = OWN, files: dict[str, bytes] | None = None) -> Expected:
    """Writes and signs a model; returns what it must be verified as."""
    stated = sign_version(write_files(folder, files or FILES), model, key)
    return Expected(stated.model, stated.sha256, stated.key_id, key.public_pem())


def edit_json(path: Path, change: Callable[[Any], object]) -> None:
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))


def resign(path: Path, change: Callable[[Any], object], key: MemoryKey = OWN) -> None:
    """Changes what a bundle or a statement says and signs it again: what a careless or bribed signer could do."""
    document = json.loads(path.read_bytes())
    envelope = document.get("dsseEnvelope", document)
    statement = json.loads(base64.b64decode(envelope["payload"]))
    change(statement)
    payload = json.dumps(statement).encode()
    made = envelopes.envelope(payload, key.sign(envelopes.signed_message(payload)), envelope["signatures"][0]["keyid"])
    if "dsseEnvelope" in document:
        document["dsseEnvelope"] = made
        document["verificationMaterial"]["publicKey"]["hint"] = envelopes.fingerprint(key.private.public_key())
    path.write_text(json.dumps(document if "dsseEnvelope" in document else made))
