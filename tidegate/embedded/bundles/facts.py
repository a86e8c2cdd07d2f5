"""What a bundle says of itself: a signed list of everything that was built, each piece by the key that it has in the cache.

A bundle is a tar archive of three files in a fixed order: the manifest (this), its signature, and one stream of all contents.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from tidegate.facts.fact import Fact, Sha256, refuse

FORMAT = 1
"""The version of all that is written here. A reader refuses every other."""

MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sigstore.json"
"""A Sigstore bundle with a message signature over the manifest, as `cosign sign-blob --bundle` writes it."""

CONTENT = "content.zst"
"""The contents of all entries, in the manifest's order with nothing between them, compressed by zstd."""

Kind: TypeAlias = Literal["program", "image", "layer", "blob", "root", "models", "sources", "schemas"]

TREES: frozenset[Kind] = frozenset({"root", "models", "sources"})
"""Kinds that are folders; their content is a tar archive. Every other kind is one file."""

_PLACES: dict[Kind, str] = {
    "program": r"builds/{key}/[a-z][a-z0-9]*(-[a-z0-9]+)*",
    "image": r"images/made/{key}\.json",
    "layer": r"images/made/{key}\.json",
    "blob": r"images/blobs/sha256/{key}",
    "root": r"images/roots/{key}",
    "models": r"models/{key}",
    "sources": r"sources/{key}",
    "schemas": r"schemas/{key}\.json",
}
"""Where the cache keeps what of each kind, relative to its own folder."""

CacheKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16,64}$")]
"""Stands for what something was made of; for a blob it is the SHA-256 of its content."""


class BundleEntry(Fact):
    """One piece: a file or a folder of the cache."""

    kind: Kind
    key: CacheKey
    path: str
    """Relative to the cache; the place that the cache has for this kind and key, and no other."""
    sha256: Sha256
    """Of the content: the file's bytes, or those of the folder's archive."""
    size_bytes: Annotated[int, Field(ge=0)]
    """Of the content."""
    blobs: tuple[Sha256, ...] = ()
    """For an image or a layer: the blobs without which it is nothing."""

    @model_validator(mode="after")
    def _lies_where_it_belongs(self) -> Self:
        steps = self.path.split("/")
        if self.path.startswith("/") or ".." in steps:
            raise refuse("bundle-path", "leads out of the cache", "trust no bundle with such a path", at="path", value=self.path)
        if not re.fullmatch(_PLACES[self.kind].format(key=self.key), self.path):
            problem = f"is not where the cache keeps what is {self.kind} {self.key}"
            raise refuse("bundle-path", problem, "export it again", at="path", value=self.path)
        if self.kind == "blob" and self.key != self.sha256:
            raise refuse("bundle-blob", "is not the SHA-256 of the blob", "export it again", at="key", value=self.key)
        return self


class Content(Fact):
    """The compressed stream of all contents."""

    sha256: Sha256
    size_bytes: Annotated[int, Field(gt=0)]


class Manifest(Fact):
    """Everything in a bundle."""

    format: Literal[1]
    inputs: dict[str, str]
    """What it was made of, by name: releases of the tools, that of Go with its platform, and a digest of each folder of sources.

    Shown when a bundle is refused because none of its programs is one of the tree.
    """
    content: Content
    entries: Annotated[tuple[BundleEntry, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _entries_fit_together(self) -> Self:
        if twice := sorted(path for path, count in Counter(entry.path for entry in self.entries).items() if count > 1):
            raise refuse("bundle-path-twice", "two entries have this path", "export it again", at="entries", value=twice[0])
        blobs = {entry.key for entry in self.entries if entry.kind == "blob"}
        for number, entry in enumerate(self.entries):
            if missing := sorted(set(entry.blobs) - blobs):
                raise refuse(
                    "bundle-blob-missing", "is not in the bundle", "export it again", at=f"entries[{number}].blobs", value=missing[0]
                )
        return self

    @property
    def size_bytes(self) -> int:
        """Of all contents, not compressed."""
        return sum(entry.size_bytes for entry in self.entries)
