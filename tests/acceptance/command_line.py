"""The command line in this process: what it does is the same, and Python need not start and import everything each time."""

from __future__ import annotations

import contextlib

from typer.testing import CliRunner

from tests.root import ROOT
from tidegate.cli.main import app


def tidegate(*arguments: str, columns: int = 160) -> str:
    """What the command printed on stdout. Raises what it refuses with, a `TidegateError`."""
    with contextlib.chdir(ROOT):
        done = CliRunner(env={"COLUMNS": str(columns)}).invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout
