"""Copies a folder of unpacked images by hard links."""

from __future__ import annotations

import shutil
from pathlib import Path

from tidegate import tools

_WRITTEN_IN_PLACE = "*/*.db"
"""containerd's databases. Everything else of its folder is written once, and replaced or deleted from then on."""


def linked_copy(source: Path, target: Path) -> None:
    """Makes `target`, which must not be there, a folder with the content of `source` that may be used beside it.

    On another filesystem, where nothing can be linked, everything is copied. It appears whole or not at all.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".unfinished-{target.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    can_link = source.stat().st_dev == target.parent.stat().st_dev
    tools.run(["cp", "--archive", "--link" if can_link else "--reflink=auto", str(source), str(unfinished)], timeout_seconds=600)
    for database in source.glob(_WRITTEN_IN_PLACE) if can_link else ():
        copied = unfinished / database.relative_to(source)
        copied.unlink()
        shutil.copy2(database, copied)
    unfinished.rename(target)
