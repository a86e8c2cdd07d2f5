"""The root filesystem on which the machines of the embedded platform run, as a folder that nobody writes to."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from tidegate.checkout import Checkout, cache_folder
from tidegate.embedded.digest import key_of
from tidegate.embedded.images import debian, layers
from tidegate.embedded.images.build import file_entries, input_of, read_images


def machine_root(checkout: Checkout, on_progress: Callable[[str], None] = lambda _line: None) -> Path:
    """The folder, in the cache, after making it when it is missing (about 80 s). It is meant as the lower layer of an overlay.

    Needs root, since the files in it belong to several users. Raises `DoctorError` when this machine cannot make it,
    `ToolError` when a download fails.
    """
    folder = machine_root_folder(checkout)
    if folder.is_dir():
        return folder
    listed = read_images(checkout)
    machine = listed.machine
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unfinished-"))
    try:
        on_progress(f"making the machines' root filesystem from Debian {listed.release}, about a minute")
        root = unfinished / "root"
        debian.make_filesystem(listed.release, machine.packages, root, on_progress, form="directory")
        for file in machine.files:
            layers.place(file_entries(checkout, file, {}, on_progress), root)
        os.sync()  # before it gets its name: a power cut would leave empty files that nobody checks
        root.rename(folder)
    except OSError:
        if not folder.is_dir():  # otherwise somebody else was faster
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def machine_root_folder(checkout: Checkout) -> Path:
    """Where `machine_root` keeps the filesystem of this checkout, whether it is there or not."""
    listed = read_images(checkout)
    inputs = [input_of(checkout, file, {}) for file in listed.machine.files]
    key = key_of("machine root", debian.RECIPE, listed.release, listed.machine.model_dump(), inputs)
    return cache_folder() / "images" / "roots" / key
