"""`python -m loadtests.figures <recording>`: what the nightly keeps of a run, as JSON."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import ValidationError

from loadtests.gates import QUANTILE, judge
from loadtests.recording import Histogram, Recording, merged
from tidegate.gates.history.nights import Better, Figure, Measured, Unit
from tidegate.gates.verdict import Outcome


def measured(recording: Recording) -> Measured:
    """Figures of every endpoint that has limits; none of a run that cannot be trusted. Whether limits are kept does not matter here."""
    names = [endpoint.name for endpoint in recording.plan.endpoints if endpoint.limits]
    if invalid := next((reason for reason in judge(recording).reasons if reason.outcome is Outcome.INVALID), None):
        return Measured(unmeasured=dict.fromkeys(names, f"{invalid.subject}: {invalid.text}"[:500]))
    together = merged(recording.processes)
    figures: list[Figure] = []
    unmeasured: dict[str, str] = {}
    for name in names:
        recorded = together[name]
        answered = recorded.histogram("latency")
        # What was never begun has failed, too.
        seen = Histogram(answered.buckets, max(0, recorded.due - answered.count))
        half, nearly_all = seen.quantile(0.5), seen.quantile(QUANTILE)
        failed = Figure(series=f"{name} failed", value=seen.failed / max(1, seen.count), unit=Unit.SHARE, better=Better.LOWER)
        if half is None or nearly_all is None:
            unmeasured[name] = f"{failed.value:.1%} of the requests failed, so there is no p99"
            continue
        times = (("p50", half), ("p99", nearly_all))
        figures += [
            Figure(series=f"{name} {what}", value=value, unit=Unit.MILLISECONDS, better=Better.LOWER) for what, value in times if value > 0
        ]
        figures.append(failed)
    return Measured(figures=tuple(figures), unmeasured=unmeasured)


def main(path: str) -> int:
    """Prints them; a file that is no recording is a line on stderr."""
    try:
        recording = Recording.model_validate_json(Path(path).read_bytes())
    except (OSError, ValidationError) as error:
        sys.stderr.write(f"{path}: is no recording of the load gate: {str(error).splitlines()[0]}; measure it again\n")
        return 1
    sys.stdout.write(f"{measured(recording).model_dump_json()}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
