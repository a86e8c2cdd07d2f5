"""Judges one measurement. Pure: no network, file or clock.

`pass` means proved at 99 % that the metric reaches its threshold, and that no group is proved to be worse than in the version that serves by more
than allowed; `fail` that one of the two is refuted; `inconclusive` neither; `invalid` that the set or the answers cannot be trusted.
"""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.facts.numerals import decimal
from tidegate.gates.golden_set import figures, trust
from tidegate.gates.golden_set.figures import Group
from tidegate.gates.golden_set.intervals import Estimate
from tidegate.gates.golden_set.samples import GoldenSamples
from tidegate.gates.verdict import Outcome, Reason, Verdict

GATE = "golden-set"


def judge(samples: GoldenSamples) -> Verdict:
    """The verdict on a measurement."""
    reasons = trust.doubts(samples)
    is_whole = not {one.outcome for one in reasons} & {Outcome.INVALID, Outcome.FAIL}
    notes = list(_of_sizes(samples))
    if is_whole:
        values = figures.values_of(samples.candidate)
        labels = list(samples.labels)
        reasons.append(_of_threshold(samples, figures.estimate(samples.golden_set, labels, values)))  # pyright: ignore[reportArgumentType]
        compared, unsaid = _of_groups(samples)
        reasons += compared
        notes += unsaid + _of_tables(samples)
    return Verdict(GATE, tuple(reasons), (*notes, f"judged from samples {samples.digest()}", *([samples.note] if samples.note else [])))


def _of_threshold(samples: GoldenSamples, found: Estimate) -> Reason:
    facts = samples.golden_set
    is_ceiling = facts.metric == "mean-absolute-error"
    word = "at most" if is_ceiling else "at least"
    figure = f"{facts.metric} is {found} where {word} {decimal(facts.threshold)} is wanted, in {len(samples.labels)} rows"
    if found.high <= facts.threshold if is_ceiling else found.low >= facts.threshold:
        return Reason(Outcome.PASS, samples.model, f"{figure}: proved")
    if found.low > facts.threshold if is_ceiling else found.high < facts.threshold:
        return Reason(Outcome.FAIL, samples.model, f"{figure}: refuted; train a better version")
    return Reason(Outcome.INCONCLUSIVE, samples.model, f"{figure}: not decided; add rows to the golden set, or train a better version")


def _of_groups(samples: GoldenSamples) -> tuple[list[Reason], list[str]]:
    """Of every group beside the version that serves; and what is too small to say."""
    facts, reasons, notes = samples.golden_set, list[Reason](), list[str]()
    found = list(figures.groups(samples))
    if samples.serving is None:
        if samples.is_first:
            return reasons, ["nothing serves yet, so no slice is compared", *(_plain(facts.metric, one) for one in found)]
        text = "the version that serves was not asked, so nothing is compared; give --baseline-url, or --first-version where none serves"
        return [Reason(Outcome.INCONCLUSIVE, samples.model, text)], notes
    for group in found:
        outcome, text = _of_group(samples, group)
        if outcome is Outcome.INCONCLUSIVE and facts.undecided_slices == "note":
            notes.append(f"{group.name}: {text}")
        else:
            reasons.append(Reason(outcome, group.name, text))
    return reasons, notes


def _of_group(samples: GoldenSamples, group: Group) -> tuple[Outcome, str]:
    facts = samples.golden_set
    if group.is_same:
        return Outcome.PASS, f"the same answers as the version that serves in all {group.rows} rows"
    if group.lost is None or group.candidate is None or group.serving is None:
        return Outcome.INCONCLUSIVE, f"{group.rows} rows, too few of them or of a class to say anything; add rows of this group"
    figure = (
        f"{facts.metric} {group.candidate.value:.4f}, {group.serving.value:.4f} in the version that serves; worse by {group.lost}, "
        f"{decimal(facts.allowed_loss)} allowed, in {group.rows} rows"
    )
    if group.lost.low > facts.allowed_loss:
        return Outcome.FAIL, f"{figure}: refuted; train a version that keeps this group"
    if group.lost.high <= facts.allowed_loss:
        return Outcome.PASS, f"{figure}: proved"
    return Outcome.INCONCLUSIVE, f"{figure}: not decided; add rows of this group"


def _plain(metric: str, group: Group) -> str:
    return f"{group.name}: {metric} {group.candidate or 'unknown'}, in {group.rows} rows"


def _of_sizes(samples: GoldenSamples) -> Iterator[str]:
    yield f"{samples.candidate.version} at {samples.candidate.url}" + (
        f", beside {samples.serving.version} at {samples.serving.url}" if samples.serving else ""
    )
    if samples.golden_set.holds_training_rows:
        found = len(samples.training.found) if samples.training else "an unknown number"
        yield f"{found} of {len(samples.labels)} rows are training data, which is allowed: {samples.golden_set.holds_training_rows}"


def _of_tables(samples: GoldenSamples) -> list[str]:
    """The calibration table and the decision-flip table, in lines."""
    lines = [
        f"calibration: {one.rows} rows with scores {one.lowest:.3f} to {one.highest:.3f}: expected {one.expected:.3f}, observed {one.observed:.3f}"
        for one in figures.calibration(samples)
    ]
    if flips := figures.flips(samples):
        lines.append(
            f"decisions at {decimal(samples.golden_set.decision_at)}: {flips.count} of {flips.rows} flip; to yes {flips.to_yes_right} right and "
            f"{flips.to_yes_wrong} wrong, to no {flips.to_no_right} right and {flips.to_no_wrong} wrong"
        )
    return lines
