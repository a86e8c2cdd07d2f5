"""Whether a folder is the model that it should be: bytes, name, version and key, all at once or not at all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .envelopes import Fields, fields, items, only_subject, open_bundle, open_envelope, public_key, read_json, text
from .files import FILES_MAX, FileState, digest, look, read_small, refuse_clashes, refuse_name, tree_digest
from .libraries import STATED, comparison, refuse_other_versions, stated_libraries
from .refusal import Refusal, shown

BUNDLE = "model.sig"
STATEMENT = "model.statement"

BUNDLE_PREDICATE = "https://model_signing/signature/v1.0"
STATEMENT_PREDICATE = "https://tidegate.dev/model-statement/v1"

_SHA256 = re.compile(r"[0-9a-f]{64}")

_BUNDLE_MAX_BYTES = 32 << 20
"""Three times what a bundle of `FILES_MAX` files with short names takes."""

_STATEMENT_MAX_BYTES = 16 << 10


@dataclass(frozen=True, slots=True)
class Expected:
    """The model that the reviewed files name."""

    model: str
    """`<tenant>/<model>/<version>`"""
    sha256: str
    """Of all its files (see `tree_digest`), signatures left out."""
    key_id: str
    public_key: str
    """PEM"""
    server: str = ""
    """What will load it, for the reader."""
    libraries: Mapping[str, str] = field(default_factory=dict[str, str])
    """Versions by library that the server has; what is not known of it is not there, and not compared."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was read of a model that may be loaded."""

    files: int
    size_bytes: int
    trained_with: Mapping[str, str]
    """Versions by library, as signed; empty when the statement names none."""
    comparison: str
    """In words, what of it was compared with the server."""


def verify(folder: Path, expected: Expected) -> Verified:
    """Reads every byte once and compares with bundle, statement and `expected`.

    Raises `Refusal` for the first difference. What is cheap is looked at first: content is only read when names and sizes are
    as signed, so that nobody can make us read without an end.
    """
    key = public_key(expected.public_key)
    seen = look(folder)
    statement = open_envelope(
        read_json(read_small(folder, STATEMENT, seen, _STATEMENT_MAX_BYTES), STATEMENT), STATEMENT, key, {expected.key_id}
    )
    bundle = open_bundle(read_small(folder, BUNDLE, seen, _BUNDLE_MAX_BYTES), BUNDLE, key)
    signed = _signed_digests(bundle)
    content = {name: one for name, one in seen.items() if name not in {BUNDLE, STATEMENT}}
    said = _said_of(statement, expected)
    libraries = stated_libraries(said, f"predicate of {STATEMENT}")
    refuse_other_versions(libraries, expected.server, expected.libraries)
    _compare_names(content, signed)
    _compare_amounts(content, said)
    digests: dict[str, str] = {}
    for name, one in content.items():
        digests[name] = digest(folder, name, one)
        if digests[name] != signed[name]:
            raise Refusal(f"{shown(name)} is not what was signed")
    if look(folder) != seen:
        raise Refusal("files were added, removed or replaced while they were verified")
    if tree_digest(digests) != expected.sha256:
        raise Refusal(f"the files have the digest {tree_digest(digests)}; the tenant's file names {expected.sha256}")
    compared = comparison(libraries, expected.server, expected.libraries)
    return Verified(len(content), sum(one.size for one in content.values()), libraries, compared)


def _said_of(statement: Fields, expected: Expected) -> Fields:
    """The predicate of a statement about the expected model, digest and key."""
    if statement["predicateType"] != STATEMENT_PREDICATE:
        raise Refusal(f"{STATEMENT} is of the unknown kind {shown(statement['predicateType'])}")
    name, sha256 = only_subject(statement, STATEMENT)
    said = fields(statement["predicate"], f"predicate of {STATEMENT}", {"keyId", "files", "sizeBytes", "signedAt"}, {STATED})
    if name != expected.model:
        raise Refusal(f"{STATEMENT} is about {shown(name)}; expected is {shown(expected.model)}")
    if sha256 != expected.sha256:
        raise Refusal(f"{STATEMENT} signs the digest {shown(sha256)}; the tenant's file names {expected.sha256}")
    if said["keyId"] != expected.key_id:
        raise Refusal(f"{STATEMENT} names the key {shown(said['keyId'])} instead of {shown(expected.key_id)}")
    return said


def _signed_digests(statement: Fields) -> dict[str, str]:
    """SHA-256 by file name, from a bundle that leaves nothing out."""
    if statement["predicateType"] != BUNDLE_PREDICATE:
        raise Refusal(f"{BUNDLE} is of the unknown kind {shown(statement['predicateType'])}")
    _, root = only_subject(statement, BUNDLE)
    predicate = fields(statement["predicate"], f"predicate of {BUNDLE}", {"serialization", "resources"})
    how = fields(predicate["serialization"], f"serialization of {BUNDLE}", {"method", "hash_type", "allow_symlinks"}, {"ignore_paths"})
    # Upstream's verifier trusts what the signer says it ignored, so that files could be added there unseen.
    if how.get("ignore_paths", []) != []:
        raise Refusal(f"{BUNDLE} leaves out {shown(how['ignore_paths'])}; sign without ignored paths")
    if (how["method"], how["hash_type"], how["allow_symlinks"]) != ("files", "sha256", False):
        raise Refusal(f"{BUNDLE} was not made over whole files by SHA-256 without links")
    found: dict[str, str] = {}
    for entry in items(predicate["resources"], f"resources of {BUNDLE}"):
        resource = fields(entry, f"a resource of {BUNDLE}", {"name", "algorithm", "digest"})
        name, sha256 = text(resource["name"], f"a name in {BUNDLE}"), text(resource["digest"], f"a digest in {BUNDLE}")
        refuse_name(name)
        if resource["algorithm"] != "sha256":
            raise Refusal(f"{BUNDLE} has a digest by {shown(resource['algorithm'])}")
        if name in found or name in {BUNDLE, STATEMENT}:
            raise Refusal(f"{BUNDLE} lists {shown(name)} {'twice' if name in found else 'among the files it signs'}")
        found[name] = sha256
        if len(found) > FILES_MAX:
            raise Refusal(f"{BUNDLE} lists more than {FILES_MAX} files")
    refuse_clashes(found)
    if hashlib.sha256(b"".join(map(_bytes, found.values()))).hexdigest() != root:
        raise Refusal(f"{BUNDLE} contradicts itself: its subject is not the sum of its files")
    return found


def _bytes(sha256: str) -> bytes:
    if not _SHA256.fullmatch(sha256):
        raise Refusal(f"{BUNDLE} has {shown(sha256)} for a SHA-256")
    return bytes.fromhex(sha256)


def _compare_names(content: Mapping[str, FileState], signed: Mapping[str, str]) -> None:
    if added := sorted(content.keys() - signed.keys()):
        raise Refusal(f"{shown(added[0])} is not among the signed files")
    if removed := sorted(signed.keys() - content.keys()):
        raise Refusal(f"{shown(removed[0])} is signed, but missing")


def _compare_amounts(content: Mapping[str, FileState], said: Fields) -> None:
    size = sum(one.size for one in content.values())
    if (said["files"], said["sizeBytes"]) != (len(content), size):
        raise Refusal(
            f"the model has {len(content)} files of {size} bytes; signed are {shown(said['files'])} files of {shown(said['sizeBytes'])} bytes"
        )
