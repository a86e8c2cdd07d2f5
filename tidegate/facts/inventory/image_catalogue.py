"""Reads the committed list of workload images: `gitops/catalogue/images/list.json`, and `<key id>.pem` beside it.

As with models, signatures are not checked here; `tidegate validate` checks them. Without the list no workload image is let in.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tidegate.errors import Finding, InventoryError
from tidegate.facts.inventory.catalogue import FOLDER as CATALOGUE
from tidegate.facts.models.images import ImageCatalogue
from tidegate.facts.signature import ModelCatalogue

FOLDER = CATALOGUE / "images"
LIST = FOLDER / "list.json"


def load_images(root: Path) -> ImageCatalogue:
    """The list of the checkout at `root`; raises `InventoryError` when it cannot be read."""
    if not (root / LIST).exists():
        return ImageCatalogue()
    try:
        return ImageCatalogue.model_validate_json(json.dumps(_predicate((root / LIST).read_bytes())))
    except (ValidationError, OSError, ValueError, KeyError, TypeError) as error:
        said = str(error.errors()[0]["msg"]) if isinstance(error, ValidationError) else "is no list of images"
        remedy = "restore it from Git, or publish again with `tidegate image publish`"
        raise InventoryError([Finding(LIST.as_posix(), "", "image-list", said, remedy)]) from error


def load_image_keys(root: Path) -> dict[str, str]:
    """The public keys (PEM) that lists may be signed with, by name. Raises `InventoryError` for a file that is none."""
    keys: dict[str, str] = {}
    for path in sorted((root / FOLDER).glob("*.pem")):
        try:
            keys |= ModelCatalogue(keys={path.stem: path.read_text(encoding="utf-8")}).keys
        except (ValidationError, OSError, UnicodeDecodeError) as error:
            remedy = "write the output of `tidegate model key`, and name the file by the key id"
            source = path.relative_to(root).as_posix()
            raise InventoryError([Finding(source, "", "image-key", "is no public key as PEM", remedy)]) from error
    return keys


def _predicate(content: bytes) -> Any:  # noqa: ANN401 - whatever is there is validated by the caller
    return json.loads(base64.b64decode(json.loads(content)["payload"], validate=True))["predicate"]
