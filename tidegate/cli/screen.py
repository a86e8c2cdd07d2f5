"""Shows answers: tables for people, one JSON document for programs, progress on stderr so that stdout stays clean."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from tidegate.errors import FindingsError, TidegateError
from tidegate.host_refusals import naming

if TYPE_CHECKING:
    from typing_extensions import Buffer as ReadableBuffer


@dataclass
class Screen:
    """One command's output. With `as_json` a table or a text is not shown, the answer is."""

    as_json: bool = False
    started: float = field(default_factory=time.monotonic)

    def answer(self, answer: object) -> None:
        """The JSON answer; nothing is printed without `--json`."""
        if self.as_json:
            import orjson  # needed with --json only

            option = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
            try:
                text = orjson.dumps(answer, default=_plain, option=option)
            except TypeError:
                text = orjson.dumps(_readable(answer), default=_plain, option=option)
            print(text.decode())

    def text(self, text: str) -> None:
        """A line for people."""
        if not self.as_json:
            print(text)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table for people; cells are shown as text and never cut."""
        if self.as_json:
            return
        from rich.console import Console
        from rich.table import Table

        table = Table(title=title, title_justify="left", title_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*[str(cell) for cell in row])
        # A pipe has no width; 160 columns keep ids whole. Rich itself honours NO_COLOR.
        Console(width=None if sys.stdout.isatty() else 160, no_color=None if sys.stdout.isatty() else True).print(table)

    def progress(self, what: str, happened: str) -> None:
        """One line of progress, with the seconds since the command began."""
        line = f"{time.monotonic() - self.started:7.1f} s  {what:<24} {happened}"
        if sys.stderr.isatty() and "NO_COLOR" not in os.environ:
            line = f"\033[2m{line}\033[0m"
        self.note(line)

    def note(self, text: str) -> None:
        """A line on stderr; nothing can be told to who has closed it, or sent it to a full disk."""
        with contextlib.suppress(OSError, ValueError):
            print(text, file=sys.stderr, flush=True)

    def refuse(self, error: TidegateError) -> None:
        """The error, findings one per line; notes follow."""
        self.note("\n".join([str(error), *getattr(error, "__notes__", ())]))
        if isinstance(error, FindingsError):
            count = len(error.findings)
            self.note(f"{count} finding{'s' if count > 1 else ''}; nothing was changed")
            self.answer({"findings": error.findings})
        else:
            self.answer({"error": str(error)})


def _plain(value: object) -> object:
    """What orjson does not know by itself: facts, paths and sets."""
    dump = getattr(value, "model_dump", None)  # asking for the method spares the import of pydantic
    if dump:
        return cast("object", dump(mode="json"))
    if isinstance(value, Path):
        return str(value)
    return sorted(cast("set[str]", value))


def _readable(value: object) -> object:
    """`value` with bytes that are no text, as a file's name or an argument may have, written as the output for people writes them."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_readable(key): _readable(one) for key, one in cast("Mapping[object, object]", value).items()}
    if isinstance(value, Sequence):
        return [_readable(one) for one in cast("Sequence[object]", value)]
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _readable(getattr(value, each.name)) for each in fields(value)}
    if value is None or isinstance(value, int | float | Enum | date):
        return value
    return _readable(_plain(value))


class _StandardOutput(io.FileIO):
    """Standard output, named in the error when it cannot be written."""

    def write(self, data: ReadableBuffer, /) -> int:
        with naming("standard output"):
            return super().write(data)


def open_standard_output() -> TextIO:
    """In place of Python's own, whose error names nothing, so that a full disk here is like one anywhere."""
    if not sys.stdout:  # the shell closed it
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - stays open as long as we run
    raw = _StandardOutput(sys.stdout.fileno(), "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), sys.stdout.encoding, line_buffering=raw.isatty())
