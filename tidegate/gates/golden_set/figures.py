"""The figures of one measurement whose answers are whole: the metric, every group beside the version that serves, and tables for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from tidegate.facts.models.artefact import GoldenSet
from tidegate.gates.golden_set import intervals
from tidegate.gates.golden_set.intervals import Estimate
from tidegate.gates.golden_set.samples import Answers, GoldenSamples

ALL = "all rows"
CLASS_MIN = 10
"""Rows of each class, by which a group has an AUC; Student's quantile is right from there on."""
GROUP_MIN = 10
"""Rows of a group without classes."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are compared by themselves. `lost` is how much worse the candidate is there; None where the group is too small."""

    name: str
    rows: int
    candidate: Estimate | None
    serving: Estimate | None
    lost: Estimate | None
    is_same: bool = False
    """Whether both versions answered every row alike, so that nothing is lost whatever the size."""


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """A tenth of the rows, in order of their score."""

    rows: int
    lowest: float
    highest: float
    expected: float
    """The mean score, which is how many positives a probability promises."""
    observed: float
    """The share of positives."""


@dataclass(frozen=True, slots=True)
class Flips:
    """Rows that the two versions decide differently, of `rows`."""

    rows: int
    to_yes_right: int
    to_yes_wrong: int
    to_no_right: int
    to_no_wrong: int

    @property
    def count(self) -> int:
        """All of them."""
        return self.to_yes_right + self.to_yes_wrong + self.to_no_right + self.to_no_wrong


Values = Sequence[float] | Sequence[str]


def values_of(answers: Answers) -> Values:
    """In order of the rows."""
    return cast("Values", [one.value for one in sorted(answers.answers, key=lambda one: one.row)])


def estimate(facts: GoldenSet, labels: Values, values: Values) -> Estimate:
    """The metric."""
    if facts.metric == "auc":
        return intervals.auc(_bools(labels), _numbers(values))
    if facts.metric == "mean-absolute-error":
        return intervals.mean(_errors(labels, values))
    return intervals.share(_right(facts, labels, values))


def groups(samples: GoldenSamples) -> Iterator[Group]:
    """All rows, and then every group of every slice that the facts name."""
    everything = range(len(samples.labels))
    yield _group(samples, ALL, everything)
    for name in samples.golden_set.slices:
        column = samples.slices[name]
        for group in sorted(set(column)):
            yield _group(samples, f"{name} {group}", [row for row in everything if column[row] == group])


def calibration(samples: GoldenSamples) -> list[CalibrationRow]:
    """By tenths; empty where scores are no probabilities of a class."""
    scores = _probabilities(samples, samples.candidate)
    if scores is None:
        return []
    order = sorted(range(len(scores)), key=lambda row: scores[row])
    tenths = [order[len(order) * tenth // 10 : len(order) * (tenth + 1) // 10] for tenth in range(10)]
    return [
        CalibrationRow(
            len(rows), scores[rows[0]], scores[rows[-1]], sum(scores[row] for row in rows) / len(rows),
            sum(float(samples.labels[row]) for row in rows) / len(rows),
        )
        for rows in tenths if rows
    ]  # fmt: skip


def flips(samples: GoldenSamples) -> Flips | None:
    """What changes for callers; None without a version that serves or where scores are no probabilities of a class."""
    ours = _probabilities(samples, samples.candidate)
    theirs = _probabilities(samples, samples.serving) if samples.serving else None
    if ours is None or theirs is None:
        return None
    limit = samples.golden_set.decision_at
    found = {(new, right): 0 for new in (True, False) for right in (True, False)}
    for label, new, old in zip(_bools(samples.labels), ours, theirs, strict=True):
        if (new >= limit) != (old >= limit):
            found[new >= limit, (new >= limit) == label] += 1
    return Flips(len(ours), found[True, True], found[True, False], found[False, True], found[False, False])


def has_classes(facts: GoldenSet) -> bool:
    """Whether labels are yes and no."""
    return facts.metric in {"auc", "accuracy"}


def _group(samples: GoldenSamples, name: str, rows: Sequence[int]) -> Group:
    facts, labels = samples.golden_set, _pick(samples.labels, rows)
    ours = _pick(values_of(samples.candidate), rows)
    theirs = _pick(values_of(samples.serving), rows) if samples.serving else None
    if not _is_large_enough(facts, labels):
        return Group(name, len(rows), None, None, None, theirs is not None and ours == theirs)
    candidate = estimate(facts, labels, ours)
    if theirs is None:
        return Group(name, len(rows), candidate, None, None)
    if ours == theirs:
        return Group(name, len(rows), candidate, candidate, Estimate(0.0, 0.0, 0.0), is_same=True)
    return Group(name, len(rows), candidate, estimate(facts, labels, theirs), _lost(facts, labels, ours, theirs))


def _lost(facts: GoldenSet, labels: Values, ours: Values, theirs: Values) -> Estimate:
    if facts.metric == "auc":
        return intervals.auc_lost(_bools(labels), _numbers(ours), _numbers(theirs))
    if facts.metric == "mean-absolute-error":
        return intervals.mean([new - old for new, old in zip(_errors(labels, ours), _errors(labels, theirs), strict=True)])
    return intervals.share_lost(_right(facts, labels, ours), _right(facts, labels, theirs))


def _is_large_enough(facts: GoldenSet, labels: Values) -> bool:
    if facts.metric == "auc":
        positives = sum(_bools(labels))
        return min(positives, len(labels) - positives) >= CLASS_MIN
    return len(labels) >= GROUP_MIN


def _probabilities(samples: GoldenSamples, answers: Answers) -> list[float] | None:
    if not has_classes(samples.golden_set):
        return None
    scores = _numbers(values_of(answers))
    return scores if all(0 <= score <= 1 for score in scores) else None


def _right(facts: GoldenSet, labels: Values, values: Values) -> list[bool]:
    if facts.metric == "exact-match":
        return [label == value for label, value in zip(labels, values, strict=True)]
    return [(value >= facts.decision_at) == label for label, value in zip(_bools(labels), _numbers(values), strict=True)]


def _errors(labels: Values, values: Values) -> list[float]:
    return [abs(value - label) for label, value in zip(_numbers(labels), _numbers(values), strict=True)]


def _bools(labels: Sequence[float | str]) -> list[bool]:
    return [label == 1 for label in labels]


def _numbers(values: Sequence[float | str]) -> list[float]:
    return [float(value) for value in values]


def _pick(values: Sequence[float | str], rows: Sequence[int]) -> Values:
    return cast("Values", [values[row] for row in rows])
