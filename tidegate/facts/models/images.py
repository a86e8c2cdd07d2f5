"""Images that hold code of this repository: which may run in a cluster, digest by digest.

Everything else in the platform's mirror is upstream's, and is named by exact tag.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from tidegate.facts.fact import Fact, Sha256, refuse
from tidegate.facts.names import PLATFORM_IMAGES

WORKLOAD_IMAGES = ("dense-pool", "mlserver", "model-verifier", "ngram-server")
"""By the names of clusters/embedded/images/images.yaml; a test holds them to what is built from `sources` for everybody's pods."""

KEPT = 10
"""Versions of each image that a list holds at most: pods of earlier revisions start again, too."""

ImageDigest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
"""Of an image's manifest."""

ReleaseTag = Annotated[str, StringConstraints(pattern=r"^[0-9][A-Za-z0-9._-]{0,62}$")]
"""The release inside, such as `1.7.1`."""

Revision = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
"""A commit of this repository."""


class BuiltImage(Fact):
    """One version of a workload image."""

    name: Annotated[str, StringConstraints(pattern=f"^({'|'.join(WORKLOAD_IMAGES)})$")]
    tag: ReleaseTag
    digest: ImageDigest

    @property
    def repository(self) -> str:
        """Host and path."""
        return f"{PLATFORM_IMAGES}/{self.name}"


class CataloguedImage(BuiltImage):
    """One version that was published."""

    sbom_sha256: Sha256
    """Of the CycloneDX file that says what is in it."""
    revision: Revision
    """What it was built from."""


class ImageCatalogue(Fact):
    """The published versions that may run. Of each image the last one is what pods are given."""

    images: tuple[CataloguedImage, ...] = Field(default=())

    @model_validator(mode="after")
    def _lists_each_once(self) -> Self:
        seen: set[tuple[str, str]] = set()
        for number, one in enumerate(self.images):
            if (one.name, one.digest) in seen:
                raise refuse("image-twice", "is listed twice", "keep one", at=f"images[{number}].digest", value=one.digest)
            seen.add((one.name, one.digest))
        for name, count in Counter(one.name for one in self.images).items():
            if count > KEPT:
                raise refuse("image-versions", f"lists {count} versions of {name}", f"keep the last {KEPT}", at="images", value=name)
        return self


def kept(images: Sequence[BuiltImage]) -> list[BuiltImage]:
    """The last `KEPT` of each image, in their order."""
    left = Counter(one.name for one in images)
    found: list[BuiltImage] = []
    for one in images:
        if left[one.name] <= KEPT:
            found.append(one)
        left[one.name] -= 1
    return found


def admitted(images: Iterable[BuiltImage]) -> dict[str, list[str]]:
    """The digests that may run, by repository; a repository without one lets nothing in."""
    found: dict[str, list[str]] = {f"{PLATFORM_IMAGES}/{name}": [] for name in WORKLOAD_IMAGES}
    for one in images:
        found[one.repository].append(one.digest)
    return found


def pins(images: Iterable[BuiltImage]) -> dict[str, str]:
    """The digest to name, by `repository:tag`: that of the last version of each."""
    return {f"{one.repository}:{one.tag}": one.digest for one in images}
