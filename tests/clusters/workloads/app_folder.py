"""What an image holds of this checkout, as a folder: nothing else can be imported from it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.root import ROOT
from tidegate.checkout import Checkout
from tidegate.embedded.images import read_images


def make_app_folder(image: str, folder: Path) -> Path:
    """Copies the image's `sources` into `folder`, under the paths that they have in the image."""
    for source in read_images(Checkout(ROOT)).images[image].sources:
        target = folder / source
        target.parent.mkdir(parents=True, exist_ok=True)
        path = ROOT / source
        if path.is_dir():
            shutil.copytree(path, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, target)
    return folder
