"""Layers of container images: tar archives that depend on nothing but the names, permissions and bytes that go in.

They are not compressed: both ends of every copy are on this machine, where packing costs more than it saves.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """One path of a layer, owned by root: a file with the bytes of `source`, a link to `link`, or an empty folder."""

    path: str
    """Absolute, as seen from inside."""
    mode: int = 0o755
    source: Path | None = None
    link: str | None = None


def tree(folder: Path, path: str) -> Iterator[LayerEntry]:
    """Everything in `folder` as it shall appear at `path`. Of permissions only the right to execute is kept."""
    yield LayerEntry(path)
    with os.scandir(folder) as found:
        inside = sorted(found, key=lambda one: one.name)
    for one in inside:
        inner = f"{path}/{one.name}"
        if one.is_symlink():
            yield LayerEntry(inner, link=str(Path(one.path).readlink()))
        elif one.is_dir():
            yield from tree(Path(one.path), inner)
        else:
            yield LayerEntry(inner, 0o755 if one.stat().st_mode & 0o100 else 0o644, Path(one.path))


def content(source: Path, path: str, mode: int) -> Iterator[LayerEntry]:
    """A file of ours with `mode`, or a whole folder as `tree` gives it."""
    if source.is_dir():
        yield from tree(source, path)
    else:
        yield LayerEntry(path, mode, source)


def write(entries: Iterable[LayerEntry], file: IO[bytes]) -> None:
    """Writes the layer of `entries`; of two with the same path the last one counts. Folders above them are added."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for entry in _in_order(entries):
            described = tarfile.TarInfo(entry.path.lstrip("/"))
            described.mode = entry.mode
            if entry.link is not None:
                described.type, described.linkname, described.mode = tarfile.SYMTYPE, entry.link, 0o777
                archive.addfile(described)
            elif entry.source is None:
                described.type = tarfile.DIRTYPE
                archive.addfile(described)
            else:
                with entry.source.open("rb") as opened:
                    described.size = os.fstat(opened.fileno()).st_size
                    archive.addfile(described, opened)


def place(entries: Iterable[LayerEntry], root: Path) -> None:
    """Puts `entries` into the root filesystem at `root`, where folders that exist keep their permissions."""
    for entry in _in_order(entries):
        target = root / entry.path.lstrip("/")
        if entry.link is not None:
            target.symlink_to(entry.link)
        elif entry.source is not None:
            shutil.copyfile(entry.source, target)
            target.chmod(entry.mode)
        elif not target.is_dir():
            target.mkdir()
            target.chmod(entry.mode)


def _in_order(entries: Iterable[LayerEntry]) -> list[LayerEntry]:
    named: dict[str, LayerEntry] = {}
    for entry in entries:
        for parent in PurePosixPath(entry.path).parents:
            if str(parent) != "/":
                named.setdefault(str(parent), LayerEntry(str(parent)))
        named[entry.path] = entry
    return [named[path] for path in sorted(named, key=lambda path: path.split("/"))]
