"""Signatures as cosign writes and verifies them: ECDSA on P-256 over the SHA-256 of the signed file, in a Sigstore bundle."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tidegate.checkout import Checkout, cache_folder
from tidegate.errors import BundleError, UsageError
from tidegate.signing.checks.envelopes import BUNDLE_TYPE, decoded, fields, public_key, read_json, text
from tidegate.signing.checks.refusal import Refusal
from tidegate.signing.keys import KeyFile, Signer, embedded_signer

KEYS = Path("clusters/embedded/bundle-keys")
"""Where a team commits the public keys that it trusts, each as `<name>.pub` (PEM)."""

Keys = Mapping[str, ec.EllipticCurvePublicKey]
"""Trusted keys by the name of their file."""

_DIGEST = "SHA2_256"


def trusted_keys(checkout: Checkout, given: Path | None = None) -> Keys:
    """The key in the file `given`, else those that the checkout commits. Raises `UsageError` when there is none, or one is no key."""
    paths = [given] if given else sorted((checkout.root / KEYS).glob("*.pub"))
    if not paths:
        raise UsageError(
            f"no key is trusted to sign bundles; commit the team's as {KEYS.as_posix()}/<name>.pub, or name one with --bundle-key"
        )
    return {path.name: _read_key(path) for path in paths}


def signing_key(given: Path | None = None) -> Signer:
    """The private key in the file `given` (PEM without a password), else this machine's own, which is made at first use."""
    return KeyFile(given.stem, given) if given else embedded_signer("bundle", cache_folder() / "bundle-keys")


def sign(message: bytes, signer: Signer) -> bytes:
    """A Sigstore bundle with a signature over `message`, as of `cosign sign-blob --bundle` without a transparency log."""
    key = public_key(signer.public_pem())
    document: dict[str, object] = {
        "mediaType": BUNDLE_TYPE,
        "verificationMaterial": {"publicKey": {"hint": _hint(key)}, "tlogEntries": []},
        "messageSignature": {
            "messageDigest": {"algorithm": _DIGEST, "digest": base64.b64encode(hashlib.sha256(message).digest()).decode()},
            "signature": base64.b64encode(signer.sign(message)).decode(),
        },
    }
    return json.dumps(document, sort_keys=True).encode()


def verify(message: bytes, signature: bytes, trusted: Keys, source: str) -> str:
    """The name of the trusted key that has signed `message`; raises `BundleError`, which calls the bundle `source`."""
    try:
        hint, digest, value = _read_signature(signature, "its signature")
    except Refusal as refused:
        raise BundleError(f"{source}: {refused}") from refused
    name = next((name for name, key in trusted.items() if _hint(key) == hint), None)
    if name is None:
        known = ", ".join(f"{name} ({_hint(key)})" for name, key in trusted.items())
        raise BundleError(
            f"{source} is signed with the key {hint}, which is not trusted; trusted: {known}; fetch it from where your team publishes it, "
            "or have its key reviewed"
        )
    if not _holds(trusted[name], message, digest, value):
        raise BundleError(f"{source}: its manifest is not what was signed with {name}; fetch it again, and find out who changed it")
    return name


def _holds(key: ec.EllipticCurvePublicKey, message: bytes, digest: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return digest == hashlib.sha256(message).digest()


def _read_signature(content: bytes, what: str) -> tuple[str, bytes, bytes]:
    """The hint that names the key, the SHA-256 of what was signed, and the signature.

    What a transparency log or a clock says besides is not looked at.
    """
    document = fields(read_json(content, what), what, {"mediaType", "verificationMaterial", "messageSignature"})
    if document["mediaType"] != BUNDLE_TYPE:
        raise Refusal(f"{what} is of another type than {BUNDLE_TYPE}")
    material = fields(document["verificationMaterial"], what, {"publicKey"}, {"tlogEntries", "timestampVerificationData"})
    hint = fields(material["publicKey"], f"the key of {what}", {"hint"})["hint"]
    signed = fields(document["messageSignature"], f"the message of {what}", {"messageDigest", "signature"})
    digest = fields(signed["messageDigest"], f"the digest of {what}", {"algorithm", "digest"})
    if digest["algorithm"] != _DIGEST:
        raise Refusal(f"{what} is not over a SHA-256")
    return text(hint, what), decoded(digest["digest"], what), decoded(signed["signature"], what)


def _read_key(path: Path) -> ec.EllipticCurvePublicKey:
    try:
        return public_key(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError, Refusal) as error:
        raise UsageError(f"{path} cannot be read as a public key on P-256 (PEM): {error}") from error


def _hint(key: ec.EllipticCurvePublicKey) -> str:
    """How cosign points at a key: SHA-256 of its DER form, in base64."""
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()
