"""Ten mutants of the guards, each with a test that every `make test` runs."""

from __future__ import annotations

import subprocess
import sys

from tests.measure.soak.mutants import MUTANTS
from tests.root import ROOT


def test_there_are_ten_of_all_kinds() -> None:
    assert len(MUTANTS) == 10
    assert {mutant.guards for mutant in MUTANTS.values()} == {"isolation", "rollout", "crash"}
    assert all(mutant.place or mutant.application or mutant.program for mutant in MUTANTS.values())


def test_whoever_must_catch_them_is_in_every_run() -> None:
    named = sorted({mutant.caught_by for mutant in MUTANTS.values()})
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "-p",
        "no:times",
        "-p",
        "no:hypothesispytest",
        "--collect-only",
        "-m",
        "not soak",
    ]
    done = subprocess.run([*command, *named], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(line for line in done.stdout.splitlines() if "::" in line) == named
