"""200 models that start at once on 25 nodes, with and without waves: `cold_start_storm` of `make bench`.

A simulation (`tidegate.facts.storm`): nodes, images and weights of these sizes are nowhere here. `python -m tests.measure.bench.storm` runs
it alone.
"""

from __future__ import annotations

import math
import sys
from dataclasses import asdict
from typing import Any

from tests.measure.bench.entries import put
from tidegate.facts.storm import START_AT_ONCE, Storm, StormResult, simulate

WEIGHTS_GIB = (12.0, 24.0)
"""Of one model: without waves the smaller ones miss their deadline once each, the larger ones at every attempt."""

SHARES = (0.1, 0.5, 1.0)


def measured() -> dict[str, Any]:
    """The entry of out/bench.json; null is a share of the models that never answered."""
    pairs: list[dict[str, Any]] = []
    for weights_gib in WEIGHTS_GIB:
        storm = Storm(weights_gib=weights_gib)
        pairs.append({"weights_gib": weights_gib, "with_waves": _told(simulate(storm, START_AT_ONCE)), "without": _told(simulate(storm))})
    return {"simulated": True, "storm": asdict(Storm()), "start_at_once": START_AT_ONCE, "pairs": pairs}


def _told(result: StormResult) -> dict[str, Any]:
    seconds = {f"{share:.0%}": result.share_up_by(share) for share in SHARES}
    return {
        "seconds_until_up": {share: None if math.isinf(one) else one for share, one in seconds.items()},
        "attempts_given_up": result.given_up,
        "fetched_gib": round(result.fetched_gib, 1),
        "wasted_gib": round(result.wasted_gib, 1),
    }


def summary(entry: dict[str, Any]) -> str:
    """A line for each pair."""
    lines: list[str] = []
    for pair in entry["pairs"]:
        ours, theirs = (
            ", ".join(f"{share} up after {'never' if one is None else f'{one:.0f} s'}" for share, one in side["seconds_until_up"].items())
            + f", {side['attempts_given_up']} attempts given up"
            for side in (pair["with_waves"], pair["without"])
        )
        lines.append(f"cold_start_storm       200 models of {pair['weights_gib']:.0f} GiB (simulated): in waves {ours}; at once {theirs}")
    return "\n".join(lines)


def main() -> int:
    """Simulates, prints, and puts the result among the others."""
    entry = measured()
    put("cold_start_storm", entry)
    print(summary(entry))
    return 0


if __name__ == "__main__":
    sys.exit(main())
