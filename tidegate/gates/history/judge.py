"""Whether a figure of tonight belongs to what it was in the nights before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from statistics import median

from tidegate.facts.numerals import decimal
from tidegate.gates.history.nights import Accepted, Better, Figure, History, HistorySamples, Night, read
from tidegate.gates.history.shift import SEGMENT_NIGHTS, find_shifts
from tidegate.gates.verdict import Outcome, Reason, Verdict

GATE = "history"

WINDOW_NIGHTS = 60
"""Older ones are kept and drawn, and judge nothing."""

NIGHTS_NEEDED = 30
"""With fewer, even nights that are all worse than all before may be chance."""

LONG_GAP_DAYS = 7


@dataclass(frozen=True, slots=True)
class Series:
    """One figure over the nights that have it."""

    name: str
    better: Better
    unit: str
    nights: tuple[date, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Shift:
    """The last time at which a series became another."""

    night: date
    before: float
    after: float
    """Medians of the segments."""
    nights_before: int
    nights_after: int
    is_worse: bool


def series_of(nights: Sequence[Night]) -> list[Series]:
    """By name, sorted; the latest night says which way is better."""
    found: dict[str, list[tuple[date, Figure]]] = {}
    for night in nights:
        for figure in night.figures:
            found.setdefault(figure.series, []).append((night.night, figure))
    return [
        Series(name, points[-1][1].better, points[-1][1].unit, tuple(one for one, _ in points), tuple(figure.value for _, figure in points))
        for name, points in sorted(found.items())
    ]


def last_shift(series: Series) -> Shift | None:
    """Of the nights that are judged."""
    nights, values = series.nights[-WINDOW_NIGHTS:], series.values[-WINDOW_NIGHTS:]
    if len(values) < NIGHTS_NEEDED or not (begins := find_shifts(values)):
        return None
    begin, earlier = begins[-1], begins[-2] if len(begins) > 1 else 0
    before, after = median(values[earlier:begin]), median(values[begin:])
    is_worse = after > before if series.better is Better.LOWER else after < before
    return Shift(nights[begin], before, after, begin - earlier, len(values) - begin, is_worse)


def judge(samples: HistorySamples) -> Verdict:
    """The verdict on tonight. What cannot be read is invalid; what was not measured tonight is inconclusive; new series are notes."""
    history = read(samples.lines)
    if wrong := tuple(Reason(Outcome.INVALID, where, what) for where, what in history.wrong):
        return Verdict(GATE, wrong)
    if late := [night.night for night in history.nights if night.night > samples.tonight]:
        text = f"the history has {late[-1]}, which is still to come; correct the clock of this machine, or remove that night"
        return Verdict(GATE, (Reason(Outcome.INVALID, "clock", text),))
    tonight = next((night for night in history.nights if night.night == samples.tonight), None)
    if tonight is None:
        return Verdict(GATE, (Reason(Outcome.INVALID, str(samples.tonight), "the history has no such night; nothing was measured"),))
    reasons = [Reason(Outcome.INCONCLUSIVE, subject, f"not measured tonight: {why}") for subject, why in sorted(tonight.unmeasured.items())]
    notes = list(_gaps(history.nights))
    for series in series_of(history.nights):
        if series.nights[-1] == samples.tonight and len(series.values) < NIGHTS_NEEDED:
            notes.append(f"{series.name}: {len(series.values)} of the {NIGHTS_NEEDED} nights that are needed; not judged yet")
        else:
            reasons += _of_series(series, samples.tonight, history)
    return Verdict(GATE, tuple(reasons), tuple(notes))


def _of_series(series: Series, tonight: date, history: History) -> Iterator[Reason]:
    if series.nights[-1] != tonight:
        if (tonight - series.nights[-1]).days <= LONG_GAP_DAYS:  # later it is taken for gone
            yield Reason(Outcome.INCONCLUSIVE, series.name, f"not measured tonight; the last time on {series.nights[-1]}")
        return
    shift = last_shift(series)
    if shift is None:
        count = min(len(series.values), WINDOW_NIGHTS)
        yield Reason(Outcome.PASS, series.name, f"{_value(series.values[-1], series.unit)}, as in the {count - 1} nights before")
        return
    change = (
        f"since {shift.night} {_value(shift.after, series.unit)} instead of {_value(shift.before, series.unit)} "
        f"(medians of {shift.nights_after} and {shift.nights_before} nights)"
    )
    if not shift.is_worse:
        yield Reason(Outcome.PASS, series.name, f"better: {change}")
    elif accepted := _accepted(series.name, shift.night, history):
        yield Reason(Outcome.PASS, series.name, f"{change}; accepted by {accepted.by}: {accepted.reason}")
    else:
        yield Reason(Outcome.FAIL, series.name, f"worse: {change}; look at what was merged before that night, or accept it (docs/ci.md)")


def _accepted(series: str, night: date, history: History) -> Accepted | None:
    """The begin of a shift moves by a night or two while more nights come."""
    return next((one for one in history.accepted if one.accepted == series and abs((one.night - night).days) <= SEGMENT_NIGHTS), None)


def _gaps(nights: Sequence[Night]) -> Iterator[str]:
    for earlier, later in pairwise(nights):
        if (days := (later.night - earlier.night).days) > LONG_GAP_DAYS:
            yield f"no night between {earlier.night} and {later.night} ({days} days)"


def _value(value: float, unit: str) -> str:
    return f"{decimal(round(value, 4))} ms" if unit == "ms" else decimal(round(value, 4))
