"""`make soak`: long seeded trials, whole runs of the tests on regions, long tests, and mutants; a second call goes on where the first ended."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.measure.soak.acceptance_run import run_acceptance
from tests.measure.soak.kill_trial import fit, run_trial
from tests.measure.soak.long_tests import run_long_tests
from tests.measure.soak.mutants import MUTANTS, run_mutants
from tests.measure.soak.record import Record


def main() -> int:
    """Does what is not done yet; exit code 1 when a trial left something, a run was red or a mutant was not caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.measure.soak.run")
    parser.add_argument("--trials", type=int, default=20, help="how many kill trials, seeds from 1")
    parser.add_argument("--acceptance-runs", type=int, default=10, help="how many whole runs of the tests on regions")
    parser.add_argument("--without-long-tests", action="store_true", help="leave the tests out that are too long for `make test`")
    parser.add_argument("--without-mutants", action="store_true", help="leave the mutants out")
    chosen = parser.parse_args()
    if lacking := fit():
        sys.stderr.write("\n".join(lacking) + "\n")
        return 1
    record = Record.read()
    kill_trials(record, chosen.trials)
    acceptance_runs(record, chosen.acceptance_runs)
    if not chosen.without_long_tests:
        run_long_tests(record, tell)
    if not chosen.without_mutants:
        run_mutants(record, tell)
    left_over = [f"kill trial {one.seed} left {', '.join(one.left_over)}" for one in record.kill_trials if one.left_over]
    red = [
        f"run {one.number} was red: {', '.join(one.red) or f'exit code {one.exit_code}'}" for one in record.acceptance_runs if one.exit_code
    ]
    red += [
        f"long tests of {one.file} were red: {', '.join(one.red) or f'exit code {one.exit_code}'}"
        for one in record.long_tests
        if one.exit_code
    ]
    alive = [f"mutant {one.name} was not caught" for one in record.mutants if not one.caught]
    tell(
        f"{len(record.kill_trials)} kill trials, {len(record.acceptance_runs)} runs, {len(record.long_tests)} files of long tests, {len(record.mutants)} of {len(MUTANTS)} mutants"
    )
    for line in (problems := [*left_over, *red, *alive]):
        tell(line)
    return 1 if problems else 0


def tell(line: str) -> None:
    """A line for the person who waits."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def kill_trials(record: Record, count: int) -> None:
    """Those seeds up to `count` that are not done."""
    done = {one.seed for one in record.kill_trials}
    for seed in (seed for seed in range(1, count + 1) if seed not in done):
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="tidegate-soak-") as folder:
            one = run_trial(seed, Path(folder))
        record.kill_trials.append(one)
        record.write()
        verdict = "clean" if not one.left_over else f"LEFT {', '.join(one.left_over)}"
        tell(f"trial {seed}: {one.victim} killed after {one.after_seconds} s: {verdict} ({time.monotonic() - started:.0f} s)")


def acceptance_runs(record: Record, count: int) -> None:
    """Those runs up to `count` that are not done."""
    for number in range(len(record.acceptance_runs) + 1, count + 1):
        one = run_acceptance(number)
        record.acceptance_runs.append(one)
        record.write()
        tell(
            f"run {number}: {'green' if not one.exit_code else 'RED: ' + (', '.join(one.red) or str(one.exit_code))} ({one.seconds:.0f} s)"
        )


if __name__ == "__main__":
    raise SystemExit(main())
