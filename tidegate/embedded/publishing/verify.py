"""Whether the registry holds what the signed list names: each image by digest, and what is in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from tidegate.embedded.publishing.bill_of_image import bill_tag, check_bill
from tidegate.embedded.publishing.registry import Registry, RegistryError
from tidegate.errors import Finding
from tidegate.facts.inventory.image_catalogue import LIST
from tidegate.facts.models.images import CataloguedImage, ImageCatalogue


def verify(catalogue: ImageCatalogue, registry: Registry) -> list[Finding]:
    """A finding for each listed image that is not there, or whose bill of materials is missing, another one, or about other bytes."""
    return [
        Finding(LIST.as_posix(), one.name, "image-not-published", *said, one.digest)
        for one in catalogue.images
        for said in _wrong(one, registry)
    ]


def _wrong(one: CataloguedImage, registry: Registry) -> Iterator[tuple[str, str]]:
    again = "publish it again from that revision, or retire it with `tidegate image publish --retire`"
    if registry.digest_of(one.repository, one.digest) != one.digest:
        yield "is not in the registry", again
        return
    manifest: Any = registry.manifest_of(one.repository, bill_tag(one.tag, one.digest, one.sbom_sha256))
    try:
        subject, named = manifest["subject"]["digest"], manifest["layers"][0]["digest"]
    except (TypeError, KeyError, IndexError):
        yield "has no bill of materials in the registry", again
        return
    bill = registry.blob(one.repository, named)
    if subject != one.digest or bill is None or hashlib.sha256(bill).hexdigest() != one.sbom_sha256:
        yield "has another bill of materials in the registry than the list says", again
        return
    try:
        check_bill(bill, one.repository, one.digest)
    except RegistryError as refused:
        yield "has a bill of materials about something else", f"{refused}; {again}"
