"""Reads one file of facts that is not part of the platform's inventory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tidegate.errors import InventoryError
from tidegate.facts.inventory.refusals import findings_of
from tidegate.facts.inventory.yaml_files import RefusedDocument, read_document

FactT = TypeVar("FactT", bound=BaseModel)


def read_fact(root: Path, path: Path, model: type[FactT], *, prepare: Callable[[object], object] = lambda document: document) -> FactT:
    """The fact in `root / path`; `prepare` may change the document before it is checked. Raises `InventoryError` with every finding."""
    source = path.as_posix()
    try:
        document = prepare(read_document(root / path, source))
    except RefusedDocument as refused:
        raise InventoryError(refused.findings) from refused
    try:
        return model.model_validate_json(json.dumps(document))
    except ValidationError as error:
        raise InventoryError(findings_of(error, source, model, document)) from error
