"""What we sign, upstream's library verifies; what it signs, we take on our terms; catalogues are whole and their tenant's."""

# pyright: reportUnknownMemberType=false
# Upstream's paths are an os.PathLike of anything.

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from model_signing import hashing, signing, verifying

from tests.tidegate.signing.signed_models import MODEL, OTHER, OWN, edit_json, resign, signed, write_files
from tidegate.errors import UsageError
from tidegate.facts.signature import ApprovedModel, ModelCatalogue
from tidegate.signing.bundles import SigningError, read_catalogue, sign_catalogue, sign_version, verify_version


def upstream(folder: Path) -> hashing.Config:
    return hashing.Config().set_ignored_paths(paths=[folder / "model.sig", folder / "model.statement"], ignore_git_paths=False)


def test_upstreams_library_verifies_our_bundle(tmp_path: Path) -> None:
    folder, public = tmp_path / "model", tmp_path / "public.pem"
    signed(folder)
    public.write_text(OWN.public_pem())
    verifier = verifying.Config().use_elliptic_key_verifier(public_key=public).set_hashing_config(upstream(folder))
    verifier.verify(folder, folder / "model.sig")
    (folder / "model.txt").write_text("other")
    with pytest.raises(ValueError, match=r"model\.txt"):
        verifier.verify(folder, folder / "model.sig")


@pytest.mark.parametrize("leaves_git_out", [False, True], ids=["whole", "without-git"])
def test_upstreams_bundle_is_taken_only_when_nothing_is_left_out(tmp_path: Path, leaves_git_out: bool) -> None:
    folder, private = tmp_path / "model", tmp_path / "private.pem"
    expected = signed(folder)
    pem, clear = serialization.Encoding.PEM, serialization.NoEncryption()
    private.write_bytes(OWN.private.private_bytes(pem, serialization.PrivateFormat.PKCS8, clear))
    statement = (folder / "model.statement").read_bytes()
    for name in ("model.sig", "model.statement"):
        (folder / name).unlink()
    config = hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=leaves_git_out)
    signing.Config().use_elliptic_key_signer(private_key=private).set_hashing_config(config).sign(folder, tmp_path / "model.sig")
    (tmp_path / "model.sig").rename(folder / "model.sig")
    (folder / "model.statement").write_bytes(statement)
    if leaves_git_out:
        with pytest.raises(SigningError, match=r"model\.sig leaves out .*; sign without ignored paths"):
            verify_version(folder, expected.model, expected.sha256, expected.key_id, expected.public_key)
    else:
        verify_version(folder, expected.model, expected.sha256, expected.key_id, expected.public_key)


def test_signing_again_replaces_the_signature(tmp_path: Path) -> None:
    first = signed(tmp_path / "model")
    stated = sign_version(tmp_path / "model", "fraud/scorer/3", OWN, datetime(2026, 11, 21, 12, tzinfo=UTC))
    assert (stated.sha256, stated.model, stated.signed_at) == (first.sha256, "fraud/scorer/3", "2026-11-21T12:00:00Z")


@pytest.mark.parametrize("name", ["scorer/1", "fraud/scorer", "Fraud/scorer/1", "fraud/scorer/1/2", "fraud/../1", "fraud/scorer/.."])
def test_name_that_no_tenant_could_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=f"{re.escape(name)} is no model version"):
        sign_version(write_files(tmp_path, {"a": b"a"}), name, OWN)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a": b"a", "empty": b""}, "'empty' is empty; KServe's downloader leaves empty files out"),
        ({"model.tar": b"a"}, "is an archive that is not unpacked"),
        ({"A": b"a", "a": b"a"}, "differ in case only"),
        ({}, "is empty"),
    ],
    ids=["empty-file", "tar", "clash", "nothing"],
)
def test_what_no_pod_would_load_is_not_signed(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    with pytest.raises(SigningError, match=f"cannot be signed: .*{message}"):
        sign_version(write_files(tmp_path, files), MODEL, OWN)


def entry(model: str, sha256: str = "0" * 64) -> ApprovedModel:
    return ApprovedModel(model=model, uri=f"s3://tidegate-models/{model}", sha256=sha256, key_id="fraud-release")


def test_catalogue_lists_a_tenants_models_and_nobody_elses() -> None:
    content = sign_catalogue(
        ModelCatalogue(models=(entry("fraud/scorer/2", "1" * 64), entry("fraud/scorer/1"), entry("credit/decision/1"))), "fraud", OWN
    )
    listed = read_catalogue(content, "fraud", "fraud-release", OWN.public_pem())
    assert [one.model for one in listed] == ["fraud/scorer/1", "fraud/scorer/2"]


REFUSED: dict[str, tuple[str, str, Callable[[Path], object], str]] = {
    "another-key": (OTHER.public_pem(), "fraud", lambda _: None, "the signature of the catalogue of fraud does not hold"),
    "another-tenant": (OWN.public_pem(), "credit", lambda _: None, "the catalogue of credit is about something else"),
    "other-entries": (OWN.public_pem(), "fraud", lambda path: resign(path, lambda it: it["predicate"]["models"].clear()), "contradicts itself"),
    "foreign-entry": (OWN.public_pem(), "credit", lambda path: resign(path, lambda it: it["subject"][0].update(name="credit")), "lists fraud/scorer/1, which is another tenant's"),
    "edited": (OWN.public_pem(), "fraud", lambda path: edit_json(path, lambda it: it.update(payload="e30=")), "does not hold"),
    "not-json": (OWN.public_pem(), "fraud", lambda path: path.write_text("models: []"), "is not JSON"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_catalogue_that_is_not_the_tenants_is_refused(tmp_path: Path, name: str) -> None:
    public, tenant, change, message = REFUSED[name]
    path = tmp_path / "fraud.json"
    path.write_bytes(sign_catalogue(ModelCatalogue(models=(entry("fraud/scorer/1"),)), "fraud", OWN))
    change(path)
    with pytest.raises(SigningError, match=message):
        read_catalogue(path.read_bytes(), tenant, "fraud-release", public)


def test_documents_are_json_that_others_can_read(tmp_path: Path) -> None:
    signed(tmp_path)
    bundle, statement = (json.loads((tmp_path / name).read_bytes()) for name in ("model.sig", "model.statement"))
    assert bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert statement["signatures"][0]["keyid"] == "fraud-release"
