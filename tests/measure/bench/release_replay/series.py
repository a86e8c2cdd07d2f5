"""What would come of each request at either version, drawn beforehand: whoever steers, the same requests meet the same versions.

Stable fails in 0.2 % and is too slow in 0.3 %. A candidate is broken from its first request, except one that leaks memory: it begins to fail
after two minutes, and fails 5 % more with each further minute.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PER_SECOND = 60
SECONDS = 3600
STABLE_ERRORS, STABLE_SLOW = 0.002, 0.003
MIX = (0.7, 0.3)

KINDS = (
    "healthy",
    "nearly at the limit",
    "crashing",
    "erroring 30 %",
    "erroring 5 %",
    "erroring 2 %",
    "slow",
    "slow 5 %",
    "wrong decisions",
    "memory leak",
)
"""`nearly at the limit` has 0.8 % of each kind of bad answers, which is within 1 %. `slow` takes twice the limit each time."""


@dataclass(frozen=True, slots=True)
class Series:
    """One release: `starts[t]` is the first request of second t. Of each request where chance sends it, and both outcomes."""

    starts: NDArray[np.int64]
    routed: NDArray[np.float64]
    errors: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    slow: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    refused: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    """Whether the decision is the rarer of two. Of each pair the first is stable's."""

    def between(self, first: int, last: int, share: float) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
        """Of the seconds `first` to `last` - 1, for stable and for the candidate with this share: requests, errors, slow ones, refusals."""
        part = slice(int(self.starts[first]), int(self.starts[last]))
        ours = self.routed[part] < share

        def counts(side: int, where: NDArray[np.bool_]) -> tuple[int, int, int, int]:
            found = (int(np.count_nonzero(one[side][part] & where)) for one in (self.errors, self.slow, self.refused))
            errors, slow, refused = found
            return int(np.count_nonzero(where)), errors, slow, refused

        return counts(0, ~ours), counts(1, ours)


def draw(kind: str, seed: int, seconds: int = SECONDS) -> Series:
    """One release of a kind."""
    generator = np.random.default_rng([KINDS.index(kind), seed])
    number = generator.poisson(PER_SECOND, seconds)
    starts = np.concatenate([[0], np.cumsum(number)]).astype(np.int64)
    total = int(starts[-1])
    when = np.repeat(np.arange(seconds), number)
    leaking = np.clip((when - 120) / 60 * 0.05, 0, 1)
    errors = {"nearly at the limit": 0.008, "crashing": 1.0, "erroring 30 %": 0.3, "erroring 5 %": 0.05, "erroring 2 %": 0.02}.get(
        kind, STABLE_ERRORS
    )
    slow = {"nearly at the limit": 0.008, "slow": 1.0, "slow 5 %": 0.05}.get(kind, STABLE_SLOW)
    rarer = MIX[0] if kind == "wrong decisions" else MIX[1]
    failing = np.maximum(errors, leaking) if kind == "memory leak" else np.full(total, errors)
    return Series(
        starts,
        generator.random(total),
        (generator.random(total) < STABLE_ERRORS, generator.random(total) < failing),
        (generator.random(total) < STABLE_SLOW, generator.random(total) < slow),
        (generator.random(total) < MIX[1], generator.random(total) < rarer),
    )
