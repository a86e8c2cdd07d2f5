"""The models of a pool: a JSON file that is signed as the served model's artefact, so what it names needs no signature of its own.

    {"format": 1, "version": "1", "implementation": "mlserver_sklearn.SKLearnModel", "extra": {},
     "models": {"merchant-000": {"sha256": "<64 digits>", "bytes": 4321}}}

A model's bytes lie under their digest, in `objects` beside the catalogue or in the registry. `extra` goes to the implementation.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

FILE, OBJECTS = "catalogue.json", "objects"

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_IMPLEMENTATION = re.compile(r"(mlserver_[a-z]+|clusters\.workloads\.mlserver\.faults)\.[A-Za-z]+")

RESIDENT_BYTES_PER_MODEL, RESIDENT_BYTES_PER_BYTE = 24 << 10, 3
"""What a model is taken to need in memory beside and per byte of its file. Measured on 2026-11-21: 16 KiB for a tree whose file has
4.6 KB, in MLServer; a test holds the estimate against the memory of a real server."""


class CatalogueError(Exception):
    """The catalogue cannot be believed."""


@dataclass(frozen=True, slots=True)
class PoolModel:
    """One model's bytes."""

    name: str
    sha256: str
    size_bytes: int

    @property
    def resident_bytes(self) -> int:
        """What it is taken to need in memory."""
        return RESIDENT_BYTES_PER_MODEL + RESIDENT_BYTES_PER_BYTE * self.size_bytes


@dataclass(frozen=True, slots=True)
class PoolCatalogue:
    """Every model by its name."""

    version: str
    implementation: str
    extra: Mapping[str, int]
    models: Mapping[str, PoolModel]
    sha256: str
    """Of the file: pods with the same one can answer for each other."""


def read(folder: Path) -> PoolCatalogue:
    """The catalogue in `folder`; `CatalogueError` with the first thing that is wrong."""
    try:
        return parse((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{FILE} cannot be read: {error}") from error


def parse(text: str) -> PoolCatalogue:
    """The catalogue that `text` is; `CatalogueError` when it says anything but what the format knows."""
    try:
        document: object = json.loads(text)
    except ValueError as error:
        raise CatalogueError(f"{FILE} is not JSON: {error}") from error
    top = _mapping(document, "", {"format", "version", "implementation", "extra", "models"})
    if top["format"] != 1:
        raise CatalogueError(f"{FILE}: format {top['format']!r} is not 1")
    models, extra = top["models"], top["extra"]
    if not isinstance(extra, dict) or not all(isinstance(value, int) for value in cast("dict[str, object]", extra).values()):
        raise CatalogueError(f"{FILE}: extra = {extra!r}: must have names and whole numbers")
    if not isinstance(models, dict) or not models:
        raise CatalogueError(f"{FILE}: models: none")
    return PoolCatalogue(
        _text(top["version"], "version", re.compile(r"[0-9A-Za-z.-]{1,32}")),
        _text(top["implementation"], "implementation", _IMPLEMENTATION),
        cast("dict[str, int]", extra),
        {name: _entry(name, entry) for name, entry in cast("dict[str, object]", models).items()},
        hashlib.sha256(text.encode()).hexdigest(),
    )


def _entry(name: str, entry: object) -> PoolModel:
    where = f"models.{name}"
    fields = _mapping(entry, where, {"sha256", "bytes"})
    size = fields["bytes"]
    if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
        raise CatalogueError(f"{FILE}: {where}.bytes = {size!r}: is no size")
    return PoolModel(_text(name, where, _NAME), _text(fields["sha256"], f"{where}.sha256", _SHA256), size)


def _mapping(value: object, where: str, keys: set[str]) -> dict[str, object]:
    if not isinstance(value, dict) or cast("dict[str, object]", value).keys() != keys:
        raise CatalogueError(f"{FILE}: {where or 'it'} must have exactly {', '.join(sorted(keys))}")
    return cast("dict[str, object]", value)


def _text(value: object, where: str, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise CatalogueError(f"{FILE}: {where} = {value!r}: is not of the form {pattern.pattern}")
    return value
