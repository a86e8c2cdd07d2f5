"""How every program of ours ends: the exit codes, and what an exception that reached the top becomes.

The command line, `clusters.program`, `clusters.addons` and `infra` end alike, so that a fault in one of them is not taken for bad input.
"""

from __future__ import annotations

import os
import traceback
from enum import IntEnum
from pathlib import Path

from tidegate.errors import BusyError, TidegateError, ToolError, UnexpectedError, UsageError
from tidegate.host_refusals import refusal_of

VERBOSE_VARIABLE = "TIDEGATE_VERBOSE"
"""Set by `--verbose` for the programs that a command starts; it shows tracebacks."""


class ExitCode(IntEnum):
    """What the shell sees; 70 and 75 as BSD's <sysexits.h> has them (EX_SOFTWARE, EX_TEMPFAIL)."""

    DONE = 0
    REFUSED = 1
    WRONG_USAGE = 2
    UNEXPECTED = 70
    BUSY = 75
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.REFUSED: "refused or failed, with one line for each reason",
    ExitCode.WRONG_USAGE: "wrong usage",
    ExitCode.UNEXPECTED: "a fault in Tidegate itself",
    ExitCode.BUSY: "another command is at work in this checkout",
    ExitCode.INTERRUPTED: "interrupted",
}


def expected(error: Exception) -> TidegateError:
    """`error` as what is shown: ours as it is, one of the operating system as `HostError`, any other as `UnexpectedError`."""
    if isinstance(error, TidegateError):
        return error
    refused = refusal_of(error) if isinstance(error, OSError) else None
    return refused or UnexpectedError(f"unexpected {type(error).__name__} at {_place(error)}: {_clipped(error)}")


def exit_code(error: TidegateError) -> ExitCode:
    """The code that `error` ends a program with. A program of ours that ended with 70 ends its caller with 70."""
    if isinstance(error, UnexpectedError) or (isinstance(error, ToolError) and error.exit_code == ExitCode.UNEXPECTED):
        return ExitCode.UNEXPECTED
    if isinstance(error, BusyError):
        return ExitCode.BUSY
    return ExitCode.WRONG_USAGE if isinstance(error, UsageError) else ExitCode.REFUSED


def lines_of(error: Exception) -> str:
    """What a program without options of its own prints about `error`: its text, behind the traceback where that was asked for."""
    told = str(expected(error))
    return "".join(traceback.format_exception(error)) + told if os.environ.get(VERBOSE_VARIABLE) else told


def program_code(error: Exception) -> int:
    """The exit code of a program without options of its own."""
    return exit_code(expected(error))


def _place(error: Exception) -> str:
    """`file:line` of the innermost frame in this repository: what a report needs."""
    root = str(Path(__file__).resolve().parents[1])
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(root) and "/.venv" not in frame.filename]
    chosen = (ours or frames or [None])[-1]
    return f"{chosen.filename.removeprefix(f'{root}/')}:{chosen.lineno}" if chosen else "an unknown place"


def _clipped(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 3]}..."


_SHOWN_MAX = 120
