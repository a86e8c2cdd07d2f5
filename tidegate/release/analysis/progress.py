"""What one look hands to the next. It is data, so that a controller may write it down and read it again.

A controller that lost it begins with an empty one: that forgets evidence and never makes any. Each time gives chance another try, so it should be
the exception.
"""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.facts.fact import Fact
from tidegate.release.analysis.counts import Count, Share
from tidegate.release.analysis.evidence import Wealth


class ShareProgress(Fact):
    """Of one kind of bad answers."""

    limit: Wealth = Wealth()
    """Evidence that there are more than the limit allows."""
    comparison: Wealth = Wealth()
    """Evidence that there are more than of stable's."""
    alone: Share = Share()
    """The candidate's counts that the first has used; it does not wait for stable's numbers."""
    candidate: Share = Share()
    stable: Share = Share()
    """Both counts that the second has used, always of the same look."""
    candidate_window: Share = Share()
    stable_window: Share = Share()
    """Both counts when the window began."""
    stable_before: float = 0.0
    """Stable's share in the tick before: what hits both may hit one a second later."""
    is_bad: bool = False


class DecisionProgress(Fact):
    """Of the decisions."""

    wealth: Wealth = Wealth()
    candidate: Mapping[str, Count] = {}
    stable: Mapping[str, Count] = {}
    candidate_window: Mapping[str, Count] = {}
    stable_window: Mapping[str, Count] = {}
    is_bad: bool = False


class Progress(Fact):
    """Of one release."""

    candidate_uid: str = ""
    stable_uid: str = ""
    errors: ShareProgress = ShareProgress()
    slow: ShareProgress = ShareProgress()
    decisions: DecisionProgress = DecisionProgress()

    def next_window(self) -> Progress:
        """For a next step: samples, estimates and intervals begin again, evidence stays."""
        shares = {
            name: one.model_copy(update={"candidate_window": one.candidate, "stable_window": one.stable})
            for name, one in (("errors", self.errors), ("slow", self.slow))
        }
        decisions = self.decisions.model_copy(update={"candidate_window": self.decisions.candidate, "stable_window": self.decisions.stable})
        return self.model_copy(update={**shares, "decisions": decisions})
