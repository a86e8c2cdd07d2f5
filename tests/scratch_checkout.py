"""A checkout of its own for a test: facts and code copied, environments and Node packages borrowed."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.root import ROOT
from tidegate.checkout import Checkout


def make_scratch_checkout(folder: Path) -> Checkout:
    """Fills the empty `folder` so that every command works in it."""
    for name in (".github", "clusters", "gitops", "infra", "loadtests", "locks", "policies", "tidegate"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("cdktf.json", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    for name in (".venv", ".venv-loadtests", ".venv-models", "node_modules"):
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    return Checkout(folder)
