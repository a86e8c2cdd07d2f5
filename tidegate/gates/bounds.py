"""Exact bounds on shares and quantiles of independent samples, each one-sided, from the binomial distribution alone.

Nothing is assumed about how latencies are distributed. Requests are taken for independent of each other: a slow second that hits many of
them at once counts as many.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tidegate.gates.verdict import Outcome

CONFIDENCE = 0.99
"""Of each bound: at most one in a hundred of what is proved is wrong."""


def at_most(count: int, samples: int, share: float) -> float:
    """The probability of `count` or fewer bad ones among `samples`, each of which is bad with probability `share`."""
    if count < 0:
        return 0.0
    if count >= samples or share <= 0:
        return 1.0
    if share >= 1:
        return 0.0
    if count > samples * share:  # the shorter tail is summed, so that nothing small is lost in something near one
        return 1.0 - _tail(samples - count - 1, samples, 1 - share)
    return _tail(count, samples, share)


def _tail(count: int, samples: int, share: float) -> float:
    """The sum of the terms 0 to `count`, from the largest, which is the last, downwards until they no longer matter."""
    log_term = (
        math.lgamma(samples + 1) - math.lgamma(count + 1) - math.lgamma(samples - count + 1)
        + count * math.log(share) + (samples - count) * math.log1p(-share)
    )  # fmt: skip
    term, total = 1.0, 0.0
    for number in range(count, -1, -1):
        total += term
        term *= number / (samples - number + 1) * (1 - share) / share
        if term < total * 1e-17:
            break
    return min(1.0, math.exp(log_term + math.log(total)))


def judge_share(bad: int, samples: int, allowed: float, confidence: float = CONFIDENCE) -> Outcome:
    """Whether the true share of bad ones is proved to be at most `allowed`, proved to be above it, or neither."""
    if samples < 1:
        return Outcome.INCONCLUSIVE
    if 1 - at_most(bad - 1, samples, allowed) <= 1 - confidence:
        return Outcome.FAIL
    if at_most(bad, samples, allowed) <= 1 - confidence:
        return Outcome.PASS
    return Outcome.INCONCLUSIVE


def samples_needed(allowed: float, bad: int = 0, confidence: float = CONFIDENCE) -> int:
    """The fewest samples with `bad` bad ones among them that prove a share of at most `allowed`."""
    low, high = bad, max(1, bad + 1)
    while at_most(bad, high, allowed) > 1 - confidence:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if at_most(bad, middle, allowed) <= 1 - confidence else (middle, high)
    return high


def quantile_ranks(samples: int, quantile: float, confidence: float = CONFIDENCE) -> tuple[int | None, int | None]:
    """The ranks, from 1, of the samples that bound the quantile from below and from above; None where there are too few."""
    below = _first(samples, quantile, 1 - confidence) - 1
    above = _first(samples, quantile, confidence)
    return (below if below >= 1 else None, above if above <= samples else None)


def _first(samples: int, quantile: float, probability: float) -> int:
    """The lowest rank at which the sample is at or above the quantile with `probability`; one more than there are where none is."""
    low, high = 0, samples + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if at_most(middle - 1, samples, quantile) >= probability else (middle, high)
    return high


def share_range(count: int, samples: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The bounds of a share of which `count` of `samples` were seen, from below and from above (Clopper and Pearson)."""
    wrong = 1 - confidence
    low = 0.0 if count <= 0 else _crossed(lambda share: 1 - at_most(count - 1, samples, share) >= wrong)
    high = 1.0 if count >= samples else _crossed(lambda share: at_most(count, samples, share) <= wrong)
    return low, high


def _crossed(is_above: Callable[[float], bool]) -> float:
    """Where between 0 and 1 a condition begins to hold."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if is_above(middle) else (middle, high)
    return (low + high) / 2
