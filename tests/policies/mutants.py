"""Expressions with a part left out, one at a time: every operand of `||` and `&&`, and of a list after `in`, at any depth."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

_OPEN, _CLOSE = "([{", ")]}"
_SEPARATORS = ((" ? ", " : "), (",",), ("||",), ("&&",))
"""From the one that binds least. What stands between the first two kinds is changed in its place, and never left out."""


def mutated(spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What was left out, and the policy's spec without it: conditions, and parts of expressions."""
    for index, condition in enumerate(spec.get("matchConditions", ())):
        changed = copy.deepcopy(spec)
        del changed["matchConditions"][index]
        yield f"condition {condition['name']}", changed
    for field in ("matchConditions", "variables", "validations"):
        for index, each in enumerate(spec.get(field, ())):
            for left_out, expression in shortened(each["expression"]):
                changed = copy.deepcopy(spec)
                changed[field][index]["expression"] = expression
                yield f"{field}[{index}] without {left_out}", changed


def shortened(expression: str, level: int = 0) -> Iterator[tuple[str, str]]:
    """Each operand that can be left out, and what is left."""
    if level == len(_SEPARATORS):
        yield from _inside(expression)
        return
    pieces = _split(expression, _SEPARATORS[level])
    if len(pieces) == 1:
        yield from shortened(expression, level + 1)
        return
    for index in range(0, len(pieces), 2):  # every other one is the separator
        if level > 1:
            rest = pieces[: max(index - 1, 0)] + pieces[index + 1 if index else 2 :]
            yield pieces[index].strip(), "".join(rest)
        for left_out, piece in shortened(pieces[index], level + 1):
            yield left_out, "".join([*pieces[:index], piece, *pieces[index + 1 :]])


def _inside(expression: str) -> Iterator[tuple[str, str]]:
    """The same for what stands in brackets."""
    at = 0
    while at < len(expression):
        if expression[at] == "'":
            at = expression.index("'", at + 1) + 1
        elif expression[at] in _OPEN:
            end = _closing(expression, at)
            inner = expression[at + 1 : end]
            found = list(shortened(inner))
            if expression.endswith(" in ", 0, at):
                members = _split(inner, (",",))[::2]
                found += [(one.strip(), ",".join(each for each in members if each != one)) for one in members]
            for left_out, piece in found:
                yield left_out, f"{expression[: at + 1]}{piece}{expression[end:]}"
            at = end + 1
        else:
            at += 1


def _closing(expression: str, opening: int) -> int:
    depth, at = 0, opening
    while True:
        if expression[at] == "'":
            at = expression.index("'", at + 1)
        depth += (expression[at] in _OPEN) - (expression[at] in _CLOSE)
        if not depth:
            return at
        at += 1


def _split(expression: str, separators: tuple[str, ...]) -> list[str]:
    pieces: list[str] = []
    begin = at = 0
    while at < len(expression):
        found = next((one for one in separators if expression.startswith(one, at)), None)
        if expression[at] == "'":
            at = expression.index("'", at + 1) + 1
        elif expression[at] in _OPEN:
            at = _closing(expression, at) + 1
        elif found:
            pieces += [expression[begin:at], found]
            begin = at = at + len(found)
        else:
            at += 1
    return [*pieces, expression[begin:]]
