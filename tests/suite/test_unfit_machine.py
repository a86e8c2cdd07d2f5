"""Tests on running regions where none can run: CI fails and says what lacks, elsewhere they are skipped and that is told."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.root import ROOT

ONE_FILE = "tests/acceptance/steady/test_version_floors.py"


def run(folder: Path, ci: str) -> tuple[int, str]:
    """Asks for one file, on a machine whose PATH is empty."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [str(ROOT / ".venv/bin/python"), "-m", "pytest", "-p", "no:hypothesispytest", "-p", "no:times", "-n", "0", ONE_FILE]
    done = subprocess.run(
        command, cwd=ROOT, env=environment | {"PATH": str(folder), "CI": ci}, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_ci_fails_and_names_what_lacks(tmp_path: Path) -> None:
    code, said = run(tmp_path, "true")
    assert code == 1, said
    assert "no test on running regions was run, because this machine cannot run them" in said
    assert "install the package iproute2" in said
    assert "passed" not in said


def test_elsewhere_they_are_skipped_and_that_is_told(tmp_path: Path) -> None:
    code, said = run(tmp_path, "")
    assert code == 0, said
    assert " skipped" in said
    assert "failed" not in said
    summary = said.partition("= tests on running regions =")[2]
    assert "no test on running regions was run, because this machine cannot run them" in summary
    assert "install the package iproute2" in summary


@pytest.mark.parametrize("ci", ["true", ""])
def test_collecting_needs_no_machine(tmp_path: Path, ci: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [
        str(ROOT / ".venv/bin/python"),
        "-m",
        "pytest",
        "-p",
        "no:hypothesispytest",
        "-p",
        "no:times",
        "-q",
        "-n",
        "0",
        "--collect-only",
        ONE_FILE,
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=environment | {"PATH": str(tmp_path), "CI": ci}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{ONE_FILE}::" in done.stdout
