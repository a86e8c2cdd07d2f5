"""The folders in which a tree is prepared, beside the tree itself, and what is left of them when their process was killed.

A process holds a lock on its folders, which the kernel takes back with the process: a folder that nobody holds is a leftover.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

PREVIOUS = "-previous"
"""The end of the name under which the old tree waits while the new one takes its place."""


def staging_prefix(folder: Path) -> str:
    """How the names of the folders begin in which `folder` is prepared."""
    return f".{folder.name}-tidegate-"


def hold(folder: Path) -> int | None:
    """A file that keeps `folder` from being cleared up until it is closed; None where the file system has no locks."""
    return _lock(folder, fcntl.LOCK_SH)


def clear_up_after_the_killed(folder: Path) -> None:
    """Takes away what a killed process left beside `folder`. If it was killed between two renames, the folder is put back first."""
    for leftover in sorted(folder.parent.glob(f"{staging_prefix(folder)}*")):
        if (lock := _lock(leftover, fcntl.LOCK_EX)) is None:
            continue  # whoever made it still runs
        if leftover.name.endswith(PREVIOUS) and not folder.exists():
            leftover.rename(folder)
        else:
            shutil.rmtree(leftover, ignore_errors=True)
        os.close(lock)


def _lock(folder: Path, kind: int) -> int | None:
    try:
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(held, kind | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        return None
    return held
