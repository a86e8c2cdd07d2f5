"""Signs the evidence of merge gates: a DSSE envelope over the digest of the bundle's manifest, made as those over models are."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tidegate.signing.bundles import SigningError
from tidegate.signing.checks import envelopes
from tidegate.signing.checks.refusal import Refusal
from tidegate.signing.keys import Signer

EVIDENCE_KEY = "gate-evidence"
"""The key of its own, in Vault's transit engine where a region runs: who signs models proves no gate, and the other way round."""

_PREDICATE = "https://tidegate.dev/gate-evidence/v1"
_WHAT = "signature.json"
_MAX_BYTES = 1 << 20


def sign_evidence(digest: str, signer: Signer) -> bytes:
    """The content of the signature's file; `digest` is the SHA-256 of the manifest."""
    statement: dict[str, object] = {
        "_type": envelopes.STATEMENT_TYPE, "subject": [{"name": EVIDENCE_KEY, "digest": {"sha256": digest}}],
        "predicateType": _PREDICATE, "predicate": {},
    }  # fmt: skip
    payload = json.dumps(statement, sort_keys=True).encode()
    signature = signer.sign(envelopes.signed_message(payload))
    return json.dumps(envelopes.envelope(payload, signature, signer.key_id), sort_keys=True).encode() + b"\n"


def check_evidence(content: bytes, digest: str, key_id: str, trusted: Mapping[str, str]) -> None:
    """Raises `SigningError` unless `content` is a signature over `digest` by `key_id`, which must be among `trusted` (PEM by name)."""
    if key_id not in trusted:
        raise SigningError(f"signed with {key_id}, whose public key is not trusted here; give it with --key")
    try:
        signed = _signed_digest(content, key_id, trusted[key_id])
    except Refusal as refused:
        raise SigningError(str(refused)) from refused
    if signed != digest:
        raise SigningError(f"{_WHAT} is over the manifest {signed}, and this one is {digest}")


def _signed_digest(content: bytes, key_id: str, public_pem: str) -> str:
    if len(content) > _MAX_BYTES:
        raise Refusal(f"{_WHAT} has {len(content)} bytes; {_MAX_BYTES} is the most")
    statement = envelopes.open_envelope(envelopes.read_json(content, _WHAT), _WHAT, envelopes.public_key(public_pem), {key_id})
    name, signed = envelopes.only_subject(statement, _WHAT)
    if statement["predicateType"] != _PREDICATE or name != EVIDENCE_KEY:
        raise Refusal(f"{_WHAT} is about something else than the evidence of gates")
    return signed
