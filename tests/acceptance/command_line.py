"""The command line in this process: what it does is the same, and Python need not start and import everything each time."""

from __future__ import annotations

import contextlib

from typer.testing import CliRunner

from tests.root import ROOT
from tidegate.cli.main import app
from tidegate.endings import ExitCode


def tidegate(*arguments: str, columns: int = 160) -> str:
    """What the command printed on stdout. Raises what it refuses with, a `TidegateError`."""
    code, printed = ended(*arguments, columns=columns)
    assert code == 0, printed
    return printed


def shown(*arguments: str, columns: int = 160) -> str:
    """What `status` or `explain` printed. Either ends with 1 when a region does not answer, and another test may be the reason of that."""
    code, printed = ended(*arguments, columns=columns)
    assert code in {0, ExitCode.REFUSED}, printed
    return printed


def ended(*arguments: str, columns: int = 160) -> tuple[int, str]:
    """The same with its exit code, which may be another than 0."""
    with contextlib.chdir(ROOT):
        done = CliRunner(env={"COLUMNS": str(columns)}).invoke(app, list(arguments), catch_exceptions=False)
    return done.exit_code, done.stdout if done.exit_code == 0 or done.stdout else done.output
