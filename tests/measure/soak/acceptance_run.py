"""One whole run of the tests on regions, bring-up and take-down included, and which tests were red in it."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.measure.soak.record import AcceptanceRun
from tests.root import ROOT
from tests.suite import times

_ACCEPTANCE = "tests/acceptance/"


def run_acceptance(number: int) -> AcceptanceRun:
    """Runs all that `make test` runs on regions; what it prints is shown."""
    began, started = time.time(), time.monotonic()
    times.begin()
    code = subprocess.run(["make", "test-acceptance"], cwd=ROOT, check=False).returncode
    sys.stdout.flush()
    seconds = round(time.monotonic() - started, 1)
    return AcceptanceRun(
        number=number,
        seconds=seconds,
        exit_code=code,
        red=red_tests() if times.TIMES.exists() and times.TIMES.stat().st_mtime > began else (),
    )


def red_tests(below: str = _ACCEPTANCE) -> tuple[str, ...]:
    """The tests of these files that failed in the last session."""
    return tuple(node for node, one in times.read().tests.items() if node.startswith(below) and one.outcome == "failed")
