"""The pool's pure modules, whose folder is an image and not a package of this checkout."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

from tidegate.operations.checkout import find_checkout

CHECKOUT = find_checkout(Path(__file__).parent)
IMAGE = CHECKOUT.root / "clusters" / "local" / "images" / "mlserver"


def load(name: str) -> ModuleType:
    """`dense_pool.<name>` as it is found in the image."""
    sys.path.insert(0, str(IMAGE))
    try:
        return importlib.import_module(f"dense_pool.{name}")
    finally:
        sys.path.remove(str(IMAGE))
