"""Files and folders appear whole or not at all, and an error names the file."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Puts `content` in `path`, which stays as it was when that fails, and is no link afterwards."""
    with staged({path: content}) as put_in_place:
        put_in_place()


@contextmanager
def staged(files: Mapping[Path, bytes]) -> Generator[Callable[[], None]]:
    """Writes what differs beside its place first, where a full disk shows; what is yielded then puts all of it in place by renaming.

    Folders that are made for it go again when nothing was put in place.
    """
    waiting: dict[Path, Path] = {}
    made: list[Path] = []
    try:
        for path, content in files.items():
            if path.is_file() and not path.is_symlink() and path.read_bytes() == content:
                continue
            made += _make_folder(path.parent)
            beside = path.with_name(f".{path.name}.new")
            waiting[path] = beside
            try:
                beside.unlink(missing_ok=True)
                with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:  # noqa: PTH123 - must not follow a link
                    file.write(content)
            except OSError as error:
                error.filename = str(path)  # not the name beside it, which nobody knows
                raise

        def put_in_place() -> None:
            for path, beside in list(waiting.items()):
                beside.replace(path)
                del waiting[path]

        yield put_in_place
    finally:
        for beside in waiting.values():
            beside.unlink(missing_ok=True)
        if waiting:
            for folder in reversed(made):
                with suppress(OSError):  # somebody uses it
                    folder.rmdir()


@contextmanager
def folder_in_the_making(folder: Path) -> Generator[Path]:
    """An empty folder beside `folder`, which gets its name at the end of the block. When somebody else was faster, theirs stays."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unfinished-"))
    try:
        yield unfinished
        os.sync()  # before it gets its name: a power cut would leave empty files that nobody checks
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _make_folder(folder: Path) -> list[Path]:
    made = [each for each in (folder, *folder.parents) if not each.exists()][::-1]
    for each in made:
        each.mkdir(exist_ok=True)
    return made
