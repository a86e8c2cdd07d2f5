"""The signed list of workload images: only what a committed key has signed as it is counts."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tidegate.signing.listed_images import CATALOGUE, KEY, commit, listed
from tests.tidegate.signing.signed_models import MemoryKey
from tidegate.errors import InventoryError
from tidegate.facts.inventory.image_catalogue import LIST, load_image_keys, load_images
from tidegate.facts.models.images import KEPT, ImageCatalogue
from tidegate.signing.bundles import SigningError
from tidegate.signing.checks import envelopes
from tidegate.signing.images import check_images, read_images, sign_images

TRUSTED = {KEY.key_id: KEY.public_pem()}


def changed(change: Callable[[Any], object], *, again: bool) -> bytes:
    """The signed list with another statement; signed `again` as a careless or bribed signer would, or by nobody."""
    document = json.loads(sign_images(CATALOGUE, KEY))
    statement = json.loads(base64.b64decode(document["payload"]))
    change(statement)
    payload = json.dumps(statement).encode()
    if again:
        document = envelopes.envelope(payload, KEY.sign(envelopes.signed_message(payload)), KEY.key_id)
    document["payload"] = base64.b64encode(payload).decode()
    return json.dumps(document).encode()


def test_signed_list_is_read_back_as_it_was() -> None:
    assert read_images(sign_images(CATALOGUE, KEY), TRUSTED) == CATALOGUE


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b"", "the list of images is not JSON", id="empty"),
        pytest.param(b"[]", "the list of images is not an object", id="no-envelope"),
        pytest.param(sign_images(CATALOGUE, MemoryKey.made("another")), "is signed with 'another', which is no key in gitops/catalogue/images (workload-images)", id="foreign-key"),
        pytest.param(sign_images(CATALOGUE, MemoryKey.made(KEY.key_id)), "the signature of the list of images does not hold", id="foreign-key-of-that-name"),
        pytest.param(changed(lambda one: one["predicate"]["images"].pop(), again=False), "the signature of the list of images does not hold", id="entry-taken-out"),
        pytest.param(changed(lambda one: one["predicate"]["images"][0].update(digest="sha256:" + "f" * 64), again=False), "does not hold", id="other-digest"),
        pytest.param(changed(lambda one: one["predicate"]["images"].pop(), again=True), "contradicts itself", id="contradiction"),
        pytest.param(changed(lambda one: one.update(predicateType="https://tidegate.dev/gate-evidence/v1"), again=True), "is about something else", id="signature-of-something-else"),
        pytest.param(sign_images(ImageCatalogue.model_construct(images=(listed("mlserver", "1"), listed("mlserver", "1"))), KEY), "is listed twice", id="twice"),
        pytest.param(sign_images(ImageCatalogue.model_construct(images=tuple(listed("mlserver", f"{n:x}") for n in range(KEPT + 1))), KEY), "lists 11 versions of mlserver", id="too-many"),
        pytest.param(sign_images(CATALOGUE, KEY).replace(b'"signatures": [', b'"signatures": [{"sig": "", "keyid": ""}, '), "has 2 signatures instead of one", id="two-signatures"),
        pytest.param(b" " * ((1 << 20) + 1), "has 1048577 bytes", id="huge"),
    ],
)  # fmt: skip
def test_list_that_nobody_trusted_has_signed_as_it_is_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(SigningError) as refused:
        read_images(content, TRUSTED)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("digest", None),
        ("digest", "1" * 64),
        ("name", "pause"),
        ("revision", "main"),
        ("sbom_sha256", "sha256:1"),
        ("tag", "latest"),
        ("who", "me"),
    ],
)
def test_entry_that_is_none_is_refused(field: str, value: str | None) -> None:
    entry = listed("mlserver", "1").model_dump() | {field: value}
    document = json.loads(sign_images(CATALOGUE, KEY))
    statement = json.loads(base64.b64decode(document["payload"]))
    statement["predicate"] = {"images": [entry]}
    statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(json.dumps([entry], sort_keys=True).encode()).hexdigest()
    payload = json.dumps(statement).encode()
    content = json.dumps(envelopes.envelope(payload, KEY.sign(envelopes.signed_message(payload)), KEY.key_id)).encode()
    with pytest.raises(SigningError, match=f"images.0.{field}"):
        read_images(content, TRUSTED)


def test_committed_list_is_checked(tmp_path: Path) -> None:
    assert (load_images(tmp_path), check_images(tmp_path)) == (ImageCatalogue(), []), "no list, nothing to check and nothing to let in"
    commit(tmp_path)
    assert (load_images(tmp_path), check_images(tmp_path)) == (CATALOGUE, [])
    commit(tmp_path, sign_images(CATALOGUE, MemoryKey.made("another")))
    (finding,) = check_images(tmp_path)
    assert str(finding) == (
        "gitops/catalogue/images/list.json: the list of images is signed with 'another', which is no key in gitops/catalogue/images "
        "(workload-images); restore it from Git, or publish again with `tidegate image publish` [image-list-signature]"
    )


@pytest.mark.parametrize("content", [b"", b"{}", b'{"payload": "e30="}', b'{"payload": "!"}'])
def test_list_that_cannot_be_read_lets_nobody_render(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InventoryError, match=rf"{LIST.as_posix()}: .*; restore it from Git, or publish again .* \[image-list\]"):
        load_images(commit(tmp_path, content))


def test_key_that_is_none_is_refused(tmp_path: Path) -> None:
    commit(tmp_path)
    (tmp_path / LIST.parent / "another.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(InventoryError, match=r"another.pem: is no public key as PEM; .* \[image-key\]"):
        load_image_keys(tmp_path)
