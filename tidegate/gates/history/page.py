"""The trend page: a picture of each series, the worst first. The same samples give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from html import escape

from tidegate.facts.numerals import decimal
from tidegate.gates.history.judge import WINDOW_NIGHTS, Series, Shift, judge, last_shift, series_of
from tidegate.gates.history.nights import HistorySamples, read
from tidegate.gates.verdict import Outcome, Reason

_WIDTH, _HEIGHT, _MARGIN = 640, 120, 12
_COLOURS = {Outcome.FAIL: "#b3261e", Outcome.INVALID: "#7a4b00", Outcome.INCONCLUSIVE: "#7a4b00", Outcome.PASS: "#1b5e20"}
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}"
    "svg{width:100%;height:auto;display:block}h2{font-size:1rem;margin:2rem 0 0}p{margin:.2rem 0}"
)
_SHOWN_NIGHTS = 3 * WINDOW_NIGHTS


def page(samples: HistorySamples) -> str:
    """HTML that refers to nothing else, so that it can be kept beside the figures."""
    verdict, history = judge(samples), read(samples.lines)
    found = {reason.subject: reason for reason in verdict.reasons}
    drawn = sorted(series_of(history.nights), key=lambda one: (_rank(found.get(one.name)), one.name))
    others = [reason for reason in verdict.reasons if reason.subject not in {one.name for one in drawn}]
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>Nightly: {verdict.outcome}</title><style>{_STYLE}</style></head><body>",
        f"<h1>Nightly of {samples.tonight}: {_coloured(verdict.outcome, verdict.outcome)}</h1>",
        *(_sentence(reason.outcome, f"{reason.subject}: {reason.text}") for reason in others),
        *(f"<p>{escape(note)}</p>" for note in verdict.notes),
        *(part for one in drawn for part in _of_series(one, found.get(one.name))),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _rank(reason: Reason | None) -> int:
    return list(_COLOURS).index(reason.outcome) if reason else len(_COLOURS)


def _of_series(series: Series, reason: Reason | None) -> Iterator[str]:
    yield f"<h2>{escape(series.name)}</h2>"
    if reason:
        yield _sentence(reason.outcome, reason.text)
    yield _picture(series, last_shift(series))


def _picture(series: Series, shift: Shift | None) -> str:
    """A point for each night at its day, so that gaps are seen; from the lowest value to the highest."""
    nights, values = series.nights[-_SHOWN_NIGHTS:], series.values[-_SHOWN_NIGHTS:]
    low, high = min(values), max(values)
    points = [(_across(night, nights), _up(value, low, high)) for night, value in zip(nights, values, strict=True)]
    line = f'<polyline fill="none" stroke="#9aa5b1" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>' if len(points) > 1 else ""
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2" fill="#2f5d8a"/>' for x, y in points)
    mark = ""
    if shift:
        x, colour = _across(shift.night, nights), _COLOURS[Outcome.FAIL if shift.is_worse else Outcome.PASS]
        mark = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{_HEIGHT}" stroke="{colour}" stroke-dasharray="4 3"/>'
    told = f"{series.name}: {len(values)} nights from {nights[0]} to {nights[-1]}, between {decimal(round(low, 4))} and {decimal(round(high, 4))} {series.unit}"
    scale = (
        f'<text x="2" y="10" font-size="10" fill="#555">{decimal(round(high, 4))} {series.unit}</text>'
        f'<text x="2" y="{_HEIGHT - 2}" font-size="10" fill="#555">{decimal(round(low, 4))} {series.unit}, from {nights[0]}</text>'
    )
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(told)}">{line}{dots}{mark}{scale}</svg>'


def _across(night: date, nights: Sequence[date]) -> float:
    span = (nights[-1] - nights[0]).days or 1
    return _MARGIN + (_WIDTH - 2 * _MARGIN) * (night - nights[0]).days / span


def _up(value: float, low: float, high: float) -> float:
    share = (value - low) / (high - low) if high > low else 0.5
    return _HEIGHT - 2 * _MARGIN - (_HEIGHT - 4 * _MARGIN) * share


def _sentence(outcome: Outcome, text: str) -> str:
    return f"<p>{_coloured(outcome, outcome)}: {escape(text)}</p>"


def _coloured(outcome: Outcome, text: str) -> str:
    return f'<strong style="color:{_COLOURS[outcome]}">{escape(text)}</strong>'
