"""Writes what is in an image as CycloneDX, so that scanners and auditors can read it. The same image gives the same bytes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from tidegate.embedded.images.build import Image
from tidegate.embedded.images.contents import Kind, Part
from tidegate.errors import UsageError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""When it was made says nothing: the digest says of what it is."""


def bill_of(image: Image, parts: Sequence[Part]) -> str:
    """CycloneDX 1.6 in JSON. Raises `UsageError` where the library is not installed."""
    try:
        model: Any = import_module("cyclonedx.model.component")  # by name: its classes are made by decorators that no type checker follows
        whole: Any = import_module("cyclonedx.model.bom")
        output: Any = import_module("cyclonedx.output.json")
        from packageurl import PackageURL  # noqa: PLC0415 - a quarter of a second with the others, needed here only
    except ImportError as error:
        raise UsageError(f"{error.name} is not installed, which writes bills of materials; run `make setup-tests`") from error
    root = model.Component(
        name=image.repository, version=image.digest, type=model.ComponentType.CONTAINER, bom_ref=image.digest,
        purl=PackageURL("oci", name=image.repository.rpartition("/")[2], version=image.digest, qualifiers={"repository_url": image.repository}),
    )  # fmt: skip
    bill = whole.Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, image.reference))
    bill.metadata.timestamp = _EPOCH
    bill.metadata.component = root
    components: list[Any] = []
    for part in parts:
        namespace, _, name = part.name.rpartition("/")
        purl = PackageURL(
            part.kind.value, namespace="debian" if part.kind is Kind.DEBIAN else namespace or None, name=name, version=part.version
        )
        components.append(
            model.Component(name=part.name, version=part.version, type=model.ComponentType.LIBRARY, purl=purl, bom_ref=purl.to_string())
        )
    bill.components.update(components)
    bill.register_dependency(root, components)
    text: str = output.JsonV1Dot6(bill).output_as_string(indent=2)
    return f"{text}\n"
