"""Images unpacked once into a folder of the cache, from which every region's machine starts by hard links.

Two containerds cannot share a folder, but they never write into files of an image: a file of a layer is replaced or deleted, not
changed. So machines share the bytes, on disk and in the page cache, and a start costs links instead of a pull.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from tidegate import tools
from tidegate.checkout import cache_folder
from tidegate.embedded.digest import key_of
from tidegate.embedded.fleet import registry
from tidegate.embedded.images import Image
from tidegate.embedded.machines.linked_copy import linked_copy
from tidegate.embedded.machines.machines import Machine

RECIPE = 1
"""To be raised when the same images shall give another folder than before."""

SCRIPT = Path("clusters/embedded/node/unpack-images.sh")

_KEPT = 2
"""Folders of earlier images that stay, so that going back to another revision costs nothing."""


def unpack(outside: Machine, images: Mapping[str, Image], on_progress: Callable[[str], None]) -> Path:
    """The folder with all `images`, from the cache or after unpacking what an earlier one lacks (two to three minutes for all of them on a busy machine).

    `outside` is the machine whose containerd does it; it must run. Raises `ToolError` when that fails.
    """
    folder = _home() / _key(images)
    with (_home() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another checkout would unpack the same
        if not folder.is_dir():
            _unpack_into(folder, outside, images, on_progress)
        os.utime(folder)  # used last
        for old in _by_age()[1 + _KEPT :]:
            shutil.rmtree(old, ignore_errors=True)
    return folder


def _unpack_into(folder: Path, outside: Machine, images: Mapping[str, Image], on_progress: Callable[[str], None]) -> None:
    unfinished = _home() / ".unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)  # of a run that was killed
    newest = _by_age()
    if newest:
        linked_copy(newest[0], unfinished)
    lines = [f"{_inside(image.layout)} {image.repository}:{image.tag} {image.digest}\n" for image in images.values()]
    listed = _home() / ".images"
    listed.write_text("".join(lines), encoding="utf-8")
    script = (outside.checkout.root / SCRIPT).read_text(encoding="utf-8")
    command = outside.inside("sh", "-c", script, SCRIPT.name, _inside(unfinished), _inside(listed))
    tools.stream(command, on_progress)
    os.sync()  # before it gets its name: a power cut would leave empty files that nobody checks
    unfinished.rename(folder)


def _home() -> Path:
    folder = cache_folder() / "images" / "unpacked"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _inside(path: Path) -> str:
    """A path of the images' cache as the machine `internet` sees it."""
    return f"{registry.LAYOUTS}/{path.relative_to(registry.images_folder())}"


def _by_age() -> list[Path]:
    """The folders there are, the one used last first."""
    found = [path for path in _home().iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(found, key=lambda path: -path.stat().st_mtime)


def _key(images: Mapping[str, Image]) -> str:
    return key_of("unpacked", RECIPE, sorted([image.repository, image.tag, image.digest] for image in images.values()))
