"""The registry is asked for what the signed list names."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import pytest

from tests.tidegate.embedded.publishing.registry_server import Served, bill, built
from tests.tidegate.signing.listed_images import listed
from tidegate.embedded.images.store import Blob
from tidegate.embedded.publishing.bill_of_image import bill_tag, write_artefact
from tidegate.embedded.publishing.publish import publish
from tidegate.embedded.publishing.verify import verify
from tidegate.facts.models.images import CataloguedImage, ImageCatalogue


def put_bill(place: Served, one: CataloguedImage, content: bytes, about: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        layout, digest = write_artefact(content, Blob(about, 1), Path(scratch))
        place.registry.push(layout, one.repository, bill_tag(one.tag, one.digest, one.sbom_sha256), digest)


def test_what_the_registry_lacks_or_holds_otherwise_is_told(place: Served, tmp_path: Path) -> None:
    published = publish({"mlserver": built(tmp_path, "mlserver", b"x" * 1000)}, place.registry, ImageCatalogue(), "a" * 40).catalogue
    assert verify(published, place.registry) == []
    (one,) = published.images

    def told(*images: CataloguedImage) -> list[str]:
        return [finding.problem for finding in verify(ImageCatalogue(images=images), place.registry)]

    assert told(listed("ngram-server", "7")) == ["is not in the registry"]
    unsaid = one.model_copy(update={"sbom_sha256": "7" * 64})
    assert told(unsaid) == ["has no bill of materials in the registry"]
    put_bill(place, unsaid, bill(one.repository, one.digest), one.digest)
    assert told(unsaid) == ["has another bill of materials in the registry than the list says"]
    assert told(one) == []


@pytest.mark.parametrize("about", ["another image", "another subject"])
def test_bill_about_another_image_is_told(place: Served, tmp_path: Path, about: str) -> None:
    image = built(tmp_path, "mlserver", b"x").image
    place.registry.push(image.layout, image.repository, "1", image.digest)
    content = bill(image.repository, f"sha256:{'9' * 64}" if about == "another image" else image.digest)
    one = CataloguedImage(
        name="mlserver", tag="0.9.0", digest=image.digest, sbom_sha256=hashlib.sha256(content).hexdigest(), revision="a" * 40
    )
    put_bill(place, one, content, image.digest if about == "another image" else f"sha256:{'9' * 64}")
    (finding,) = verify(ImageCatalogue(images=(one,)), place.registry)
    told = {"another image": "has a bill of materials about something else", "another subject": "has another bill of materials"}
    assert finding.problem.startswith(told[about])
    assert str(finding).startswith(f"gitops/catalogue/images/list.json: mlserver = {image.digest}: ")
