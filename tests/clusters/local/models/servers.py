"""Loads the files of model servers, whose folders are images and not packages."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from tidegate.checkout import find_checkout

IMAGES = find_checkout(Path(__file__).parent).root / "clusters" / "local" / "images"


def load(image: str, module: str) -> ModuleType:
    """A module of an image, with its neighbours importable as they are in the image."""
    spec = importlib.util.spec_from_file_location(f"{image}.{module}", IMAGES / image / f"{module}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded  # dataclasses look their module up
    neighbours = _Neighbours(str(IMAGES / image))
    sys.meta_path.insert(0, neighbours)
    try:
        spec.loader.exec_module(loaded)
    finally:
        sys.meta_path.remove(neighbours)
    return loaded


class _Neighbours(MetaPathFinder):
    """Finds modules by their bare names in one folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return PathFinder.find_spec(fullname, [self._folder], target) if path is None else None
