"""Shows what somebody wrote in one line of a finding: clipped, and with everything that could deceive escaped."""

from __future__ import annotations

SHOWN_MAX = 60
"""Enough to recognise a value; a key or token pasted by mistake is not printed whole."""


def clipped(text: str) -> str:
    """`text` in at most `SHOWN_MAX` characters of the original, ASCII only, in one line."""
    if len(text) > SHOWN_MAX:
        text = text[: SHOWN_MAX - 3] + "..."
    return "".join(character if character.isascii() and character.isprintable() else _escaped(character) for character in text)


def shown(value: object) -> str:
    """A scalar as the reader wrote it; nothing for a mapping or a list, which the path names well enough."""
    if isinstance(value, dict | list):
        return ""
    text = "true" if value is True else "false" if value is False else "null" if value is None else str(value)
    return clipped(text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
