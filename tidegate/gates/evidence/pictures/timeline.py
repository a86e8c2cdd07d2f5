"""Draws figures over the same time, one panel below the other."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tidegate.gates.evidence.pictures.canvas import (
    BOTTOM,
    COLOURS,
    GRID,
    HEIGHT,
    LEFT,
    LIMIT,
    RIGHT,
    TOP,
    WIDTH,
    Canvas,
    Scale,
    even_ticks,
    linear,
    shown,
)
from tidegate.gates.evidence.pictures.data import Panel, Timeline

_BETWEEN = 26.0
"""Two panels, for the name of the lower one."""


def draw_timeline(picture: Timeline) -> str:
    """The picture as SVG."""
    canvas = Canvas(picture.title)
    across = linear(0, picture.seconds, LEFT, WIDTH - RIGHT)
    canvas.across(across, [(tick, shown(tick)) for tick in even_ticks(0, picture.seconds)], "seconds")
    height = (HEIGHT - TOP - BOTTOM - _BETWEEN * (len(picture.panels) - 1)) / len(picture.panels)
    for number, panel in enumerate(picture.panels):
        top = TOP + number * (height + _BETWEEN)
        _panel(canvas, panel, across, (top, top + height))
    return canvas.drawn()


def _panel(canvas: Canvas, panel: Panel, across: Scale, area: tuple[float, float]) -> None:
    top, bottom = area
    values = [value for points in panel.lines.values() for _, value in points]
    most = max([*values, panel.limit or 0.0, 0.0]) * 1.05 or 1.0
    up = linear(0, most, bottom, top)
    for tick in _few(even_ticks(0, most)):
        canvas.line([(LEFT, up(tick)), (WIDTH - RIGHT, up(tick))], GRID, width=1)
        canvas.text(LEFT - 8, up(tick) + 4, shown(tick), anchor="end", size=11)
    canvas.text(LEFT - 60, top - 10, panel.figure, anchor="start")
    if panel.limit is not None:
        canvas.line([(LEFT, up(panel.limit)), (WIDTH - RIGHT, up(panel.limit))], LIMIT, dashed=True)
    for number, (name, points) in enumerate(panel.lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        canvas.line([(across(at), up(value)) for at, value in _held(points)], colour)
        if len(panel.lines) > 1:  # of a single one the panel's name says what it is
            canvas.legend.append((name, colour))


def _few(ticks: Sequence[float]) -> Sequence[float]:
    """A low panel has room for every second of them only."""
    return ticks if len(ticks) <= 4 else ticks[::2]


def _held(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """A line that stays level until the next value, and after the last one."""
    found: list[tuple[float, float]] = []
    for at, value in points:
        if found:
            found.append((at, found[-1][1]))
        found.append((at, value))
    return [*found, (math.inf, found[-1][1])] if found else []
