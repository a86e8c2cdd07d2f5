"""Shows answers: tables for people, one JSON document for programs, progress on stderr so that stdout stays clean."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from tidegate.errors import FindingsError, TidegateError


@dataclass
class Screen:
    """One command's output. With `as_json` a table or a text is not shown, the answer is."""

    as_json: bool = False
    started: float = field(default_factory=time.monotonic)

    def answer(self, answer: object) -> None:
        """The JSON answer; nothing is printed without `--json`."""
        if self.as_json:
            import orjson  # needed with --json only

            print(orjson.dumps(answer, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode())

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
        print(line, file=sys.stderr, flush=True)

    def refuse(self, error: TidegateError) -> None:
        """The error, findings one per line; notes follow."""
        print(str(error), *getattr(error, "__notes__", ()), sep="\n", file=sys.stderr)
        if isinstance(error, FindingsError):
            count = len(error.findings)
            print(f"{count} finding{'s' if count > 1 else ''}; nothing was changed", file=sys.stderr)
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


def usd(cents: int) -> str:
    """Dollars and cents, exactly."""
    return f"{cents // 100:,}.{cents % 100:02}"
