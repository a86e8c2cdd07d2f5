"""Signing keys in Vault: taken over from the machine's files once, and used where a file would be."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tidegate.embedded.vault.vault_client import Vault
from tidegate.errors import MachineError


@dataclass(frozen=True, slots=True)
class TransitKey:
    """A signing key in Vault; a `Signer` as the key files are, and its signatures are theirs (ECDSA on P-256, DER)."""

    key_id: str
    vault: Vault

    def public_pem(self) -> str:
        """The public half of the newest version; raises `MachineError` when Vault has no such key."""
        found = self.vault.read(f"transit/keys/{self.key_id}")
        if found is None:
            raise MachineError(f"Vault has no signing key {self.key_id}; `tidegate up` takes over those of this machine")
        return str(found["keys"][str(found["latest_version"])]["public_key"]).rstrip("\n") + "\n"

    def sign(self, message: bytes) -> bytes:
        """The signature; raises `MachineError` when Vault refuses, is sealed or has no such key."""
        asked = {"input": base64.b64encode(message).decode(), "marshaling_algorithm": "asn1"}
        signature = str(self.vault.write(f"transit/sign/{self.key_id}/sha2-256", asked)["signature"])
        return base64.b64decode(signature.rpartition(":")[2])


def take_over(vault: Vault, key_id: str, pem: bytes) -> None:
    """Hands a private key (PEM, P-256) over such that only Vault can read it on the way.

    It is wrapped by a fresh AES key, and that by Vault's own key. Vault then signs as the file did, so what was signed before
    stays good; it never gives the key out again.
    """
    private = serialization.load_pem_private_key(pem, None)
    plain = private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    shown = vault.read("transit/wrapping_key") or {}
    wrapping = serialization.load_pem_public_key(str(shown.get("public_key", "")).encode())
    if not isinstance(wrapping, rsa.RSAPublicKey):
        raise MachineError("Vault's wrapping key is no RSA key, as it has been since Vault takes keys over")
    once = secrets.token_bytes(32)
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    wrapped = wrapping.encrypt(once, oaep) + keywrap.aes_key_wrap_with_padding(once, plain)
    asked = {"type": "ecdsa-p256", "hash_function": "SHA256", "ciphertext": base64.b64encode(wrapped).decode()}
    vault.write(f"transit/keys/{key_id}/import", asked)
