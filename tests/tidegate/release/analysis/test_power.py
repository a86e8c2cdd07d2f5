"""How soon a bad version is found: medians of simulated releases at 60 requests a second, a tenth of them the candidate's.

`make test` takes 40 releases of each kind, `make soak` 500. `docs/release-analysis.md` shows the figures of `make soak`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.root import WHOLE
from tests.tidegate.release.analysis.simulated import Numbers, Rates, Releases, draw
from tidegate.gates.bounds import share_range
from tidegate.release.analysis.limits import Limits

RELEASES, HEALTHY_SECONDS = (500, 600) if WHOLE else (40, 60)
LIMITS = Limits(errors_allowed=0.01)
PER_SECOND, STABLE_ERRORS, STABLE_SLOW, MIX = 60, 0.002, 0.003, (0.7, 0.3)

NEVER = 10_000


def found(
    share: float, *, errors: float = 0.002, slow: float = 0.003, shift: float = 0.0, healthy_seconds: int = 0, kind: int
) -> dict[str, float]:
    """Medians and nine tenths: seconds until it is bad, the candidate's answers until then, and those of them that were bad."""
    generator = np.random.default_rng(kind)
    releases = Releases(RELEASES, LIMITS, 2)
    seconds, answers, bad = (np.full(RELEASES, float(NEVER)) for _ in range(3))
    seen, wrong = np.zeros(RELEASES), np.zeros(RELEASES)
    for second in range(healthy_seconds + 300):
        is_on = second >= healthy_seconds

        def all_of(share: float) -> Numbers:
            return np.full(RELEASES, share)

        mixes = (np.tile(MIX, (RELEASES, 1)), np.tile((MIX[0] - shift * is_on, MIX[1] + shift * is_on), (RELEASES, 1)))
        rates = Rates(
            (all_of(STABLE_ERRORS), all_of(errors if is_on else STABLE_ERRORS)),
            (all_of(STABLE_SLOW), all_of(slow if is_on else STABLE_SLOW)),
            mixes,
        )
        drawn = draw(generator, rates, share, PER_SECOND)
        seen += drawn.total[1] * is_on
        wrong += np.maximum(drawn.errors[1], drawn.slow[1]) * is_on
        newly = releases.look(drawn).any(axis=1) & (seconds == NEVER)
        seconds[newly], answers[newly], bad[newly] = second + 1 - healthy_seconds, seen[newly], wrong[newly]
        if (seconds < NEVER).all():
            break
    return {
        "median s": float(np.median(seconds)),
        "nine tenths s": float(np.quantile(seconds, 0.9, method="higher")),
        "median answers": float(np.median(answers)),
        "median bad": float(np.median(bad)),
        "missed": float((seconds == NEVER).sum()),
    }


KINDS: dict[str, tuple[Callable[[], dict[str, float]], float]] = {
    "crashing": (lambda: found(0.1, errors=1.0, kind=1), 2),
    "erroring in 30 %": (lambda: found(0.1, errors=0.3, kind=2), 6),
    "erroring in 5 %": (lambda: found(0.1, errors=0.05, kind=3), 60),
    "always slow": (lambda: found(0.1, slow=1.0, kind=4), 5),
    "slow in 20 %": (lambda: found(0.1, slow=0.2, kind=5), 15),
    "slow in 5 %": (lambda: found(0.1, slow=0.05, kind=6), 120),
    "deciding otherwise in 40 %": (lambda: found(0.1, shift=0.4, kind=7), 15),
    "deciding otherwise in 25 %": (lambda: found(0.1, shift=0.25, kind=8), 90),
    "crashing after a good while": (lambda: found(0.1, errors=1.0, healthy_seconds=HEALTHY_SECONDS, kind=9), 4),
    "crashing, with half of the requests": (lambda: found(0.5, errors=1.0, kind=10), 2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_bad_versions_are_found_in_time(kind: str, record_property: Callable[[str, object], None]) -> None:
    measure, goal = KINDS[kind]
    figures = measure()
    record_property("found", {"n": RELEASES, **figures})
    assert figures["median s"] <= goal, figures
    assert share_range(int(figures["missed"]), RELEASES)[0] <= 0.01, figures
    if kind in {"crashing", "erroring in 30 %"}:
        assert (figures["median s"] <= 6, figures["median answers"] <= 36, figures["median bad"] <= 8) == (True, True, True), figures
