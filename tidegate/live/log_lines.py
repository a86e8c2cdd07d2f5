"""Makes one readable line of what programs print."""

from __future__ import annotations

import re

_LINE_MAX = 300


def one_line(text: str) -> str:
    """`text` without line breaks and colours, shortened."""
    plain = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", text).split())
    return plain if len(plain) <= _LINE_MAX else f"{plain[: _LINE_MAX - 3]}..."


def last_line(text: str) -> str:
    """The last line that says something: where servers put the error."""
    return next((one_line(line) for line in reversed(text.splitlines()) if line.strip()), "")
