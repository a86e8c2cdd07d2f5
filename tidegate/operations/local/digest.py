"""Short names for contents, by which a later run knows what it has done already."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def of_text(text: str) -> str:
    """Sixteen hexadecimal digits that change with `text`."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def of_files(folder: Path, globs: Iterable[str]) -> str:
    """Sixteen hexadecimal digits that change with the name or the content of any file of `folder` that a glob matches."""
    content = hashlib.sha256()
    for path in sorted({path for glob in globs for path in folder.glob(glob) if path.is_file()}):
        content.update(f"{path.relative_to(folder).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return content.hexdigest()[:16]
