"""Releases compared with the first sound ones of each line."""

from __future__ import annotations

import re


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("-")[0]))


def is_sound(version: str, floors: tuple[str, ...]) -> bool:
    """Of a line with a floor it must be at it or above; a later line is sound, an earlier one is not."""
    found = numbers(version)
    same_line = [floor for floor in map(numbers, floors) if floor[:2] == found[:2]]
    return found >= same_line[0] if same_line else found > max(map(numbers, floors))
