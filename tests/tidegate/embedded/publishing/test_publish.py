"""Images reach a real registry whole or are in no list, and publishing twice changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.tidegate.embedded.publishing.registry_server import Served, bill, built
from tidegate.embedded.publishing.bill_of_image import bill_tag, image_tag
from tidegate.embedded.publishing.publish import Built, Published, publish
from tidegate.embedded.publishing.registry import RegistryError
from tidegate.errors import UsageError
from tidegate.facts.models.images import ImageCatalogue

REVISION, NEXT = "a" * 40, "b" * 40


def first(place: Served, folder: Path) -> tuple[dict[str, Built], Published]:
    images = {name: built(folder, name, name.encode() * 5000) for name in ("mlserver", "ngram-server")}
    return images, publish(images, place.registry, ImageCatalogue(), REVISION)


def test_image_and_bill_are_there_by_tags_that_name_their_bytes(place: Served, tmp_path: Path) -> None:
    images, published = first(place, tmp_path)
    assert published.sent == ("mlserver", "ngram-server")
    for one in published.catalogue.images:
        image = images[one.name].image
        assert (one.digest, one.tag, one.revision) == (image.digest, "1.7.1", REVISION)
        assert place.registry.digest_of(one.repository, image_tag(one.tag, one.digest)) == image.digest
        assert place.registry.digest_of(one.repository, image.digest) == image.digest
        told = place.registry.manifest_of(one.repository, bill_tag(one.tag, one.digest, one.sbom_sha256))
        assert (told["artifactType"], told["subject"]["digest"]) == ("application/vnd.cyclonedx+json", image.digest)
        assert place.registry.blob(one.repository, told["layers"][0]["digest"]) == images[one.name].bill


def test_second_time_changes_nothing(place: Served, tmp_path: Path) -> None:
    images, published = first(place, tmp_path)
    place.door.written.clear()
    again = publish(images, place.registry, published.catalogue, NEXT)
    assert (again.catalogue, again.sent, place.door.written) == (published.catalogue, (), [])
    restored = publish(images, place.registry, ImageCatalogue(), NEXT)
    assert (restored.sent, place.door.written) == ((), []), "a list that was lost is made again without sending anything"


def test_new_build_is_last_and_one_that_comes_back_is_last_again(place: Served, tmp_path: Path) -> None:
    images, published = first(place, tmp_path)
    newer = {"mlserver": built(tmp_path, "mlserver", b"newer")}
    after = publish(newer, place.registry, published.catalogue, NEXT).catalogue
    assert [(one.name, one.revision[0]) for one in after.images] == [("mlserver", "a"), ("ngram-server", "a"), ("mlserver", "b")]
    back = publish(images, place.registry, after, "c" * 40).catalogue
    assert [(one.name, one.revision[0]) for one in back.images] == [("ngram-server", "a"), ("mlserver", "b"), ("mlserver", "a")]


def test_retired_version_is_off_the_list_and_the_one_that_is_built_stays(place: Served, tmp_path: Path) -> None:
    images, published = first(place, tmp_path)
    old = images["mlserver"].image.digest
    newer = {"mlserver": built(tmp_path, "mlserver", b"newer")}
    after = publish(newer, place.registry, published.catalogue, NEXT, retired=[old]).catalogue
    assert [one.digest for one in after.images if one.name == "mlserver"] == [newer["mlserver"].image.digest]
    with pytest.raises(UsageError, match="is what this tree builds"):
        publish(images, place.registry, published.catalogue, NEXT, retired=[old])
    with pytest.raises(UsageError, match=r"sha256:9+ is not in the list"):
        publish(images, place.registry, published.catalogue, NEXT, retired=[f"sha256:{'9' * 64}"])


def test_wrong_password_sends_nothing_and_says_how_to_log_in(place: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", place.log_in("publisher:wrong")["DOCKER_CONFIG"])
    with pytest.raises(RegistryError) as refused:
        first(place, tmp_path)
    assert "UNAUTHORIZED" in str(refused.value)
    assert f"log in with `docker login {place.registry.host}` as somebody who may push there" in str(refused.value)
    assert "wrong" not in str(refused.value)
    assert place.door.written == []


def test_upload_that_is_cut_off_leaves_no_image_and_goes_on_the_next_time(place: Served, tmp_path: Path) -> None:
    place.door.cuts = True
    with pytest.raises(RegistryError, match="run the command again: what has arrived is not sent twice"):
        first(place, tmp_path)
    assert not [one for one in place.door.written if "/manifests/" in one]
    place.door.cuts = False
    _, published = first(place, tmp_path)
    assert published.sent == ("mlserver", "ngram-server")


def test_nothing_answers(place: Served, tmp_path: Path) -> None:
    gone = replace(place.registry, host="127.0.0.1:1")
    with pytest.raises(RegistryError, match="connection refused; run the command again"):
        publish({"mlserver": built(tmp_path, "mlserver", b"x")}, gone, ImageCatalogue(), REVISION)


def test_tag_that_is_other_bytes_already_is_not_overwritten(place: Served, tmp_path: Path) -> None:
    one, other = built(tmp_path, "mlserver", b"one").image, built(tmp_path, "mlserver", b"other").image
    place.registry.push(other.layout, one.repository, image_tag("1.7.1", one.digest), other.digest)
    with pytest.raises(RegistryError, match=rf"is {other.digest}, and would become {one.digest}; nobody may overwrite a tag"):
        place.registry.push(one.layout, one.repository, image_tag("1.7.1", one.digest), one.digest)
    assert place.registry.digest_of(one.repository, image_tag("1.7.1", one.digest)) == other.digest


def test_registry_that_stores_something_else_is_found_out(place: Served, tmp_path: Path) -> None:
    one = built(tmp_path, "mlserver", b"one").image
    place.door.swaps = (one.layout / "blobs" / "sha256" / one.digest[7:]).read_bytes() + b"\n"
    with pytest.raises(RegistryError, match=rf"was sent as {one.digest} and is sha256:"):
        place.registry.push(one.layout, one.repository, "1.7.1", one.digest)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is no CycloneDX about an image"),
        (b"[]", "is no CycloneDX about an image"),
        (bill("registry.example.com/tidegate/mlserver", f"sha256:{'9' * 64}"), f"is about registry.example.com/tidegate/mlserver@sha256:{'9' * 64}"),
        (bill("registry.example.com/tidegate/ngram-server", "sha256:1"), "is about registry.example.com/tidegate/ngram-server@"),
    ],
)  # fmt: skip
def test_bill_about_something_else_is_not_published(place: Served, tmp_path: Path, content: bytes, why: str) -> None:
    one = replace(built(tmp_path, "mlserver", b"x"), bill=content)
    with pytest.raises(RegistryError) as refused:
        publish({"mlserver": one}, place.registry, ImageCatalogue(), REVISION)
    assert why in str(refused.value)
    assert place.door.written == []
