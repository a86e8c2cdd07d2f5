"""Amounts of resources as whole numbers, rounded up as the scheduler rounds them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import TypeAlias

Amounts: TypeAlias = "Mapping[str, int]"
"""By resource name: thousandths of a core for `cpu`, bytes for `memory` and `ephemeral-storage`, pieces for all others."""

_QUANTITY = re.compile(r"([+-]?(?:[0-9]{1,60}\.?[0-9]{0,60}|\.[0-9]{1,60}))(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?[0-9]{1,2}))?")
"""The API server takes longer numbers and exponents and caps what they say; to compute one exactly would take for ever."""
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BYTES = frozenset({"memory", "ephemeral-storage"})
_MIB = 1024**2


def read_quantity(text: object) -> Fraction:
    """The value of a Kubernetes quantity (`1500m`, `2Gi`, `1e3`), exactly. Raises `ValueError` when it is none."""
    parsed = _QUANTITY.fullmatch(str(text))
    if parsed is None:
        raise ValueError(f"{text!r} is no quantity")
    number, binary, decimal, exponent = Fraction(parsed[1]), parsed[2], parsed[3], parsed[4]
    if binary:
        return number * 1024 ** _BINARY[binary]
    return number * Fraction(10) ** (_DECIMAL[decimal] if decimal else int(exponent or 0))


def is_quantity(value: object) -> bool:
    """Whether `value` is a Kubernetes quantity that a pod may ask for, or a pool may have: not below zero."""
    return not isinstance(value, bool) and _QUANTITY.fullmatch(str(value)) is not None and not str(value).startswith("-")


def rounded(exact: Mapping[str, Fraction]) -> dict[str, int]:
    """Whole units of each resource, rounded up; what is nothing is left out."""
    units = {name: math.ceil(value * 1000 if name == "cpu" else value) for name, value in exact.items()}
    return {name: value for name, value in units.items() if value}


def shown(resource: str, amount: int) -> str:
    """An amount as people write it: `1500m`, `13Gi`, `28472Mi`, `2`. Bytes are rounded up to MiB, so that no two amounts look alike."""
    if resource == "cpu":
        return f"{amount // 1000}" if amount % 1000 == 0 else f"{amount}m"
    if resource in _BYTES:
        mib = math.ceil(amount / _MIB)
        return f"{mib // 1024}Gi" if mib and mib % 1024 == 0 else f"{mib}Mi"
    return str(amount)
