"""Pictures are the same bytes for the same data, well-formed whatever names say, and show what they claim."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from loadtests.pictures import pictures_of
from tests.loadtests.recordings import part, recording
from tests.tidegate.gates.scale.runs import requests, run
from tidegate.gates.evidence.pictures.canvas import decades, even_ticks, linear, logarithmic, shown, ticks_of_decades
from tidegate.gates.evidence.pictures.data import PICTURES, Bar, Bars, Calibration, Curve, Histogram, Panel, Timeline
from tidegate.gates.evidence.pictures.drawing import draw
from tidegate.gates.scale.pictures import picture_of

SLICE = Bar(name="region <eu> & \x07us", value=0.95, low=0.93, high=0.97, reference=0.96)
WORSE = Bar(name="amount high", value=0.80, low=0.75, high=0.85, reference=0.9, good=False)
PICTURES_MADE: dict[str, Any] = {
    "curve": Curve(
        title="Latency", quantiles={"candidate": ((0.0, 4.0), (0.5, 8.0), (0.99, 90.0)), "serving": ((0.5, 7.0),)}, limit_ms=100.0
    ),
    "histogram": Histogram(title="How long", buckets=((5.0, 900), (20.0, 90), (400.0, 10)), limit_ms=100.0),
    "bars": Bars(title="Slices", figure="auc", bars=(SLICE, WORSE), threshold=0.93),
    "calibration": Calibration(title="Calibration", points={"candidate": ((0.1, 0.12, 500), (0.9, 0.85, 40))}),
    "timeline": Timeline(
        title="Over time",
        seconds=60.0,
        panels=(
            Panel(figure="rate", lines={"rate": ((0.0, 2.0), (30.0, 8.0))}),
            Panel(figure="replicas", lines={"ready": ((-2.0, 1.0), (40.0, 5.0)), "enough": ((0.0, 1.0), (30.0, 5.0))}, limit=4.0),
        ),
    ),
}


def words(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("picture", PICTURES_MADE.values(), ids=PICTURES_MADE)
def test_picture_is_the_same_each_time_and_stays_on_its_sheet(picture: Any) -> None:
    svg = draw(picture)
    assert svg == draw(PICTURES.validate_json(PICTURES.dump_json((picture,)))[0])
    assert ET.fromstring(svg).get("viewBox") == "0 0 760 400"
    assert picture.title in words(svg)
    assert "script" not in svg
    for name, most in (("x", 760), ("cx", 760), ("y", 400), ("cy", 400)):
        assert all(0 <= float(at) <= most for at in re.findall(rf' {name}="([0-9.-]+)"', svg))
    points = [point.split(",") for line in re.findall(r'points="([^"]+)"', svg) for point in line.split()]
    assert points
    assert all(0 <= float(x) <= 760 and 0 <= float(y) <= 400 for x, y in points)


@pytest.mark.parametrize(
    "picture",
    [Curve(title="T", quantiles={"candidate": ()}), Histogram(title="T", buckets=((5.0, 0),)), Bars(title="T", figure="auc", bars=()),
     Calibration(title="T", points={"candidate": ()}), Timeline(title="T", seconds=1.0, panels=())],
    ids=["curve", "histogram", "bars", "calibration", "timeline"],
)  # fmt: skip
def test_picture_of_nothing_says_so(picture: Any) -> None:
    assert words(draw(picture)) == ["nothing was measured", "T"]


def test_limit_and_legend_are_named() -> None:
    said = words(draw(PICTURES_MADE["curve"]))
    assert {"limit 100 ms", "candidate", "serving", "p50", "p99", "1", "10", "100"} <= set(said)
    said = words(draw(PICTURES_MADE["bars"]))
    assert {"candidate", "worse", "serving", "auc", "region <eu> & us", "amount high"} <= set(said)


def test_panels_are_named_and_what_is_alone_in_one_needs_no_legend() -> None:
    said = words(draw(PICTURES_MADE["timeline"]))
    assert {"rate", "replicas", "ready", "enough", "seconds"} <= set(said)
    assert said.count("rate") == 1


def test_run_of_the_scale_gate_shows_rate_replicas_and_slow_answers() -> None:
    picture = picture_of(run(requests(lambda due: 400.0 if 60 <= due < 65 else 20.0)))
    rate, replicas, slow = picture.panels
    assert [value for at, value in rate.lines["rate"] if at in {0, 20, 60}] == [2, 8, 32]
    assert replicas.lines["enough"] == ((0, 1), (20, 2), (60, 5))
    assert replicas.lines["ready"][-1] == (100, 5)
    assert replicas.lines["HPA on CPU would ask for (computed)"][-1] == (90, 5)
    assert [at for at, value in slow.lines["slow"] if value] == [60]
    assert slow.limit == 10
    assert "% above 100 ms" in words(draw(picture))


def test_requests_above_the_limit_have_its_colour() -> None:
    svg = draw(PICTURES_MADE["histogram"])
    assert (svg.count('fill="#1f6feb"'), svg.count('fill="#cf222e"')) == (2, 2)  # two bins each; of the limit one bin and the words


def test_scales() -> None:
    across = logarithmic(1, 1000, 0, 300)
    assert [round(across(value)) for value in (1, 10, 1000, 0.1, 5000)] == [0, 100, 300, 0, 300]
    assert linear(5, 5, 0, 10)(5) == 0
    assert decades(3, 90) == (1, 100)
    assert decades(10, 10) == (10, 100)
    assert ticks_of_decades(1, 100) == [1, 2, 5, 10, 20, 50, 100]
    assert even_ticks(0, 1) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert even_ticks(7, 7) != []
    assert [shown(value) for value in (0.5, 20.0, 1000.0, 0.95)] == ["0.5", "20", "1,000", "0.95"]


def test_recording_has_a_curve_and_a_histogram_for_each_endpoint() -> None:
    made = pictures_of(recording(part("fraud/scorer", [20.0] * 990 + [400.0] * 10, {"connection refused": 5})))
    assert [one.kind for one in made] == ["curve", "histogram"]
    curve, histogram = made
    assert isinstance(curve, Curve)
    assert isinstance(histogram, Histogram)
    assert curve.limit_ms == histogram.limit_ms == 100.0
    points = dict(curve.quantiles["fraud/scorer"])
    assert (points[0.5], points[0.9975]) == (20.0, 400.0)
    assert 0.9995 not in points  # a thousand samples say nothing of it
    assert histogram.buckets == ((20.0, 990), (400.0, 10))


def test_many_slices_are_cut_and_counted() -> None:
    bars = tuple(Bar(name=f"slice {number}", value=0.9, low=0.8, high=1.0) for number in range(30))
    assert "and 6 slices more" in words(draw(Bars(title="T", figure="auc", bars=bars)))


def test_long_name_of_a_slice_says_that_it_goes_on() -> None:
    drawn = words(draw(Bars(title="T", figure="auc", bars=(SLICE.model_copy(update={"name": "region elsewhere in the country"}),))))
    assert "region elsewhere in the c…" in drawn
