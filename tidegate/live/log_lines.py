"""Makes one readable line of what programs print."""

from __future__ import annotations

import re

_LINE_MAX = 300
_ERROR = re.compile(r"(?i:\b(error|exception|fatal|critical|panic|refused|failed|cannot)\b)|(Error|Exception)\b")


def one_line(text: str) -> str:
    """`text` without line breaks and colours, shortened."""
    plain = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", text).split())
    return plain if len(plain) <= _LINE_MAX else f"{plain[: _LINE_MAX - 3]}..."


def last_error_line(text: str) -> str:
    """The last line that tells of an error, else the last one: what a server says while it ends comes after why it does."""
    return last_line("\n".join(line for line in text.splitlines() if _ERROR.search(line))) or last_line(text)


def last_line(text: str) -> str:
    """The last line that says something: where servers put the error."""
    return next((one_line(line) for line in reversed(text.splitlines()) if line.strip()), "")
