"""What golden sets are judged by. Values are rounded to six decimals, so that an index compares equal."""

from __future__ import annotations

from collections.abc import Sequence


def auc(labels: Sequence[int], scores: Sequence[float]) -> float:
    """The chance that a positive scores above a negative; ties count half. Raises `ValueError` when a class is missing."""
    order = sorted(range(len(scores)), key=lambda index: scores[index])
    ranks = [0.0] * len(scores)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and scores[order[end]] == scores[order[start]]:
            end += 1
        for index in order[start:end]:
            ranks[index] = (start + 1 + end) / 2
        start = end
    positives = sum(labels)
    negatives = len(labels) - positives
    if not positives or not negatives:
        raise ValueError("a golden set needs both classes")
    above = sum(rank for rank, label in zip(ranks, labels, strict=True) if label) - positives * (positives + 1) / 2
    return round(above / (positives * negatives), 6)


def accuracy(labels: Sequence[int], scores: Sequence[float]) -> float:
    """The share of scores on their label's side of one half."""
    return round(sum((score >= 0.5) == bool(label) for label, score in zip(labels, scores, strict=True)) / len(labels), 6)


def exact_match(expected: Sequence[str], answers: Sequence[str]) -> float:
    """The share of answers that are the expected text."""
    return round(sum(left == right for left, right in zip(expected, answers, strict=True)) / len(expected), 6)
