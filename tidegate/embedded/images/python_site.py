"""Python packages as a folder: installed from a lock and compiled, the same bytes in every checkout."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tidegate import tools
from tidegate.checkout import Checkout, cache_folder
from tidegate.embedded.digest import key_of
from tidegate.errors import Finding, InventoryError, ToolError
from tidegate.tools import files

RECIPE = 1
"""To be raised when the same lock shall give another folder than before."""

INSIDE = "/opt/site"
"""Where the packages lie in an image; compiled files name it."""

_OF_THIS_MACHINE = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
"""What an installer notes down about itself."""


def key_of_lock(checkout: Checkout, lock: str) -> str:
    """Names the packages of `lock`, a path in the checkout; raises `InventoryError` when it is missing."""
    path = checkout.root / lock
    if not path.is_file():
        raise InventoryError([Finding(lock, "", "lock-missing", "no such file", "run locks/update, or correct the name in images.yaml")])
    return key_of("site", RECIPE, python_version(checkout), path.read_text(encoding="utf-8"))


def site_folder(checkout: Checkout, lock: str, on_progress: Callable[[str], None]) -> Path:
    """A folder of the cache with the packages of `lock` and nothing else, to be read only.

    Wheels only: building a package would run its code here. Raises `InventoryError` without the lock and `ToolError` when
    a package cannot be had.
    """
    folder = cache_folder() / "images" / "sites" / key_of_lock(checkout, lock)
    if folder.is_dir():
        return folder
    with files.folder_in_the_making(folder) as unfinished:
        on_progress(f"installing the packages of {lock}")
        _install(checkout, lock, unfinished)
        _remove_traces(unfinished)
        on_progress(f"compiling the packages of {lock}")
        _compile(checkout, unfinished)
    return folder


def _install(checkout: Checkout, lock: str, folder: Path) -> None:
    tools.run(
        [
            str(checkout.root / ".venv" / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(checkout.python), "--target", str(folder),
            "--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirements", str(checkout.root / lock),
        ],
        timeout_seconds=1800,
    )  # fmt: skip


def _remove_traces(folder: Path) -> None:
    shutil.rmtree(folder / "bin", ignore_errors=True)  # scripts that name this machine's interpreter
    (folder / ".lock").unlink(missing_ok=True)
    for described in folder.glob("*.dist-info"):
        for name in _OF_THIS_MACHINE:
            (described / name).unlink(missing_ok=True)


def _compile(checkout: Checkout, folder: Path) -> None:
    """With hashes nobody checks, because every file of a layer bears the same date.

    One process for all: what it has compiled before shows in the bytes of what follows.
    """
    command = [
        str(checkout.python), "-m", "compileall", "-qq", "-f", "-j", "1", "--invalidation-mode", "unchecked-hash",
        "-s", str(folder), "-p", INSIDE, str(folder),
    ]  # fmt: skip
    try:
        tools.run(command, env={"PYTHONHASHSEED": "0"}, timeout_seconds=1800)
    except ToolError as error:
        if error.exit_code != 1:  # 1: some file is no valid Python, such as a package's template; it stays uncompiled
            raise


def python_version(checkout: Checkout) -> str:
    """CPython's minor version in this checkout, which the images' own must equal."""
    for folder in sorted((checkout.root / ".venv" / "lib").glob("python3.*")):
        return folder.name
    return ""
