"""The computed HPA is Kubernetes' documented algorithm, worked out by hand."""

from __future__ import annotations

from tidegate.gates.scale.hpa import seconds_until, wanted_replicas


def rates(*phases: tuple[int, float]) -> list[float]:
    return [rate for seconds, rate in phases for _ in range(seconds)]


def test_it_asks_for_what_the_last_fifteen_seconds_need() -> None:
    # 10 a replica: 10/s keep one, of 10 s at 40 and 5 s at 10 the mean is 30, then 40.
    found = wanted_replicas(rates((20, 10), (40, 40)), 10, floor=1, ceiling=9)
    assert found == [(15, 1), (30, 3), (45, 4), (60, 4)]


def test_within_the_tolerance_nothing_changes() -> None:
    assert wanted_replicas(rates((15, 10.9)), 10, floor=1, ceiling=9) == [(15, 1)]
    assert wanted_replicas(rates((15, 11.1)), 10, floor=1, ceiling=9) == [(15, 2)]
    assert wanted_replicas(rates((15, 40), (15, 38)), 10, floor=1, ceiling=9) == [(15, 4), (30, 4)]


def test_one_sync_adds_four_pods_or_doubles_whichever_is_more() -> None:
    found = wanted_replicas(rates((60, 1000)), 10, floor=1, ceiling=100)
    assert [replicas for _, replicas in found] == [5, 10, 20, 40]
    assert wanted_replicas(rates((30, 1000)), 10, floor=1, ceiling=7) == [(15, 5), (30, 7)]


def test_it_goes_down_by_the_most_of_five_minutes() -> None:
    found = dict(wanted_replicas(rates((30, 40), (345, 10)), 10, floor=1, ceiling=9))
    assert (found[15], found[45], found[315], found[330], found[345]) == (4, 4, 4, 1, 1)


def test_it_never_goes_below_its_floor() -> None:
    assert wanted_replicas(rates((15, 0)), 10, floor=2, ceiling=9) == [(15, 2)]


def test_time_until_enough_depends_on_where_in_its_period_the_step_falls() -> None:
    series = rates((30, 10), (60, 40))
    # Above 30 a second in the mean ask for four: 11 of the last 15 seconds have to be at 40. Who decides 10 s after the step sees 30, and comes again.
    assert seconds_until(series, 10, 30, 4, floor=1, ceiling=9) == (11, 25)
    assert seconds_until(series, 10, 30, 1, floor=1, ceiling=9) == (0, 0)
    assert seconds_until(series, 10, 30, 5, floor=1, ceiling=9) is None
    assert seconds_until(series, 10, 30, 4, floor=1, ceiling=3) is None
