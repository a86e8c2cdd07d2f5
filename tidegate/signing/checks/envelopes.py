"""DSSE envelopes (github.com/secure-systems-lab/dsse) with exactly one ECDSA signature, read as strictly as they are written.

A model-signing bundle is a Sigstore bundle around such an envelope. Both hold an in-toto statement with one subject.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Collection, Mapping
from typing import NoReturn, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .refusal import Refusal, shown

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"

Fields = Mapping[str, object]


def public_key(pem: str) -> ec.EllipticCurvePublicKey:
    """The key in `pem`; refuses all but keys on P-256, the one curve that KMS, Vault and the bundle format share."""
    try:
        loaded = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Refusal("the public key cannot be read; it must be PEM") from error
    if not isinstance(loaded, ec.EllipticCurvePublicKey) or not isinstance(loaded.curve, ec.SECP256R1):
        raise Refusal("the public key is not on the curve P-256")
    return loaded


def fingerprint(key: ec.EllipticCurvePublicKey) -> str:
    """SHA-256 of the key's PEM, by which bundles point at their key."""
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(pem).hexdigest()


def signed_message(payload: bytes) -> bytes:
    """What is really signed for `payload`: DSSE's pre-authentication encoding, which keeps type and content apart."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def envelope(payload: bytes, signature: bytes, key_id: str) -> dict[str, object]:
    """The envelope of a signed payload."""
    signed = {"sig": base64.b64encode(signature).decode(), "keyid": key_id}
    return {"payload": base64.b64encode(payload).decode(), "payloadType": PAYLOAD_TYPE, "signatures": [signed]}


def open_bundle(content: bytes, what: str, key: ec.EllipticCurvePublicKey) -> Fields:
    """The statement in a model-signing bundle whose signature `key` verifies."""
    bundle = fields(read_json(content, what), what, {"mediaType", "verificationMaterial", "dsseEnvelope"})
    if bundle["mediaType"] != BUNDLE_TYPE:
        raise Refusal(f"{what} is of the unknown type {shown(bundle['mediaType'])}")
    material = fields(bundle["verificationMaterial"], f"verificationMaterial of {what}", {"publicKey"}, {"tlogEntries"})
    if material.get("tlogEntries", []) != []:
        raise Refusal(f"{what} has entries of a transparency log, which nobody here checks")
    hint = fields(material["publicKey"], f"publicKey of {what}", {"hint"})["hint"]
    if hint != fingerprint(key):
        raise Refusal(f"{what} was made with another key than the one it must be signed with")
    return open_envelope(bundle["dsseEnvelope"], what, key, key_ids={""})


def open_envelope(document: object, what: str, key: ec.EllipticCurvePublicKey, key_ids: Collection[str]) -> Fields:
    """The in-toto statement in an envelope whose single signature `key` verifies and whose key id is one of `key_ids`."""
    signed = fields(document, what, {"payload", "payloadType", "signatures"})
    if signed["payloadType"] != PAYLOAD_TYPE:
        raise Refusal(f"{what} has the unknown payload type {shown(signed['payloadType'])}")
    signatures = items(signed["signatures"], f"signatures of {what}")
    if len(signatures) != 1:
        raise Refusal(f"{what} has {len(signatures)} signatures instead of one")
    signature = fields(signatures[0], f"the signature of {what}", {"sig"}, {"keyid"})
    if signature.get("keyid", "") not in key_ids:
        raise Refusal(f"{what} names the key {shown(signature.get('keyid'))} instead of {' or '.join(map(shown, sorted(key_ids)))}")
    payload = decoded(signed["payload"], f"payload of {what}")
    try:
        key.verify(decoded(signature["sig"], f"signature of {what}"), signed_message(payload), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise Refusal(f"the signature of {what} does not hold: other content, or another key") from error
    statement = fields(read_json(payload, f"payload of {what}"), what, {"_type", "subject", "predicateType", "predicate"})
    if statement["_type"] != STATEMENT_TYPE:
        raise Refusal(f"{what} holds the unknown statement type {shown(statement['_type'])}")
    return statement


def only_subject(statement: Fields, what: str) -> tuple[str, str]:
    """Name and SHA-256 of the statement's one subject."""
    subjects = items(statement["subject"], f"subjects of {what}")
    if len(subjects) != 1:
        raise Refusal(f"{what} has {len(subjects)} subjects instead of one")
    subject = fields(subjects[0], f"subject of {what}", {"name", "digest"})
    digest = fields(subject["digest"], f"digest of {what}", {"sha256"})
    return text(subject["name"], f"name of {what}"), text(digest["sha256"], f"digest of {what}")


def read_json(content: bytes, what: str) -> object:
    """`content` as JSON; refuses a key that comes twice, numbers that are none, and what is too deep to read."""

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise Refusal(f"{what} has a key twice")
        return found

    def no_number(name: str) -> NoReturn:
        raise Refusal(f"{what} has {name} for a number")

    try:
        return json.loads(content.decode(), object_pairs_hook=once, parse_constant=no_number)
    except Refusal:
        raise
    except (ValueError, RecursionError) as error:
        raise Refusal(f"{what} is not JSON") from error


def fields(value: object, what: str, required: set[str], optional: Collection[str] = ()) -> Fields:
    """`value` as an object with just these keys."""
    if not isinstance(value, dict):
        raise Refusal(f"{what} is not an object")
    found = cast("dict[str, object]", value)
    if missing := sorted(required - found.keys()):
        raise Refusal(f"{what} lacks {', '.join(missing)}")
    if unknown := sorted(found.keys() - required - set(optional)):
        raise Refusal(f"{what} has the unknown key {shown(unknown[0])}")
    return found


def items(value: object, what: str) -> list[object]:
    """`value` as a list."""
    if not isinstance(value, list):
        raise Refusal(f"{what} is not a list")
    return cast("list[object]", value)


def text(value: object, what: str) -> str:
    """`value` as a string."""
    if not isinstance(value, str):
        raise Refusal(f"{what} is not a text")
    return value


def decoded(value: object, what: str) -> bytes:
    """`value` from base64 in its one canonical form."""
    try:
        content = base64.b64decode(text(value, what), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal(f"{what} is not base64") from error
    if base64.b64encode(content).decode() != value:
        raise Refusal(f"{what} is not base64")
    return content
