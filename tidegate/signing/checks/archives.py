"""Unpacks a model that is one zip archive, after its bytes were verified.

KServe's downloader unpacks what arrives alone; a signed model never does, as its signature is beside it. Unpacking after the
check is also the safer order.
"""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

from .files import FILES_MAX, refuse_clashes, refuse_name
from .refusal import Refusal, shown

UNPACKED_MAX_BYTES = 16 << 30
RATIO_MAX = 200
"""Unpacked to packed bytes. The format's best is about 1,000, which only repetition reaches; models stay below 20."""

_ROOM_BYTES = 1 << 20
"""What any archive may unpack to, whatever the ratio."""

_NESTED = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
_NOT_UNPACKED = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
_UNREADABLE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError)
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


def packed(names: Collection[str]) -> str | None:
    """The name of the archive that these files are; None when they are no archive. Refuses what nobody would unpack."""
    if len(names) != 1:
        return None
    (name,) = names
    if name.lower().endswith(_NOT_UNPACKED):
        raise Refusal(f"{shown(name)} is an archive that is not unpacked; sign a zip, or the files themselves")
    return name if name.lower().endswith(".zip") else None


def unpack(folder: Path, name: str, reserved: Collection[str]) -> int:
    """Replaces the archive `name` in `folder` by its files, none of which may be called as in `reserved`; how many.

    Raises `Refusal` before anything is written when an entry is not a plain file of a plain name, or when it is too much.
    """
    try:
        with zipfile.ZipFile(folder / name) as archive:
            entries = check_entries(archive, (folder / name).stat().st_size, {*reserved, name})
            for entry in entries:
                target = folder / entry.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, target.open("xb") as out:
                    shutil.copyfileobj(source, out, 1 << 20)
    except _UNREADABLE as error:
        raise Refusal(f"{shown(name)} cannot be unpacked: {shown(str(error))}") from error
    (folder / name).unlink()
    return len(entries)


def entries_of(path: Path) -> list[str]:
    """The names in an archive that `unpack` would take, sorted. Raises `Refusal` for one that it would not."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sorted(entry.filename for entry in check_entries(archive, path.stat().st_size, {path.name}))
    except _UNREADABLE as error:
        raise Refusal(f"{shown(path.name)} cannot be unpacked: {shown(str(error))}") from error


def read_entry(path: Path, name: str, most_bytes: int) -> bytes:
    """The beginning of a file in an archive. Raises `Refusal` when it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as source:
            return source.read(most_bytes)
    except _UNREADABLE as error:
        raise Refusal(f"{shown(path.name)} cannot be unpacked: {shown(str(error))}") from error


def check_entries(archive: zipfile.ZipFile, packed_bytes: int, reserved: Collection[str] = ()) -> list[zipfile.ZipInfo]:
    """The archive's files, after a look at what each claims to be; folders are left out."""
    files: list[zipfile.ZipInfo] = []
    for entry in archive.infolist():
        plain = entry.filename.removesuffix("/") if entry.is_dir() else entry.filename
        if entry.orig_filename != entry.filename:
            raise Refusal(f"the archive's name {shown(entry.orig_filename)} is no plain relative path")
        refuse_name(plain)
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise Refusal(f"{shown(entry.filename)} in the archive is no plain file")
        if entry.flag_bits & 0x1:
            raise Refusal(f"{shown(entry.filename)} in the archive is encrypted")
        if entry.is_dir():
            continue
        if entry.compress_type not in _METHODS:
            raise Refusal(f"{shown(entry.filename)} in the archive is packed by an unknown method")
        if plain.lower().endswith(_NESTED):
            raise Refusal(f"{shown(entry.filename)} is an archive in the archive")
        if plain in reserved:
            raise Refusal(f"{shown(entry.filename)} in the archive would replace what was verified")
        files.append(entry)
    _refuse_too_much(files, packed_bytes)
    names = [entry.filename for entry in files]
    if len(set(names)) != len(names):
        raise Refusal("the archive has a name twice")
    refuse_clashes(names)
    return files


def _refuse_too_much(files: Collection[zipfile.ZipInfo], packed_bytes: int) -> None:
    if not files or len(files) > FILES_MAX:
        raise Refusal(f"the archive has {len(files)} files instead of 1 to {FILES_MAX}")
    unpacked = sum(entry.file_size for entry in files)
    if unpacked > min(UNPACKED_MAX_BYTES, max(_ROOM_BYTES, RATIO_MAX * packed_bytes)):
        raise Refusal(f"the archive would unpack from {packed_bytes} to {unpacked} bytes")
