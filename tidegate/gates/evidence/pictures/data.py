"""What a picture shows."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from tidegate.facts.fact import Fact

Number = float
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Curve(Fact):
    """Latency by quantile: how slow the slowest of ten, of a hundred, of a thousand are. The scale of milliseconds is logarithmic."""

    kind: Literal["curve"] = "curve"
    title: str
    quantiles: dict[str, tuple[tuple[Annotated[float, Field(ge=0, lt=1)], Positive], ...]]
    """(quantile, milliseconds) by what is measured, such as `candidate`."""
    limit_ms: Positive | None = None
    limit_at: Annotated[float, Field(gt=0, lt=1)] = 0.99
    """The quantile that the limit is about."""


class Histogram(Fact):
    """How many requests took how long, against the limit. The scale of milliseconds is logarithmic."""

    kind: Literal["histogram"] = "histogram"
    title: str
    buckets: tuple[tuple[Positive, Annotated[int, Field(ge=0)]], ...]
    """(milliseconds, requests)."""
    limit_ms: Positive | None = None


class Bar(Fact):
    """One slice: its figure, the interval around it, and what it is compared with."""

    name: str
    value: Number
    low: Number
    high: Number
    reference: Number | None = None
    good: bool = True


class Bars(Fact):
    """A figure for each slice."""

    kind: Literal["bars"] = "bars"
    title: str
    figure: str
    """Such as `auc`."""
    bars: tuple[Bar, ...]
    threshold: Number | None = None


class Calibration(Fact):
    """What was predicted against what came true; on the diagonal both are the same."""

    kind: Literal["calibration"] = "calibration"
    title: str
    points: dict[str, tuple[tuple[Share, Share, Annotated[int, Field(ge=0)]], ...]]
    """(predicted, observed, how many) by whose they are."""


class Panel(Fact):
    """One of several figures over the same time."""

    figure: str
    """Such as `replicas`."""
    lines: dict[str, tuple[tuple[Number, Number], ...]]
    """(second, value) by what it is; a value holds until the next."""
    limit: Number | None = None


class Timeline(Fact):
    """Several figures over the same time, one below the other."""

    kind: Literal["timeline"] = "timeline"
    title: str
    seconds: Positive
    panels: Annotated[tuple[Panel, ...], Field(max_length=4)]


AnyPicture = Curve | Histogram | Bars | Calibration | Timeline
Picture = Annotated[AnyPicture, Field(discriminator="kind")]
PICTURES: TypeAdapter[tuple[AnyPicture, ...]] = TypeAdapter(tuple[Picture, ...])
"""Reads and writes several as JSON."""
