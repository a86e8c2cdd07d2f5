"""Loads the files of model servers, whose folders are images and not packages."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from tidegate.operations.checkout import find_checkout

IMAGES = find_checkout(Path(__file__).parent).root / "clusters" / "local" / "images"


def load(image: str, module: str) -> ModuleType:
    """A module of an image, with its neighbours importable as they are in the image."""
    folder = str(IMAGES / image)
    spec = importlib.util.spec_from_file_location(f"{image}.{module}", IMAGES / image / f"{module}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded  # dataclasses look their module up
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(loaded)
    finally:
        sys.path.remove(folder)
    return loaded
