"""What is more than one object takes, dealt out over as many as that asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

RULES_MAX = 512
"""The most rules of one AuthorizationPolicy (`maxItems` in Istio 1.31's definition). What one of several allows is allowed."""

T = TypeVar("T")


def shares(name: str, listed: Sequence[T], most: int = RULES_MAX) -> Iterator[tuple[str, list[T]]]:
    """(name, part) of each object: the first is called `name`, the others `<name>-2` and so on. Of nothing there is one, empty."""
    for number, start in enumerate(range(0, max(len(listed), 1), most), start=1):
        yield (name if number == 1 else f"{name}-{number}"), list(listed[start : start + most])
