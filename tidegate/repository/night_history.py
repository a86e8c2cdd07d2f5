"""The file that the nightly keeps: a line of JSON for each night, the oldest first. It is only ever added to."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from tidegate.errors import UsageError
from tidegate.gates.history.nights import Accepted, HistorySamples, Night, read
from tidegate.tools.files import write_whole


def read_samples(path: Path, tonight: date) -> HistorySamples:
    """What a verdict on `tonight` is made of; a file that is not there has no nights."""
    return HistorySamples(tonight=tonight, lines=tuple(_lines(path)))


def append(path: Path, line: Night | Accepted) -> None:
    """Adds a line, whole or not at all. Raises `UsageError` for a night that the history has: nobody may measure until a night looks good."""
    lines = _lines(path)
    if isinstance(line, Night) and any(night.night == line.night for night in read(lines).nights):
        raise UsageError(f"{path} has {line.night} already; it stays as it was measured first, or name another night with --night")
    write_whole(path, "".join(f"{one}\n" for one in (*lines, line.model_dump_json())).encode())


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="backslashreplace").splitlines()
    except FileNotFoundError:
        return []
