"""One number of a measurement: the metric of the version that was asked, for a history of nights."""

from __future__ import annotations

from tidegate.gates.golden_set import figures, trust
from tidegate.gates.golden_set.samples import GoldenSamples


def score_of(samples: GoldenSamples) -> tuple[float, str]:
    """The metric, or NaN and the first reason why the set or its answers cannot be trusted."""
    if wrong := trust.doubts(samples):
        return float("nan"), wrong[0].text
    values = figures.values_of(samples.candidate)
    return figures.estimate(samples.golden_set, list(samples.labels), values).value, ""  # pyright: ignore[reportArgumentType] - checked by `of_set`
