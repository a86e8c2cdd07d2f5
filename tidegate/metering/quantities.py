"""Kubernetes' quantities as whole numbers: thousandths of a core, MiB, pieces."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction

from tidegate.metering.billing.events import CPU, MEMORY

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?[0-9]{1,2}))?")
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_UNITS = {CPU: Fraction(1, 1000), MEMORY: Fraction(2**20)}


def quantity(text: str) -> Fraction:
    """The number that `text` stands for, exactly. Raises `ValueError` when it is no quantity, or below zero."""
    parsed = _QUANTITY.fullmatch(text)
    if parsed is None:
        raise ValueError(f"{text!r} is no quantity")
    number, binary, decimal, exponent = parsed.groups()
    if binary:
        return Fraction(number) * 1024 ** _BINARY[binary]
    return Fraction(number) * Fraction(10) ** (_DECIMAL[decimal] if decimal else int(exponent or 0))


def amounts(resources: Mapping[str, str], *, round_up: bool) -> dict[str, int]:
    """By resource, in the units of `Amounts`; what somebody asks for is rounded up, what there is down."""
    to_whole = math.ceil if round_up else math.floor
    return {resource: to_whole(quantity(text) / _UNITS.get(resource, 1)) for resource, text in resources.items()}
