"""`release_replay` of `make bench`: how the same broken and healthy candidates end with each of them."""

from __future__ import annotations

import statistics
from typing import Any

from tests.measure.bench.entries import measure_alone
from tests.measure.bench.release_replay.series import KINDS, draw
from tests.measure.bench.release_replay.steering import STEERING, Ended

RELEASES = 40
"""Of each kind."""


def measured(releases: int = RELEASES) -> dict[str, Any]:
    """For each kind and each of them: how many ended how, and the medians until then."""
    table: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        series = [draw(kind, seed) for seed in range(releases)]
        table[kind] = {name: summed_up([steer(one) for one in series]) for name, steer in STEERING.items()}
    return {"simulated": True, "releases_each": releases, "requests_per_second": 60, "kinds": table}


def summed_up(ended: list[Ended]) -> dict[str, Any]:
    """Counts of endings; medians of seconds, of the candidate's answers and of its bad ones."""
    hows = sorted({one.how for one in ended})
    return {
        "ended": {how: sum(one.how == how for one in ended) for how in hows},
        "median_seconds": statistics.median(one.seconds for one in ended),
        "median_answers": statistics.median(one.answers for one in ended),
        "median_bad_answers": statistics.median(one.bad for one in ended),
    }


def summary(entry: dict[str, Any]) -> str:
    """A table for people."""
    lines = [f"release_replay (simulated), {entry['releases_each']} releases of each kind: endings, median seconds, bad answers"]
    for kind, row in entry["kinds"].items():
        lines += [f"  {kind}"]
        for name, one in row.items():
            ended = ", ".join(f"{how} {count}" for how, count in one["ended"].items())
            lines.append(f"    {name:38} {ended:28} {one['median_seconds']:>7.0f} s {one['median_bad_answers']:>8.0f}")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(measure_alone("release_replay", measured, summary))
