"""Short names for the contents of files, by which a later run knows what was made from them already."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path


def of_paths(folder: Path, paths: Iterable[Path]) -> str:
    """Sixteen hexadecimal digits that change with the content of a file, its name below `folder` and the order of `paths`."""
    content = hashlib.sha256()
    for path in paths:
        content.update(f"{path.relative_to(folder).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return content.hexdigest()[:16]


def of_files(folder: Path, globs: Iterable[str]) -> str:
    """As `of_paths`, of every file of `folder` that one of the globs matches."""
    return of_paths(folder, sorted({path for glob in globs for path in folder.glob(glob) if path.is_file()}))


def key_of(*parts: object) -> str:
    """A short name for everything that decides a result; `parts` are what JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
