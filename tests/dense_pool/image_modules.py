"""The pool's pure modules, whose folder is an image and not a package of this checkout."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from tidegate.checkout import find_checkout

CHECKOUT = find_checkout(Path(__file__).parent)
IMAGE = CHECKOUT.root / "clusters" / "local" / "images" / "mlserver"


def load(name: str) -> ModuleType:
    """`dense_pool.<name>` as it is found in the image."""
    if "dense_pool" not in sys.modules:
        folder = IMAGE / "dense_pool"
        spec = importlib.util.spec_from_file_location("dense_pool", folder / "__init__.py", submodule_search_locations=[str(folder)])
        assert spec is not None
        assert spec.loader is not None
        sys.modules["dense_pool"] = package = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(package)
    return importlib.import_module(f"dense_pool.{name}")
