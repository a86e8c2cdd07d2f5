"""Draws each kind of picture."""

from __future__ import annotations

import math

from tidegate.gates.evidence.pictures.canvas import (
    BOTTOM,
    COLOURS,
    GRID,
    HEIGHT,
    LEFT,
    LIMIT,
    RIGHT,
    TEXT,
    TOP,
    WIDTH,
    Canvas,
    decades,
    even_ticks,
    linear,
    logarithmic,
    shown,
    ticks_of_decades,
)
from tidegate.gates.evidence.pictures.data import AnyPicture, Bars, Calibration, Curve, Histogram, Timeline
from tidegate.gates.evidence.pictures.timeline import draw_timeline

_QUANTILES = ((0.0, "all"), (0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9"), (0.9999, "p99.99"))
_MOST_SLICES = 24
_EMPTY = "nothing was measured"


def draw(picture: AnyPicture) -> str:
    """The picture as SVG; one without data says so."""
    match picture:
        case Curve():
            return _curve(picture)
        case Histogram():
            return _histogram(picture)
        case Bars():
            return _bars(picture)
        case Calibration():
            return _calibration(picture)
        case Timeline():
            return draw_timeline(picture) if any(panel.lines for panel in picture.panels) else _empty(picture.title)


def _empty(title: str) -> str:
    canvas = Canvas(title)
    canvas.text(WIDTH / 2, HEIGHT / 2, _EMPTY, size=16)
    return canvas.drawn()


def _curve(picture: Curve) -> str:
    values = [ms for points in picture.quantiles.values() for _, ms in points]
    if not values:
        return _empty(picture.title)
    canvas = Canvas(picture.title)
    low, high = decades(min(values), max([*values, picture.limit_ms or 0]))
    last = max(quantile for points in picture.quantiles.values() for quantile, _ in points)
    end = next((quantile for quantile, _ in _QUANTILES[3:] if quantile >= last), _QUANTILES[-1][0])
    up = logarithmic(low, high, HEIGHT - BOTTOM, TOP)
    nines = linear(0, -math.log10(1 - end), LEFT, WIDTH - RIGHT)

    def across(quantile: float) -> float:
        return nines(-math.log10(1 - min(quantile, end)))

    canvas.across(across, [(at, words) for at, words in _QUANTILES if at <= end], "share of requests that were at least as fast")
    canvas.upright(up, [(tick, shown(tick)) for tick in ticks_of_decades(low, high)], "ms")
    if picture.limit_ms:
        at = up(picture.limit_ms)
        canvas.line([(LEFT, at), (WIDTH - RIGHT, at)], LIMIT, dashed=True)
        canvas.line([(across(picture.limit_at), at), (across(picture.limit_at), HEIGHT - BOTTOM)], LIMIT, width=1, dashed=True)
        canvas.text(LEFT + 6, at - 5, f"limit {shown(picture.limit_ms)} ms", anchor="start", colour=LIMIT)
    for number, (name, points) in enumerate(picture.quantiles.items()):
        colour = COLOURS[number % len(COLOURS)]
        canvas.line([(across(quantile), up(ms)) for quantile, ms in points], colour)
        canvas.legend.append((name, colour))
    return canvas.drawn()


def _histogram(picture: Histogram) -> str:
    if not any(count for _, count in picture.buckets):
        return _empty(picture.title)
    canvas = Canvas(picture.title)
    values = [ms for ms, _ in picture.buckets]
    low, high = decades(min(values), max([*values, picture.limit_ms or 0]))
    across = logarithmic(low, high, LEFT, WIDTH - RIGHT)
    width = 12
    bins = [0] * (math.ceil((WIDTH - LEFT - RIGHT) / width) + 1)
    for ms, count in picture.buckets:
        bins[int((across(ms) - LEFT) // width)] += count
    up = linear(0, max(bins), HEIGHT - BOTTOM, TOP)
    canvas.across(across, [(tick, shown(tick)) for tick in ticks_of_decades(low, high)], "ms")
    canvas.upright(up, [(tick, shown(tick)) for tick in even_ticks(0, max(bins))], "requests")
    slow = across(picture.limit_ms) if picture.limit_ms else WIDTH
    for number, count in enumerate(bins):
        left = LEFT + number * width
        if count:
            canvas.box(left, up(count), left + width - 1, HEIGHT - BOTTOM, LIMIT if left >= slow else COLOURS[0])
    if picture.limit_ms:
        canvas.line([(slow, TOP), (slow, HEIGHT - BOTTOM)], LIMIT, dashed=True)
        canvas.text(slow - 5, TOP + 12, f"limit {shown(picture.limit_ms)} ms", anchor="end", colour=LIMIT)
    return canvas.drawn()


def _bars(picture: Bars) -> str:
    if not picture.bars:
        return _empty(picture.title)
    canvas = Canvas(picture.title)
    bars = picture.bars[:_MOST_SLICES]
    known = [value for bar in bars for value in (bar.low, bar.high, bar.value, bar.reference, picture.threshold) if value is not None]
    margin = 0.08 * ((max(known) - min(known)) or 1.0)
    low, high = min(known) - margin, max(known) + margin
    across = linear(low, high, LEFT + 110, WIDTH - RIGHT)
    canvas.across(across, [(tick, shown(tick)) for tick in even_ticks(low, high)], picture.figure)
    step = (HEIGHT - TOP - BOTTOM) / len(bars)
    for number, bar in enumerate(bars):
        middle = TOP + (number + 0.5) * step
        colour = COLOURS[0] if bar.good else LIMIT
        canvas.text(LEFT + 102, middle + 4, _fitting(bar.name), anchor="end", size=11)
        canvas.box(across(low), middle - step * 0.3, across(bar.value), middle + step * 0.3, colour)
        canvas.line([(across(bar.low), middle), (across(bar.high), middle)], TEXT)
        if bar.reference is not None:
            canvas.line([(across(bar.reference), middle - step * 0.4), (across(bar.reference), middle + step * 0.4)], COLOURS[1], width=3)
    canvas.legend.append(("candidate", COLOURS[0]))
    if any(not bar.good for bar in bars):
        canvas.legend.append(("worse", LIMIT))
    if any(bar.reference is not None for bar in bars):
        canvas.legend.append(("serving", COLOURS[1]))
    if picture.threshold is not None:
        canvas.line([(across(picture.threshold), TOP), (across(picture.threshold), HEIGHT - BOTTOM)], LIMIT, dashed=True)
    if len(picture.bars) > len(bars):
        canvas.text(WIDTH - RIGHT, HEIGHT - 10, f"and {len(picture.bars) - len(bars)} slices more", anchor="end")
    return canvas.drawn()


def _calibration(picture: Calibration) -> str:
    if not any(picture.points.values()):
        return _empty(picture.title)
    canvas = Canvas(picture.title)
    across, up = linear(0, 1, LEFT, WIDTH - RIGHT), linear(0, 1, HEIGHT - BOTTOM, TOP)
    ticks = [(tick, shown(tick)) for tick in even_ticks(0, 1)]
    canvas.across(across, ticks, "predicted")
    canvas.upright(up, ticks, "observed")
    canvas.line([(across(0), up(0)), (across(1), up(1))], GRID, width=3)
    most = max(count for points in picture.points.values() for _, _, count in points) or 1
    for number, (name, points) in enumerate(picture.points.items()):
        colour = COLOURS[number % len(COLOURS)]
        canvas.line([(across(predicted), up(observed)) for predicted, observed, _ in points], colour, width=1)
        for predicted, observed, count in points:
            canvas.dot(across(predicted), up(observed), 3 + 9 * math.sqrt(count / most), colour)
        canvas.legend.append((name, colour))
    return canvas.drawn()


_NAME_FITS = 26
"""Characters of a slice's name beside its bar."""


def _fitting(name: str) -> str:
    return name if len(name) <= _NAME_FITS else f"{name[: _NAME_FITS - 1]}…"
