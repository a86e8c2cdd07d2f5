"""Quantities as the API server writes them back; any other spelling shows as drift for ever."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import cast

from tidegate.errors import Finding
from tidegate.manifests.placed import Placed
from tidegate.manifests.schemas import dotted

_MAPS = frozenset({"capacity", "default", "defaultRequest", "hard", "limits", "max", "min", "requests"})
_QUANTITY = re.compile(r"([+-]?[0-9.]+)((?:[KMGTPE]i)|[numkMGTPE]?)")
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def require_canonical_quantity(placed: Placed) -> Iterator[Finding]:
    """`2.0`, `2000m` and `2048Mi` come back as `2`, `2` and `2Gi`."""
    for path, name, value in _quantities(placed.manifest.get("spec"), ("spec",)):
        if not isinstance(value, str):
            yield placed.finding("require-canonical-quantity", dotted([*path, name]), "not text", f'write "{value}"', value)
        elif (canonical := canonical_quantity(value)) is not None and canonical != value:
            yield placed.finding(
                "require-canonical-quantity", dotted([*path, name]), "the API server spells it differently", f"write {canonical}", value
            )


def canonical_quantity(text: str) -> str | None:
    """`text` as Kubernetes prints it (apimachinery `Quantity.CanonicalizeBytes`): the largest suffix without a fraction.

    None when it is no quantity, which is the schema's finding, or has an exponent, which keeps its form.
    """
    parsed = _QUANTITY.fullmatch(text)
    if parsed is None:
        return None
    number, suffix = Decimal(parsed[1]), parsed[2]
    if suffix in _BINARY:
        return _binary(number * 1024 ** (_BINARY.index(suffix) + 1))
    nano = int((number * Decimal(10) ** (_DECIMAL[suffix] + 9)).to_integral_value())
    for name, power in sorted(_DECIMAL.items(), key=lambda entry: -entry[1]):
        step = 10 ** (power + 9)
        if nano % step == 0 and (nano or not name):
            return f"{nano // step}{name}"
    return None


def _binary(number: Decimal) -> str:
    """Fractions of a byte and values below 1 Ki lose their binary suffix."""
    whole = int(number)
    if whole == 0:
        return "0"
    for power in range(len(_BINARY), 0, -1):
        if whole % 1024**power == 0:
            return f"{whole // 1024**power}{_BINARY[power - 1]}"
    return str(whole)


def _quantities(value: object, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str, object]]:
    if isinstance(value, dict):
        for key, inner in cast("dict[str, object]", value).items():
            if key in _MAPS and isinstance(inner, dict):
                for name, quantity in cast("dict[str, object]", inner).items():
                    yield (*path, key), name, quantity
            else:
                yield from _quantities(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(cast("list[object]", value)):
            yield from _quantities(inner, (*path, index))


RULES = (require_canonical_quantity,)
