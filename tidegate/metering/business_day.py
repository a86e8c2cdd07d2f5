"""A business day as calls by the minute: quiet night with the batch run, office hours, a lunch peak.

Whoever tries the day on a real region sends these calls; `pretended_region` lives through them without one.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Load:
    """Calls of one model over a day."""

    calls_per_second: Sequence[tuple[float, float]]
    """From which hour on, how many on average; in order, the first from hour 0."""
    seconds_per_call: float
    """How long a call keeps one replica's slot."""


BUSINESS_DAY: Mapping[str, Load] = {
    # Staff ask from half past eight to five; at lunch everybody does at once.
    "assistant/chat": Load(((0, 0), (8.5, 0.5), (9, 2), (12, 5), (12.5, 2), (16.5, 0.5), (17, 0)), 4),
    "credit/decision": Load(((0, 1), (7, 15), (12, 40), (13, 25), (20, 5)), 0.08),
    "fraud/scorer": Load(((0, 16), (7, 85), (12, 300), (13, 90), (20, 50)), 0.006),
    "merchants/anomaly": Load(((0, 10), (8, 60), (12, 100), (14, 60), (20, 20)), 0.03),
    "scoring/batch": Load(((0, 0), (1, 10), (3, 0)), 1),
    "scoring/fraud-shadow": Load(((0, 10), (7, 30), (12, 50), (14, 30), (22, 10)), 0.006),
}
"""By `<tenant>/<model>`. Peaks are the load profiles of the tenants' files (fraud, credit, merchants, scoring); hours and the
rest are made up, and the same on every day. The fraud scorer takes six million calls, as the reference business does."""

_QUIET_SHARE = 0.3

QUIET_DAY: Mapping[str, Load] = {
    "assistant/chat": Load(((0, 0),), 4),
    **{
        name: Load(
            tuple((hour, calls * (1 if name == "scoring/batch" else _QUIET_SHARE)) for hour, calls in load.calls_per_second),
            load.seconds_per_call,
        )
        for name, load in BUSINESS_DAY.items()
        if name != "assistant/chat"
    },
}
"""A Saturday, Sunday or holiday: nobody is at work, the nightly batch runs, and of all other calls three tenths come."""


def calls(load: Load, step_seconds: int, chance: random.Random) -> list[int]:
    """How many calls come in each step of a day: independent callers, so Poisson's distribution around the mean."""
    steps = [*load.calls_per_second, (24.0, 0.0)]
    counts: list[int] = []
    for (from_hour, per_second), (to_hour, _) in pairwise(steps):
        mean = per_second * step_seconds
        counts += [_poisson(mean, chance) for _ in range(round((to_hour - from_hour) * 3600 / step_seconds))]
    return counts


def _poisson(mean: float, chance: random.Random) -> int:
    if mean > 50:  # where the normal distribution is as good, and does not draw hundreds of numbers
        return max(0, round(chance.normalvariate(mean, math.sqrt(mean))))
    count, left = 0, chance.random()
    while left > math.exp(-mean):
        count, left = count + 1, left * chance.random()
    return count
