"""Which files of an upstream module rendering reads: a few hundred, where the module has thousands.

Kept by themselves they are all that a machine needs to render, without Go and without a download.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from clusters.addons import documents
from clusters.addons.add_on import AddOn, EmbeddedSource, HelmChart, Kustomization, YamlFiles
from clusters.addons.render import matching
from tidegate.errors import Finding, ManifestError

_KUSTOMIZATION_FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""What kustomize looks for in a folder."""


def described(source: EmbeddedSource) -> str:
    """What `source` reads, in words; other words are other files."""
    match source:
        case HelmChart():
            return f"chart {source.folder}"
        case Kustomization():
            return f"kustomization {source.folder}"
        case YamlFiles():
            return " ".join(["files", *source.globs, *(f"without {name}" for name in source.excluded)])


def files_read(add_ons: tuple[AddOn, ...], modules: Mapping[str, Path]) -> dict[str, list[str]]:
    """For every key of `modules`, which are the modules' folders, the files in it that rendering `add_ons` reads, relative to it.

    A whole chart, the files that a glob matches, and what a kustomization names. Raises `ManifestError` when one is missing.
    """
    found: dict[str, set[Path]] = {}
    for source in (source for add_on in add_ons for source in add_on.embedded if source.module.key in modules):
        key = source.module.key
        found.setdefault(key, set()).update(_files(source, modules[key]))
    return {key: sorted(path.relative_to(modules[key]).as_posix() for path in paths) for key, paths in sorted(found.items())}


def _files(source: EmbeddedSource, module: Path) -> Iterator[Path]:
    match source:
        case HelmChart():
            yield from (path for path in (module / source.folder).rglob("*") if path.is_file())
        case Kustomization():
            yield from _kustomized(module / source.folder, source, module, set())
        case YamlFiles():
            yield from matching(source, module)


def _kustomized(folder: Path, source: Kustomization, module: Path, seen: set[Path]) -> Iterator[Path]:
    """The kustomization in `folder` and all that it names: every text in it that is a file or a kustomization of the module.

    Kustomize names files in some twenty fields; what only looks like one costs a file too many.
    """
    if folder in seen:
        return
    seen.add(folder)
    file = _kustomization_in(folder)
    if file is None:
        missing = "upstream-changed", "no kustomization in it", "read the release and adapt the add-on"
        raise ManifestError([Finding(source.module.key, folder.relative_to(module).as_posix(), *missing)])
    yield file
    for text in _texts(documents.parse_all(file.read_text(encoding="utf-8"))):
        for name in {text, text.rpartition("=")[2]}:  # a generator's files may be written as `key=file`
            path = (folder / name).resolve()
            if not path.is_relative_to(module.resolve()):
                continue
            named = module / path.relative_to(module.resolve())
            if named.is_file():
                yield named
            elif _kustomization_in(named):
                yield from _kustomized(named, source, module, seen)


def _kustomization_in(folder: Path) -> Path | None:
    return next((folder / name for name in _KUSTOMIZATION_FILES if (folder / name).is_file()), None)


def _texts(value: object) -> Iterator[str]:
    """Every text in a document that may be a path: one short line."""
    if isinstance(value, str):
        if value and "\n" not in value and len(value) < 256:
            yield value
    elif isinstance(value, dict):
        for inner in cast("dict[str, object]", value).values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from _texts(inner)
