"""Who signs: keys by name, behind one small interface.

Here keys are files in the machine's own state, made at first use. In production the same two calls are a key in KMS or in Vault
(transit), which signs the same messages (ECDSA on P-256 over SHA-256) and never gives the key away.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tidegate.checkout import cache_folder
from tidegate.errors import UsageError
from tidegate.facts.platform import Platform


class Signer(Protocol):
    """One signing key. Nothing else of Tidegate touches private keys."""

    @property
    def key_id(self) -> str:
        """The key's name, as tenants' files spell it."""
        ...

    def public_pem(self) -> str:
        """The public half (SubjectPublicKeyInfo)."""
        ...

    def sign(self, message: bytes) -> bytes:
        """An ECDSA signature over the message's SHA-256, as DER."""
        ...


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A private key in a file (PEM, PKCS 8, unencrypted, readable by its owner only)."""

    key_id: str
    path: Path

    def public_pem(self) -> str:
        """The public half; raises `UsageError` when the file is no such key."""
        spki = self._private().public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return spki.decode()

    def sign(self, message: bytes) -> bytes:
        """The signature; raises `UsageError` when the file is no such key."""
        return self._private().sign(message, ec.ECDSA(hashes.SHA256()))

    def _private(self) -> ec.EllipticCurvePrivateKey:
        try:
            if self.path.stat().st_mode & 0o077:
                raise UsageError(f"{self.path} may be read by others; run chmod 600 on it, and think about a new key")
            loaded = serialization.load_pem_private_key(self.path.read_bytes(), None)
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(f"{self.path} cannot be read as a private key without a password (PEM): {error}") from error
        if not isinstance(loaded, ec.EllipticCurvePrivateKey) or not isinstance(loaded.curve, ec.SECP256R1):
            raise UsageError(f"{self.path} is no key on the curve P-256; make one with `openssl ecparam -name prime256v1 -genkey -noout`")
        return loaded


def embedded_keys() -> Path:
    """Where this machine keeps the keys of its embedded regions: beside the models that they sign, outside every checkout."""
    return cache_folder() / "model-keys"


def embedded_signer(key_id: str, folder: Path | None = None) -> KeyFile:
    """This machine's key of that name, made when there is none yet. Two processes at once agree on one key."""
    path = (folder or embedded_keys()) / f"{key_id}.key"
    if not path.is_file():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = ec.generate_private_key(ec.SECP256R1())
        pem = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        _write_once(path, pem)
    return KeyFile(key_id, path)


def _write_once(path: Path, content: bytes) -> None:
    """Whole or not at all, and never over a key that somebody else has just made."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    opened = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "wb") as file:
        file.write(content)
    try:
        os.link(scratch, path)
    except FileExistsError:
        pass
    finally:
        scratch.unlink()


def key_ids(platform: Platform) -> dict[str, str]:
    """The key that each tenant signs with: the one its models name. Tenants whose models name several are refused."""
    found: dict[str, str] = {}
    for name, tenant in platform.tenants.items():
        named = sorted({one.artefact.signature.key_id for model in tenant.models.values() for one in model.named_artefacts()})
        if len(named) > 1:
            raise UsageError(f"tenant {name} names the keys {', '.join(named)}; its models on this machine are signed with one key")
        if named:
            found[name] = named[0]
    return found
