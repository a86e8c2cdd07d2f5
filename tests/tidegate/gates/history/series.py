"""Seeded histories: every night is drawn, nothing was measured."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from tidegate.gates.history.nights import Accepted, Better, Figure, HistorySamples, Night, Unit

FIRST = date(2026, 6, 1)
NAME = "fraud/scorer p99"


def noise(seed: int, nights: int, *, centre: float = 10.0, sigma: float = 0.05) -> list[float]:
    """Lognormal, as latencies of a quiet machine are: 5 % from night to night."""
    draw = random.Random(seed)
    return [centre * draw.lognormvariate(0, sigma) for _ in range(nights)]


def night(number: int, value: float, *, name: str = NAME, better: Better = Better.LOWER, unit: Unit = Unit.MILLISECONDS) -> Night:
    figure = Figure(series=name, value=value, unit=unit, better=better)
    return Night(night=FIRST + timedelta(days=number), revision="0" * 40, figures=(figure,))


def lines(values: Sequence[float], **options: object) -> list[str]:
    return [night(number, value, **options).model_dump_json() for number, value in enumerate(values)]  # type: ignore[arg-type]


def samples(kept: Iterable[Night | Accepted | str], tonight: date | None = None) -> HistorySamples:
    """Judged on the last night, unless another is named."""
    written = tuple(one if isinstance(one, str) else one.model_dump_json() for one in kept)
    last = [Night.model_validate_json(line).night for line in written if line.startswith('{"night"') and "NaN" not in line]
    return HistorySamples(tonight=tonight or max(last), lines=written)
