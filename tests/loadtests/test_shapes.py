"""Schedules are what their names say, the same for the same seed, and whole when several processes share them."""

from __future__ import annotations

import itertools

import pytest
from pydantic import TypeAdapter, ValidationError

from loadtests.shapes import Arrivals, Burst, Constant, Poisson, Ramp, Step, Steps, Trace, part

SHAPES = [
    Constant(requests_per_second=7),
    Poisson(requests_per_second=50),
    Burst(requests_per_second=20, every_seconds=1.5, size=30),
    Ramp(from_requests_per_second=5, to_requests_per_second=40),
    Ramp(from_requests_per_second=40, to_requests_per_second=0),
    Trace(at_seconds=(0.0, 0.5, 0.5, 3.9, 17.0)),
    Steps(steps=(Step(seconds=4, requests_per_second=2.5), Step(seconds=9, requests_per_second=20))),
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.shape)
def test_schedule_is_in_order_within_its_time_and_the_same_again(shape: Arrivals) -> None:
    first = list(shape.seconds(10, seed=3))
    assert first == sorted(first) == list(shape.seconds(10, seed=3))
    assert 0 <= first[0] <= first[-1] < 10


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.shape)
def test_processes_together_send_the_whole_schedule(shape: Arrivals) -> None:
    parts = [list(part(iter(shape.seconds(10, 3)), process, 3)) for process in range(3)]
    assert sorted(itertools.chain(*parts)) == list(shape.seconds(10, 3))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_constant_arrivals_are_at_equal_distance() -> None:
    assert list(Constant(requests_per_second=4).seconds(1.1, 0)) == [0, 0.25, 0.5, 0.75, 1.0]


def test_steps_are_one_rate_after_the_other() -> None:
    steps = Steps(steps=(Step(seconds=1.5, requests_per_second=2), Step(seconds=0.5, requests_per_second=8)))
    assert list(steps.seconds(steps.duration_seconds, 0)) == [0, 0.5, 1.0, 1.5, 1.625, 1.75, 1.875]
    assert list(steps.seconds(1.7, 0)) == [0, 0.5, 1.0, 1.5, 1.625]


def test_poisson_has_the_rate_and_differs_by_seed() -> None:
    shape = Poisson(requests_per_second=100)
    found = list(shape.seconds(200, 1))
    assert len(found) == pytest.approx(20_000, rel=0.03)
    gaps = [after - before for before, after in itertools.pairwise(found)]
    assert sum(gap > 0.01 for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.02), "exponential: e^-1 are longer than the mean"
    assert found[:5] != list(shape.seconds(200, 2))[:5]


def test_burst_is_all_at_once() -> None:
    found = list(Burst(requests_per_second=1, every_seconds=2, size=30).seconds(5, 1))
    assert [found.count(moment) for moment in (2, 4)] == [30, 30]
    assert len(found) < 60 + 20


def test_ramp_grows_evenly() -> None:
    found = list(Ramp(from_requests_per_second=0, to_requests_per_second=100).seconds(10, 0))
    assert len(found) == 500
    assert sum(one < 5 for one in found) == pytest.approx(125, abs=1), "a quarter in the first half"
    assert len(list(Ramp(from_requests_per_second=30, to_requests_per_second=10).seconds(10, 0))) == 200


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"shape": "trace", "at_seconds": [0.2, 0.1]}', "is before the one before it"),
        ('{"shape": "trace", "at_seconds": []}', "at least 1 item"),
        ('{"shape": "ramp", "from_requests_per_second": 5, "to_requests_per_second": 5}', "is the rate of the begin, too"),
        ('{"shape": "constant", "requests_per_second": 0}', "greater than 0"),
        ('{"shape": "constant", "requests_per_second": NaN}', "finite number"),
        ('{"shape": "wave", "requests_per_second": 5}', "'constant', 'poisson', 'burst', 'ramp', 'trace'"),
    ],
)
def test_shape_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TypeAdapter[object](Arrivals).validate_json(text)
