"""Which libraries trained a version, from the MLmodel file that MLflow writes beside the model, as it names them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import yaml

from tidegate.signing.checks import archives
from tidegate.signing.checks.libraries import check_libraries
from tidegate.signing.checks.refusal import Refusal

DESCRIPTION = "MLmodel"

FLAVOURS = {
    "sklearn": ("sklearn_version", "scikit-learn"),
    "lightgbm": ("lgb_version", "lightgbm"),
    "xgboost": ("xgb_version", "xgboost"),
    "onnx": ("onnx_version", "onnx"),
    "pytorch": ("pytorch_version", "torch"),
    "transformers": ("transformers_version", "transformers"),
}
"""By MLflow's name of a flavour: its key for the version, and the library as a package index calls it."""

_DESCRIPTION_MAX = 1 << 20


def trained_with(folder: Path) -> dict[str, str]:
    """Versions by library, from the description in `folder` or in the one archive that it holds; nothing without a description.

    Raises `Refusal` for one that cannot be read, and for a version that is none.
    """
    content = _description(folder)
    if content is None:
        return {}
    try:
        document = cast("object", yaml.load(content, yaml.CSafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(f"{DESCRIPTION} is not YAML") from error
    flavours = _section(_section(document).get("flavors"))
    found: dict[object, object] = {}
    for flavour, (key, library) in FLAVOURS.items():
        version = _section(flavours.get(flavour)).get(key)
        if version is not None:
            found[library] = version
    return check_libraries(found, DESCRIPTION)


def _description(folder: Path) -> bytes | None:
    path = folder / DESCRIPTION
    if path.is_file():
        with path.open("rb") as file:
            return file.read(_DESCRIPTION_MAX)
    archive = archives.packed([one.name for one in folder.iterdir()])
    try:
        return archives.read_entry(folder / archive, DESCRIPTION, _DESCRIPTION_MAX) if archive else None
    except KeyError:  # the archive has none
        return None


def _section(value: object) -> Mapping[object, object]:
    return cast("Mapping[object, object]", value) if isinstance(value, dict) else {}
