"""The one error of these checks, and what makes a text fit for its one line."""

from __future__ import annotations

_SHOWN_MAX = 120


class Refusal(ValueError):  # noqa: N818 - it is the answer, and no fault of the program
    """The model must not be loaded; the text says why in one line."""


def shown(value: object) -> str:
    """`value` in one line: shortened, and whatever could break or colour a line written as an escape."""
    text = ascii(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 3]}..."
