"""Pushes built images and what is in them, and makes the list that names them."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from tidegate.checkout import Checkout
from tidegate.embedded.images import Image
from tidegate.embedded.images.store import Blob
from tidegate.embedded.publishing.bill_of_image import bill_tag, check_bill, image_tag, write_artefact
from tidegate.embedded.publishing.registry import Registry
from tidegate.errors import UsageError
from tidegate.facts.models.images import CataloguedImage, ImageCatalogue, kept
from tidegate.repository.revisions import git
from tidegate.tools.progress import OnProgress


@dataclass(frozen=True, slots=True)
class Built:
    """An image of this tree and its bill of materials."""

    image: Image
    bill: bytes


@dataclass(frozen=True, slots=True)
class Published:
    """The list after publishing, and which of the built images had to be sent."""

    catalogue: ImageCatalogue
    sent: tuple[str, ...]


def committed_revision(checkout: Checkout) -> str:
    """The commit that is checked out. Raises `UsageError` when a file differs from it: the list would name what was not built."""
    if changed := git(checkout, "status", "--porcelain").splitlines():
        raise UsageError(f"{changed[0][3:]} is not as the last commit has it, and the list names a commit; commit or stash it")
    return git(checkout, "rev-parse", "HEAD").strip()


def publish(
    built: Mapping[str, Built], registry: Registry, before: ImageCatalogue, revision: str, *, retired: Collection[str] = (),
    on_progress: OnProgress = lambda _subject, _what: None,
) -> Published:  # fmt: skip
    """Pushes what the registry lacks of `built`; the list is `before` without `retired`, and each built image as the last of its name.

    An image that is listed already keeps what the list says of it. Raises `UsageError` for a digest in `retired` that is not listed or
    was just built, `RegistryError` when the registry refuses or holds other bytes, or a bill is about another image. What was pushed until
    then stays and is in no list.
    """
    _check_retired(retired, before, built)
    listed = {(one.name, one.digest): one for one in before.images if one.digest not in retired}
    sent: list[str] = []
    for name, one in built.items():
        entry = listed.get((name, one.image.digest)) or _described(one, revision)
        if _push(one, entry, registry, on_progress):
            sent.append(name)
        last = [each for each in listed.values() if each.name == name][-1:]
        if last != [entry]:  # to the end: a tree that went back has an earlier build as its newest
            listed.pop((name, entry.digest), None)
            listed[name, entry.digest] = entry
    return Published(ImageCatalogue(images=cast("tuple[CataloguedImage, ...]", tuple(kept(list(listed.values()))))), tuple(sent))


def _described(one: Built, revision: str) -> CataloguedImage:
    image = one.image
    sbom_sha256 = check_bill(one.bill, image.repository, image.digest)
    return CataloguedImage(name=image.name, tag=image.tag, digest=image.digest, sbom_sha256=sbom_sha256, revision=revision)


def _push(one: Built, entry: CataloguedImage, registry: Registry, on_progress: OnProgress) -> bool:
    image, tag = one.image, image_tag(entry.tag, entry.digest)
    on_progress(image.name, f"publishing {entry.digest}")
    is_new = registry.push(image.layout, image.repository, tag, entry.digest)
    if (
        check_bill(one.bill, image.repository, image.digest) == entry.sbom_sha256
    ):  # else an older writer of bills made the one that is listed
        manifest = image.layout / "blobs" / "sha256" / image.digest.removeprefix("sha256:")
        with tempfile.TemporaryDirectory(prefix="tidegate-bill-") as scratch:
            layout, digest = write_artefact(one.bill, Blob(image.digest, manifest.stat().st_size), Path(scratch))
            is_new |= registry.push(layout, image.repository, bill_tag(entry.tag, entry.digest, entry.sbom_sha256), digest)
    return is_new


def _check_retired(retired: Collection[str], before: ImageCatalogue, built: Mapping[str, Built]) -> None:
    if unknown := sorted(set(retired) - {one.digest for one in before.images}):
        raise UsageError(f"{unknown[0]} is not in the list; `tidegate image list` shows what is")
    if current := sorted(set(retired) & {one.image.digest for one in built.values()}):
        raise UsageError(f"{current[0]} is what this tree builds; change what it is built from first")
