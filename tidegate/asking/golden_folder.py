"""Reads a golden set and the list of a version's training rows."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NoReturn, cast

from pydantic import Field, TypeAdapter, ValidationError

from tidegate.errors import TidegateError, UsageError
from tidegate.facts.fact import Fact
from tidegate.gates.golden_set.samples import TrainingRows
from tidegate.signing.bundles import digest_of

INPUTS, EXPECTED, SLICES = "inputs.json", "expected.json", "slices.json"


class Expected(Fact):
    """What should come out."""

    metric: Literal["auc", "accuracy", "exact-match", "mean-absolute-error"]
    values: tuple[float | str, ...]


@dataclass(frozen=True, slots=True)
class GoldenFolder:
    """A golden set as its folder holds it."""

    sha256: str
    metric: str
    inputs: tuple[object, ...]
    labels: tuple[float | str, ...]
    slices: dict[str, tuple[str, ...]]


_Inputs = Annotated[tuple[object, ...], Field(min_length=1)]
_Slices = dict[str, tuple[str, ...]]


def read_golden(folder: Path) -> GoldenFolder:
    """The set in `folder`; `slices.json` may be missing. Raises `UsageError` when it is none."""
    try:
        digest = digest_of(folder)
        expected = Expected.model_validate_json(_json(folder / EXPECTED))
        inputs = TypeAdapter[tuple[object, ...]](_Inputs).validate_json(_json(folder / INPUTS))
        sliced = TypeAdapter(_Slices).validate_json(_json(folder / SLICES)) if (folder / SLICES).exists() else {}
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{folder} is no golden set: {where or 'document'}: {first['msg']}; see docs/golden-set-gate.md") from error
    except (OSError, ValueError, TidegateError) as error:
        raise UsageError(f"{folder} is no golden set: {error}; see docs/golden-set-gate.md") from error
    if len(inputs) != len(expected.values):
        raise UsageError(f"{folder} is no golden set: {len(inputs)} inputs and {len(expected.values)} expected values; write one for each")
    return GoldenFolder(digest, expected.metric, inputs, expected.values, sliced)


def row_digest(row: object) -> str:
    """Names a row as the list of training rows does: 16 digits of the SHA-256 of its JSON, keys sorted, no spaces, all numbers decimal."""
    text = json.dumps(_decimal(row), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def look_for_leaks(inputs: Iterable[object], listed: Path) -> TrainingRows:
    """Rows of the set that the list names, one digest a line. Raises `UsageError` when it is no such list."""
    try:
        lines = listed.read_text(encoding="ascii").split()
    except (OSError, ValueError) as error:
        raise UsageError(f"{listed} is no list of training rows: {error}") from error
    if odd := next((line for line in lines if not re.fullmatch("[0-9a-f]{16}", line)), None):
        raise UsageError(f"{listed} is no list of training rows: {odd[:40]!r} is not 16 hexadecimal digits")
    known = frozenset(lines)
    return TrainingRows(listed=len(known), found=tuple(number for number, row in enumerate(inputs) if row_digest(row) in known))


def _decimal(value: object) -> object:
    if isinstance(value, dict):
        return {key: _decimal(one) for key, one in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [_decimal(one) for one in cast("list[object]", value)]
    return float(value) if isinstance(value, int) else value


def _json(path: Path) -> bytes:
    """The file, when it is JSON; Python's own reader, because the other takes a key that stands there twice, and NaN."""
    content = path.read_bytes()

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{path.name} holds {constant}, which is no number")

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        keys = [key for key, _ in pairs]
        if len(set(keys)) != len(keys):
            raise ValueError(f"{path.name} holds a key twice: {next(key for key in keys if keys.count(key) > 1)}")
        return dict(pairs)

    try:
        json.loads(content, parse_constant=refuse, object_pairs_hook=once)
    except (RecursionError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is no JSON: {error}") from error
    return content
