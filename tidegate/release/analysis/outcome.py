"""What a look says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tidegate.release.analysis.counts import Hold
from tidegate.release.analysis.progress import Progress
from tidegate.release.analysis.sequence import Interval


class Outcome(StrEnum):
    """Only `GOOD` lets users move up, and only `BAD` and `BOTH_UNHEALTHY` may take them back before a deadline."""

    BAD = "bad"
    """The candidate is proved to be worse than it may be. It stays so for the release."""
    BOTH_UNHEALTHY = "both unhealthy"
    """Stable breaks its promise in this window, too. Nobody is moved up; somebody has to look; the healthier one is to be kept."""
    HOLD = "hold"
    """The numbers cannot be believed."""
    UNDECIDED = "undecided"
    """Too few samples, or too close to what is allowed."""
    GOOD = "good so far"


class Side(StrEnum):
    """Of the two revisions."""

    STABLE = "stable"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class MetricAnalysis:
    """One kind of figure: what was seen in this window, and what follows."""

    metric: str
    outcome: Outcome
    samples: int
    """Of the candidate, in this window."""
    estimate: float
    """The candidate's share of bad ones; of decisions, how many of them changed."""
    interval: Interval
    """Where the true value is, at 99 %, at every look together."""
    evidence: float
    """The logarithm of the largest wealth of a bet against the candidate; `ln(1 / alpha)` proves it bad."""
    text: str
    """For people."""
    stable_estimate: float = 0.0
    is_over: bool = False
    """The candidate breaks the promise in this window."""
    is_stable_over: bool = False

    def __str__(self) -> str:
        return f"{self.metric}: {self.outcome}: {self.text}"


@dataclass(frozen=True, slots=True)
class Analysis:
    """All of a look."""

    outcome: Outcome
    metrics: tuple[MetricAnalysis, ...]
    holds: tuple[Hold, ...]
    progress: Progress
    """For the next look."""
    healthier: Side | None = None
    """With both unhealthy, which of them harms fewer."""

    @property
    def is_candidate_bad(self) -> bool:
        """Whether it was proved at this look or before, also where stable is unhealthy, too."""
        return any(one.outcome is Outcome.BAD for one in self.metrics)

    def lines(self) -> list[str]:
        """For people: the outcome, what decided it, the rest."""
        decided = [str(one) for one in self.metrics if one.outcome is self.outcome]
        others = [str(one) for one in self.metrics if one.outcome is not self.outcome]
        healthier = [f"the healthier one is {self.healthier}"] if self.healthier else []
        return [str(self.outcome), *(f"  {line}" for line in (*healthier, *map(str, self.holds), *decided, *others))]
