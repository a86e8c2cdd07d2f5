"""Signs one version of a model: an OpenSSF model-signing bundle over its files, and a statement of what they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tidegate.errors import TidegateError, UsageError
from tidegate.facts.models.artefact import BUNDLE
from tidegate.facts.signature import STATEMENT, ApprovedModel, ModelCatalogue, ModelId, SignedStatement
from tidegate.signing.checks import archives, envelopes, files, libraries, verification
from tidegate.signing.checks.refusal import Refusal
from tidegate.signing.keys import Signer
from tidegate.signing.trained_with import trained_with

CATALOGUE_PREDICATE = "https://tidegate.dev/model-catalogue/v1"
_CATALOGUE_MAX_BYTES = 16 << 20


class SigningError(TidegateError):
    """A model cannot be signed as it is, or does not verify; the text says why."""


def sign_version(
    folder: Path, model: str, signer: Signer, signed_at: datetime | None = None, used: Mapping[str, str] | None = None
) -> SignedStatement:  # fmt: skip
    """Writes `model.sig` and `model.statement` into `folder`, over what is there; returns what was stated.

    `model` is `<tenant>/<model>/<version>`; `used` are the libraries that trained it, by name, over those that its MLmodel file names.
    What was written is verified before this returns. Raises `SigningError` for files that no pod would load, and `UsageError` for a
    name that no tenant could have.
    """
    try:
        TypeAdapter(ModelId).validate_python(model)
    except ValidationError as error:
        raise UsageError(f"{model} is no model version; write <tenant>/<model>/<version>") from error
    for name in (BUNDLE, STATEMENT):
        (folder / name).unlink(missing_ok=True)
    try:
        seen, digests = _read(folder)
        named = libraries.check_libraries({**trained_with(folder), **dict(used or {})}, "the signer")
    except Refusal as refused:
        raise SigningError(f"{folder} cannot be signed: {refused}") from refused
    stated = SignedStatement(
        model=model, sha256=files.tree_digest(digests), key_id=signer.key_id, files=len(seen),
        size_bytes=sum(one.size for one in seen.values()), signed_at=f"{(signed_at or datetime.now(UTC)).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        libraries=named,
    )  # fmt: skip
    (folder / BUNDLE).write_bytes(_bundle(folder, model, signer))
    (folder / STATEMENT).write_bytes(_envelope(_statement(stated), signer, key_id=signer.key_id))
    verify_version(folder, stated.model, stated.sha256, stated.key_id, signer.public_pem())
    return stated


def digest_of(folder: Path) -> str:
    """The digest of all files in `folder`, signatures left out, as a tenant's file writes it. Raises `SigningError` for odd files."""
    try:
        seen = {name: one for name, one in files.look(folder).items() if name not in {BUNDLE, STATEMENT}}
        return files.tree_digest({name: files.digest(folder, name, one) for name, one in seen.items()})
    except Refusal as refused:
        raise SigningError(
            f"{folder} is no folder of a signed version: {refused}; name the one that `tidegate model sign` signed"
        ) from refused


def verify_version(folder: Path, model: str, sha256: str, key_id: str, public_pem: str) -> verification.Verified:
    """Verifies a version's folder as a pod does; raises `SigningError` with the reason that a pod would give."""
    try:
        return verification.verify(folder, verification.Expected(model, sha256, key_id, public_pem))
    except Refusal as refused:
        raise SigningError(f"{model}: {refused}") from refused


def sign_catalogue(catalogue: ModelCatalogue, tenant: str, signer: Signer) -> bytes:
    """The tenant's part of a catalogue as a signed document, to be committed."""
    models = [entry.model_dump() for entry in sorted(catalogue.models, key=lambda one: one.model) if entry.tenant == tenant]
    listed = json.dumps(models, sort_keys=True).encode()
    subject = {"name": tenant, "digest": {"sha256": hashlib.sha256(listed).hexdigest()}}
    statement = _in_toto(subject, CATALOGUE_PREDICATE, {"models": models})
    return _envelope(statement, signer, key_id=signer.key_id)


def read_catalogue(content: bytes, tenant: str, key_id: str, public_pem: str) -> tuple[ApprovedModel, ...]:
    """What a signed catalogue of `tenant` lists; raises `SigningError` when it is not that tenant's, or its signature does not hold."""
    what = f"the catalogue of {tenant}"
    try:
        models = ModelCatalogue.model_validate_json(json.dumps({"models": _listed(content, what, tenant, key_id, public_pem)})).models
    except (Refusal, ValidationError) as refused:
        raise SigningError(f"{what}: {refused}") from refused
    if other := next((entry.model for entry in models if entry.tenant != tenant), None):
        raise SigningError(f"{what}: lists {other}, which is another tenant's")
    return models


def _read(folder: Path) -> tuple[dict[str, files.FileState], dict[str, str]]:
    seen = files.look(folder)
    archives.packed(seen)
    for name, one in seen.items():
        if one.size == 0:
            raise Refusal(f"{name!r} is empty; KServe's downloader leaves empty files out")
    return seen, {name: files.digest(folder, name, one) for name, one in seen.items()}


def _listed(content: bytes, what: str, tenant: str, key_id: str, public_pem: str) -> list[object]:
    if len(content) > _CATALOGUE_MAX_BYTES:
        raise Refusal(f"{what} has {len(content)} bytes; {_CATALOGUE_MAX_BYTES} is the most")
    key = envelopes.public_key(public_pem)
    statement = envelopes.open_envelope(envelopes.read_json(content, what), what, key, {key_id})
    name, sha256 = envelopes.only_subject(statement, what)
    if statement["predicateType"] != CATALOGUE_PREDICATE or name != tenant:
        raise Refusal(f"{what} is about something else")
    listed = envelopes.items(envelopes.fields(statement["predicate"], what, {"models"})["models"], what)
    if hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest() != sha256:
        raise Refusal(f"{what} contradicts itself")
    return listed


def _bundle(folder: Path, model: str, signer: Signer) -> bytes:
    """Upstream's library reads the files and decides their order; only the signature is made by `signer`."""
    from model_signing import hashing  # noqa: PLC0415 - takes more than a second, and only who signs needs it

    # Nothing may be left out. By default files of Git would be, and a verifier believes the signer.
    config = hashing.Config().set_ignored_paths(paths=[BUNDLE, STATEMENT], ignore_git_paths=False)  # pyright: ignore[reportUnknownMemberType] - upstream's os.PathLike
    manifest = config.hash(folder)  # pyright: ignore[reportUnknownMemberType] - the same
    resources = [
        {"name": found.identifier, "algorithm": found.digest.algorithm, "digest": found.digest.digest_hex}
        for found in manifest.resource_descriptors()
    ]
    root = hashlib.sha256(b"".join(bytes.fromhex(one["digest"]) for one in resources)).hexdigest()
    serialization = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
    subject = {"name": model, "digest": {"sha256": root}}
    statement = _in_toto(subject, verification.BUNDLE_PREDICATE, {"serialization": serialization, "resources": resources})
    key = envelopes.public_key(signer.public_pem())
    document: dict[str, object] = {
        "mediaType": envelopes.BUNDLE_TYPE,
        "verificationMaterial": {"publicKey": {"hint": envelopes.fingerprint(key)}, "tlogEntries": []},
        "dsseEnvelope": json.loads(_envelope(statement, signer, key_id="")),
    }
    return json.dumps(document).encode()


def _statement(stated: SignedStatement) -> bytes:
    subject = {"name": stated.model, "digest": {"sha256": stated.sha256}}
    said: dict[str, object] = {"keyId": stated.key_id, "files": stated.files, "sizeBytes": stated.size_bytes, "signedAt": stated.signed_at}
    if stated.libraries:
        said[libraries.STATED] = stated.libraries
    return _in_toto(subject, verification.STATEMENT_PREDICATE, said)


def _in_toto(subject: Mapping[str, object], predicate_type: str, predicate: Mapping[str, object]) -> bytes:
    document = {"_type": envelopes.STATEMENT_TYPE, "subject": [subject], "predicateType": predicate_type, "predicate": predicate}
    return json.dumps(document, sort_keys=True).encode()


def _envelope(payload: bytes, signer: Signer, *, key_id: str) -> bytes:
    return json.dumps(envelopes.envelope(payload, signer.sign(envelopes.signed_message(payload)), key_id)).encode()
