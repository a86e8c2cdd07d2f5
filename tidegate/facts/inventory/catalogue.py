"""Reads the committed catalogue: `gitops/catalogue/<tenant>.json`, one signed list per tenant, and `keys/<key id>.pem` beside them.

Signatures are not checked here: rendering takes the files as they were reviewed, and `tidegate validate` checks them before.
Without the folder nothing is recorded, and the approved models are those that tenants' files name.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tidegate.errors import Finding, InventoryError
from tidegate.facts.signature import ModelCatalogue

FOLDER = Path("gitops/catalogue")
KEYS = FOLDER / "keys"


def load_catalogue(root: Path) -> ModelCatalogue:
    """The catalogue of the checkout at `root`; raises `InventoryError` with a finding for each file that cannot be read."""
    findings: list[Finding] = []
    keys: dict[str, str] = {}
    models: list[object] = []
    for path in sorted((root / KEYS).glob("*.pem")):
        try:
            keys[path.stem] = ModelCatalogue(keys={path.stem: path.read_text(encoding="utf-8")}).keys[path.stem]
        except (ValidationError, OSError, UnicodeDecodeError):
            remedy = "write the output of `tidegate model key`, and name the file by the key id"
            findings.append(Finding(path.relative_to(root).as_posix(), "", "catalogue-key", "is no public key as PEM", remedy))
    for path in sorted((root / FOLDER).glob("*.json")):
        try:
            models += ModelCatalogue.model_validate_json(json.dumps({"models": _listed(path)})).models
        except (ValidationError, OSError, ValueError, KeyError, TypeError):
            findings.append(
                Finding(
                    path.relative_to(root).as_posix(),
                    "",
                    "catalogue-file",
                    "is no catalogue",
                    "delete it and write it again with `tidegate model catalogue`",
                )
            )
    if findings:
        raise InventoryError(findings)
    try:
        return ModelCatalogue(keys=keys, models=tuple(models))  # pyright: ignore[reportArgumentType] - validated here
    except ValidationError as error:
        twice = Finding(
            FOLDER.as_posix(), "", "catalogue-twice", str(error.errors()[0]["msg"]), "keep one file per tenant, and sign it again"
        )
        raise InventoryError([twice]) from error


def _listed(path: Path) -> Any:  # noqa: ANN401 - whatever is there is validated by the caller
    envelope = json.loads(path.read_bytes())
    return json.loads(base64.b64decode(envelope["payload"], validate=True))["predicate"]["models"]
