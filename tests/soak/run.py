"""`make soak`: long seeded trials; what is done is kept in out/soak.json, and a second run goes on from there."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from tests.root import ROOT
from tests.soak.kill_trial import Trial, fit, run_trial

OUT = ROOT / "out" / "soak.json"


def main() -> int:
    """Runs the trials that are not done yet; exit code 1 when one of them left something behind."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.run")
    parser.add_argument("--trials", type=int, default=20, help="how many seeds, from 1")
    chosen = parser.parse_args()
    if lacking := fit():
        sys.stderr.write("\n".join(lacking) + "\n")
        return 1
    done = _done()
    for seed in range(1, chosen.trials + 1):
        if seed in done:
            continue
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="tidegate-soak-") as folder:
            done[seed] = run_trial(seed, Path(folder))
        _write(done)
        one = done[seed]
        verdict = "clean" if not one.left_over else f"LEFT {', '.join(one.left_over)}"
        sys.stdout.write(f"trial {seed}: {one.victim} killed after {one.after_seconds} s: {verdict} ({time.monotonic() - started:.0f} s)\n")
        sys.stdout.flush()
    bad = [one.seed for one in done.values() if one.left_over]
    sys.stdout.write(f"{len(done)} kill trials, {len(done) - len(bad)} clean\n")
    return 1 if bad else 0


def _done() -> dict[int, Trial]:
    try:
        kept = json.loads(OUT.read_text(encoding="utf-8"))["kill_trials"]
    except (FileNotFoundError, ValueError, KeyError):
        return {}
    return {trial.seed: trial for trial in TypeAdapter(list[Trial]).validate_python(kept)}


def _write(done: dict[int, Trial]) -> None:
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"kill_trials": [asdict(one) for _, one in sorted(done.items())]}, indent=2), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
