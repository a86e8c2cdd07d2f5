"""How often the gate decides which way, by simulation: runs of requests whose true p99 is known to be so many times the limit."""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from itertools import count

from loadtests.gates import SLOW_SHARE
from tidegate.gates.bounds import at_most, judge_share
from tidegate.gates.verdict import Outcome

RATIOS = (0.5, 0.9, 1.0, 1.1, 2.0)
"""The true p99 over the limit."""

RUNS = 5000
Above = Callable[[float], float]
"""The share of requests above a time, where the true p99 is 1."""


def _upper(score: float) -> float:
    return math.erfc(score / math.sqrt(2)) / 2


def lognormal(sigma: float) -> Above:
    return lambda time: _upper(2.3263478740408408 + math.log(time) / sigma)


def bimodal(time: float) -> float:
    """Three in a hundred requests are ten times slower than the others, as where a cache is missed."""
    slow = _upper_quantile(1 / 3)
    return 0.97 * _upper((math.log(time) + slow * 0.3 + math.log(10)) / 0.3) + 0.03 * _upper((math.log(time) + slow * 0.3) / 0.3)


def _upper_quantile(share: float) -> float:
    """The score above which `share` of a normal distribution lies."""
    low, high = 0.0, 10.0
    for _ in range(60):
        low, high = (low, (low + high) / 2) if _upper((low + high) / 2) < share else ((low + high) / 2, high)
    return low


DISTRIBUTIONS: dict[str, Above] = {f"lognormal, sigma {sigma}": lognormal(sigma) for sigma in (0.3, 0.6, 1.0)} | {"bimodal": bimodal}


def share_above(name: str, ratio: float) -> float:
    """The share of requests above the limit."""
    return DISTRIBUTIONS[name](1 / ratio)


def simulate(requests: int, share: float, seed: str) -> dict[Outcome, float]:
    """How often each outcome is that of a run, of `RUNS`. Of a run only the number above the limit decides, so only that is drawn."""
    chance = random.Random(seed)
    table: list[float] = []
    for bad in count():
        table.append(at_most(bad, requests, share))
        if table[-1] > 1 - 1e-9:
            break
    found = Counter(judge_share(bisect_left(table, chance.random()), requests, SLOW_SHARE) for _ in range(RUNS))
    return {outcome: found[outcome] / RUNS for outcome in (Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE)}


def requests_for(share: float, wanted: float = 0.95) -> int:
    """About the fewest requests of which `wanted` of all runs pass."""

    def passes(requests: int) -> float:
        most = max(
            (bad for bad in range(int(requests * SLOW_SHARE) + 1) if judge_share(bad, requests, SLOW_SHARE) is Outcome.PASS), default=-1
        )
        return at_most(most, requests, share)

    low, high = 1, 459
    while passes(high) < wanted:
        low, high = high, 2 * high
    while high - low > max(1, high // 50):
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) >= wanted else (middle, high)
    return math.ceil(high / 100) * 100


REQUESTS = 6000
"""As many as a minute at 100 a second."""


def table_lines() -> list[str]:
    """The table of docs/load-gate.md."""
    lines = ["| latencies | true p99 over the limit | pass | fail | inconclusive |", "|---|---|---|---|---|"]
    for name in DISTRIBUTIONS:
        for ratio in RATIOS:
            rates = simulate(REQUESTS, share_above(name, ratio), f"{name} {ratio}")
            lines.append(f"| {name} | {ratio:g} | {' | '.join(f'{rate:.1%}' for rate in rates.values())} |")
    return lines


def number_lines() -> list[str]:
    """The table of how many requests a pass needs."""
    lines = ["| latencies | true p99 at half the limit | at 0.9 of it |", "|---|---|---|"]
    for name in DISTRIBUTIONS:
        half, near = (requests_for(share_above(name, ratio)) for ratio in (0.5, 0.9))
        lines.append(f"| {name} | {half:,} | {near:,} |")
    return lines
