"""A sheet with two axes, as SVG. Every number is written with one decimal, so that the same data gives the same bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from tidegate.facts.numerals import decimal

WIDTH, HEIGHT = 760.0, 400.0
LEFT, RIGHT, TOP, BOTTOM = 70.0, 24.0, 64.0, 52.0
COLOURS = ("#1f6feb", "#bf5700", "#6e40c9", "#116329")
"""Told apart also by who sees few colours; whoever is first in the legend has the first."""
LIMIT, GRID, TEXT = "#cf222e", "#d8dee4", "#1f2328"

Scale = Callable[[float], float]
"""From a value to a position."""


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """Evenly from `start` to `end`."""
    span = (high - low) or 1.0
    return lambda value: start + (min(max(value, low), high) - low) / span * (end - start)


def logarithmic(low: float, high: float, start: float, end: float) -> Scale:
    """Each factor of ten is as long as any other."""
    even = linear(math.log10(low), math.log10(high), start, end)
    return lambda value: even(math.log10(max(value, low)))


def decades(low: float, high: float) -> tuple[float, float]:
    """The powers of ten around a range of positive numbers."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return 10.0**first, 10.0 ** max(last, first + 1)


def ticks_of_decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each factor of ten."""
    powers = range(round(math.log10(low)), round(math.log10(high)) + 1)
    return [step * 10.0**power for power in powers for step in (1, 2, 5) if low <= step * 10.0**power <= high * 1.0001]


def even_ticks(low: float, high: float) -> list[float]:
    """About five round numbers within a range."""
    span = (high - low) or 1.0
    raw = span / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(one * power for one in (1, 2, 5, 10) if one * power >= raw)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def shown(value: float) -> str:
    """A number on an axis: `0.5`, `20`, `1,000`."""
    return f"{value:,.0f}" if abs(value) >= 10 or value == round(value) else decimal(round(value, 3))


@dataclass(slots=True)
class Canvas:
    """The sheet, as it fills."""

    title: str
    parts: list[str] = field(default_factory=list[str])
    legend: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def line(self, points: Sequence[tuple[float, float]], colour: str, *, width: float = 2, dashed: bool = False) -> None:
        """A line through points."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dash = ' stroke-dasharray="6 4"' if dashed else ""
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width:.1f}"{dash}/>')

    def box(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        """A filled rectangle."""
        size = f'width="{max(right - left, 0.5):.1f}" height="{max(bottom - top, 0.5):.1f}"'
        self.parts.append(f'<rect x="{left:.1f}" y="{top:.1f}" {size} fill="{colour}"/>')

    def dot(self, x: float, y: float, radius: float, colour: str) -> None:
        """A filled circle."""
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}"/>')

    def text(self, x: float, y: float, words: str, *, anchor: str = "middle", size: int = 12, colour: str = TEXT) -> None:
        """Words; what is not to be seen is left out."""
        plain = escape("".join(one for one in words if one.isprintable()))
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{plain}</text>')

    def across(self, scale: Scale, ticks: Sequence[tuple[float, str]], label: str) -> None:
        """The horizontal axis, with a line up from each tick."""
        for value, words in ticks:
            at = scale(value)
            self.line([(at, TOP), (at, HEIGHT - BOTTOM)], GRID, width=1)
            self.text(at, HEIGHT - BOTTOM + 18, words)
        self.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, label)

    def upright(self, scale: Scale, ticks: Sequence[tuple[float, str]], label: str) -> None:
        """The vertical axis, with a line from each tick."""
        for value, words in ticks:
            at = scale(value)
            self.line([(LEFT, at), (WIDTH - RIGHT, at)], GRID, width=1)
            self.text(LEFT - 8, at + 4, words, anchor="end")
        self.text(LEFT - 60, TOP - 10, label, anchor="start")

    def drawn(self) -> str:
        """The picture as a file."""
        top = Canvas("")
        top.text(LEFT - 60, 24, self.title, anchor="start", size=16)
        at = WIDTH - RIGHT
        for name, colour in reversed(self.legend):
            at -= 7.0 * len(name) + 26
            top.box(at, TOP - 20, at + 12, TOP - 10, colour)
            top.text(at + 17, TOP - 10, name, anchor="start")
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" font-family="sans-serif" role="img">'
        named = f"<title>{escape(self.title)}</title>"
        return "\n".join(
            [head, named, f'<rect width="{WIDTH:.0f}" height="{HEIGHT:.0f}" fill="#ffffff"/>', *self.parts, *top.parts, "</svg>", ""]
        )
