"""Whether a measurement can be trusted at all: the set itself, and then the answers to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tidegate.facts.numerals import decimal
from tidegate.gates.bounds import samples_needed
from tidegate.gates.golden_set import figures, intervals
from tidegate.gates.golden_set.samples import Answers, GoldenSamples
from tidegate.gates.verdict import Outcome, Reason

ERROR_ROWS_MIN = 100
"""Of a set that is judged by a mean of errors: with fewer, its bounds are wrong too often (decision 0049)."""

OF_THE_MODEL = ("status 5", "no answer in time", "broken off")
"""How failures begin that are the candidate's own, and prove that it is not good enough. All others say that the measurement went wrong."""

_SHOWN = 5


def doubts(samples: GoldenSamples) -> list[Reason]:
    """Everything for which no figure can be made of the measurement: without any, set and answers are whole."""
    found = [*of_set(samples), *of_answers(samples, samples.candidate, CANDIDATE)]
    return [*found, *of_answers(samples, samples.serving, SERVING)] if samples.serving else found


def of_set(samples: GoldenSamples) -> Iterator[Reason]:
    """Of what is wrong with the set; nothing when all is well."""
    facts, labels = samples.golden_set, samples.labels
    if samples.sha256_found != facts.sha256:
        text = (
            f"these files are not the set that the facts name: their digest is {samples.sha256_found}, golden_set.sha256 is {facts.sha256}; "
            "fetch the set again, or name the new one and have that reviewed"
        )
        yield invalid("golden set", text)
    if wrong := [row for row, label in enumerate(labels) if not _is_label(samples, label)]:
        wanted = "a text" if facts.metric == "exact-match" else "0 or 1" if figures.has_classes(facts) else "a number"
        yield invalid("golden set", f"what is expected in {_rows(wrong)} is not {wanted}, as {facts.metric} needs; correct expected.json")
        return
    for name in facts.slices:
        if name not in samples.slices:
            there = ", ".join(sorted(samples.slices)) or "none"
            yield invalid("golden set", f"slices.json has no slice {name}, it has {there}; add it, or take it out of golden_set.slices")
        elif len(samples.slices[name]) != len(labels):
            yield invalid("golden set", f"slice {name} has {len(samples.slices[name])} groups for {len(labels)} rows; give each row one")
    yield from _of_size(samples)
    yield from _of_leaks(samples)


def of_answers(samples: GoldenSamples, answers: Answers, whose: str) -> Iterator[Reason]:
    """Of what is wrong with the answers of one version; nothing when there is one for every row."""
    rows = len(samples.labels)
    seen = Counter(one.row for one in answers.answers)
    if twice := sorted(row for row, count in seen.items() if count > 1):
        yield invalid(whose, f"{_rows(twice)} answered twice; measure again")
    if unasked := sorted(row for row in seen if row >= rows):
        yield invalid(whose, f"{_rows(unasked)} answered and not in the set, which has {rows} rows; measure again")
    if missing := [row for row in range(rows) if row not in seen]:
        yield invalid(whose, f"nothing is recorded of {_rows(missing)}, so the measurement ended too early; measure again")
    failed = [one for one in answers.answers if one.value is None]
    if failed:
        listed = Counter(one.failure or "no reason recorded" for one in failed)
        kinds = ", ".join(f"{count} x {kind}" for kind, count in sorted(listed.items(), key=lambda one: (-one[1], one[0])))
        answered = len(answers.answers) - len(failed)
        said = f"{len(failed)} of {len(answers.answers)} rows have no answer ({kinds})"
        if not answered:
            yield invalid(whose, f"{said}, so nothing is measured; correct the address, the token or what answers there, and measure again")
        elif whose == CANDIDATE and all(one.failure.startswith(OF_THE_MODEL) for one in failed):
            yield Reason(Outcome.FAIL, whose, f"{said}; look into the log of its server")
        else:
            yield invalid(whose, f"{said}; find out why, and measure again")
    wanted = str if samples.golden_set.metric == "exact-match" else float
    odd = [one for one in answers.answers if one.value is not None and not isinstance(one.value, wanted)]
    if odd:
        shown = str(odd[0].value)[:40]
        what = "text" if wanted is str else "finite number"
        text = (
            f"{_rows([one.row for one in odd])} answered with what is no {what}, such as {shown!r}; {samples.golden_set.metric} needs one"
        )
        yield invalid(whose, f"{text}: correct the model, or the metric")


def invalid(subject: str, text: str) -> Reason:
    """A reason for which nothing is judged."""
    return Reason(Outcome.INVALID, subject, text)


CANDIDATE, SERVING = "candidate", "version that serves"


def _is_label(samples: GoldenSamples, label: float | str) -> bool:
    if samples.golden_set.metric == "exact-match":
        return isinstance(label, str)
    return not isinstance(label, str) and (label in {0, 1} or not figures.has_classes(samples.golden_set))


def _of_size(samples: GoldenSamples) -> Iterator[Reason]:
    """A set on which not even a perfect version would pass is no measure."""
    facts, rows = samples.golden_set, len(samples.labels)
    if facts.metric == "mean-absolute-error":
        if rows < ERROR_ROWS_MIN:
            yield invalid("golden set", f"{rows} rows are too few for a mean of errors, at least {ERROR_ROWS_MIN} are needed; add rows")
        return
    if facts.metric == "auc":
        positives = sum(label == 1 for label in samples.labels)
        smaller = min(positives, rows - positives)
        if smaller < figures.CLASS_MIN or _best_auc(positives, rows - positives) < facts.threshold:
            text = (
                f"{positives} positives and {rows - positives} negatives are too few: not even a perfect version would be proved to reach "
                f"{decimal(facts.threshold)}; add rows of the rarer class"
            )
            yield invalid("golden set", text)
    elif rows < (needed := samples_needed(1 - facts.threshold)):
        text = f"{rows} rows are too few: {needed} are needed, all of them right, to prove {decimal(facts.threshold)}; add rows"
        yield invalid("golden set", text)


def _best_auc(positives: int, negatives: int) -> float:
    return intervals.auc([True] * positives + [False] * negatives, [1.0] * positives + [0.0] * negatives).low


def _of_leaks(samples: GoldenSamples) -> Iterator[Reason]:
    found = samples.training
    if found is None:
        if samples.golden_set.holds_training_rows is None:
            text = "nobody gave the list of the candidate's training rows, so a leak would not be seen; give it with --training-digests"
            yield Reason(Outcome.INCONCLUSIVE, "golden set", text)
    elif not found.listed:
        yield invalid(
            "golden set", "the list of the candidate's training rows is empty, so a leak would not be seen; write it when training"
        )
    elif found.found and samples.golden_set.holds_training_rows is None:
        text = (
            f"{len(found.found)} of {len(samples.labels)} rows leaked, the candidate learnt from them: {_rows(found.found)}; take them out of "
            "its training data, or out of the set, and have the new set reviewed"
        )
        yield invalid("golden set", text)


def _rows(rows: Sequence[int]) -> str:
    shown = ", ".join(map(str, rows[:_SHOWN])) + (", ..." if len(rows) > _SHOWN else "")
    return f"row{'s' * (len(rows) > 1)} {shown}"
