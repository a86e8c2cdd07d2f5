"""The signed list of workload images: one document over all of them, made as the lists of models are, with a key of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from tidegate.errors import Finding
from tidegate.facts.inventory.image_catalogue import FOLDER, LIST, load_image_keys
from tidegate.facts.models.images import ImageCatalogue
from tidegate.signing.bundles import SigningError
from tidegate.signing.checks import envelopes
from tidegate.signing.checks.refusal import Refusal, shown
from tidegate.signing.keys import Signer

IMAGES_KEY = "workload-images"
"""The name of the key unless another is chosen."""

PREDICATE = "https://tidegate.dev/image-catalogue/v1"
_SUBJECT = "workload-images"
_WHAT = "the list of images"
_MAX_BYTES = 1 << 20


def sign_images(catalogue: ImageCatalogue, signer: Signer) -> bytes:
    """The list as a signed document, to be committed as `gitops/catalogue/images/list.json`."""
    listed = [one.model_dump() for one in catalogue.images]
    statement: dict[str, object] = {
        "_type": envelopes.STATEMENT_TYPE, "subject": [{"name": _SUBJECT, "digest": {"sha256": _digest(listed)}}],
        "predicateType": PREDICATE, "predicate": {"images": listed},
    }  # fmt: skip
    payload = json.dumps(statement, sort_keys=True).encode()
    signature = signer.sign(envelopes.signed_message(payload))
    return json.dumps(envelopes.envelope(payload, signature, signer.key_id), sort_keys=True).encode() + b"\n"


def read_images(content: bytes, keys: Mapping[str, str]) -> ImageCatalogue:
    """What a signed list holds; raises `SigningError` unless one of `keys` (PEM by name) has signed it as it is."""
    try:
        return ImageCatalogue.model_validate_json(json.dumps({"images": _listed(content, keys)}))
    except Refusal as refused:
        raise SigningError(str(refused)) from refused
    except ValidationError as error:
        first = error.errors()[0]
        raise SigningError(f"{_WHAT}: {'.'.join(map(str, first['loc']))}: {first['msg']}".replace(": : ", ": ")) from error


def check_images(root: Path) -> list[Finding]:
    """What is wrong with the committed list: a signature that does not hold, or is by a key that nobody has committed."""
    if not (root / LIST).exists():
        return []
    try:
        read_images((root / LIST).read_bytes(), load_image_keys(root))
    except SigningError as refused:
        remedy = "restore it from Git, or publish again with `tidegate image publish`"
        return [Finding(LIST.as_posix(), "", "image-list-signature", str(refused), remedy)]
    return []


def _listed(content: bytes, keys: Mapping[str, str]) -> list[object]:
    if len(content) > _MAX_BYTES:
        raise Refusal(f"{_WHAT} has {len(content)} bytes; {_MAX_BYTES} is the most")
    document = envelopes.read_json(content, _WHAT)
    key_id = _key_id(document)
    if key_id not in keys:
        trusted = ", ".join(sorted(keys)) or "none"
        raise Refusal(f"{_WHAT} is signed with {shown(key_id)}, which is no key in {FOLDER.as_posix()} ({trusted})")
    statement = envelopes.open_envelope(document, _WHAT, envelopes.public_key(keys[key_id]), {key_id})
    name, sha256 = envelopes.only_subject(statement, _WHAT)
    if statement["predicateType"] != PREDICATE or name != _SUBJECT:
        raise Refusal(f"{_WHAT} is about something else")
    listed = envelopes.items(envelopes.fields(statement["predicate"], _WHAT, {"images"})["images"], _WHAT)
    if _digest(listed) != sha256:
        raise Refusal(f"{_WHAT} contradicts itself")
    return listed


def _key_id(document: object) -> str:
    """What the document says of itself; the signature is checked with that key and no other."""
    signatures = envelopes.items(envelopes.fields(document, _WHAT, {"payload", "payloadType", "signatures"})["signatures"], _WHAT)
    if len(signatures) != 1:
        raise Refusal(f"{_WHAT} has {len(signatures)} signatures instead of one")
    return envelopes.text(envelopes.fields(signatures[0], _WHAT, {"sig", "keyid"})["keyid"], _WHAT)


def _digest(listed: object) -> str:
    return hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()
