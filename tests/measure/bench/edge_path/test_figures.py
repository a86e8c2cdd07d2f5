"""What `edge_path` makes of its measurements: ratios, shares, a generator that was too late, and goals, each with a case that is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.measure.bench.edge_path import figures
from tests.measure.bench.edge_path.figures import Latencies
from tests.measure.bench.edge_path.loops import schedule

ALONE = Latencies([2.0] * 190 + [4.0] * 10)
BEHIND = Latencies([3.0] * 190 + [10.0] * 10)


def test_ratios_are_those_to_the_first_hop() -> None:
    found = figures.loop_entries({"server": ALONE, "edge": BEHIND}, 8)
    assert found["server"] == {
        "sent": 200, "failed": 0, "p50_ms": 2.0, "p99_ms": 4.0, "p50_ratio": 1.0, "p99_ratio": 1.0, "share_within_objective": 1.0,
    }  # fmt: skip
    assert (found["edge"]["p50_ratio"], found["edge"]["p99_ratio"]) == (1.5, 2.5)
    assert found["edge"]["share_within_objective"] == 0.95


def test_share_counts_what_failed_as_not_in_time_and_the_objective_itself_as_in_time() -> None:
    assert Latencies([8.0] * 90 + [8.01] * 9, failed=1).share_within(8) == 0.9


@pytest.mark.parametrize(
    ("latencies", "said"),
    [
        (Latencies([1.0] * 99), "99 answers (at least 100)"),
        (Latencies([]), "0 answers (at least 100)"),
        (Latencies([1.0] * 980, failed=20), "20 of 1000 requests failed (at most 1%)"),
    ],
    ids=["too few", "none", "too many failed"],
)
def test_too_few_answers_are_no_result(latencies: Latencies, said: str) -> None:
    assert figures.loop_entries({"server": ALONE, "edge": latencies})["edge"] == {
        "sent": latencies.sent, "failed": latencies.failed, "no_result": said,
    }  # fmt: skip
    beside = figures.loop_entries({"server": latencies, "edge": ALONE})["edge"]
    assert beside["no_result"] == f"server: {said}", "there is nothing to divide by"


def test_one_in_a_hundred_may_fail() -> None:
    assert Latencies([1.0] * 990, failed=10).no_result is None


def test_late_generator_is_no_result() -> None:
    late = figures.lateness([0.1] * 940 + [1.5] * 60)
    assert late["no_result"] == "6.0% of the requests began more than 1.0 ms late (at most 5%)"
    assert (late["p50_ms"], late["p99_ms"], late["late_share"]) == (0.1, 1.5, 0.06)
    found = figures.loop_entries({"server": ALONE, "edge": BEHIND}, 8, late["no_result"])
    assert found["edge"] == {"sent": 200, "failed": 0, "no_result": late["no_result"]}, "no figure beside the reason"


def test_generator_in_time_is_a_result() -> None:
    assert figures.lateness([0.1] * 950 + [1.5] * 50)["no_result"] is None


def test_generator_that_began_little_is_no_result() -> None:
    assert figures.lateness([0.1] * 99) == {"no_result": "99 requests begun (at least 100)"}


def hop(p50_ms: float | None, edge_ms: float) -> dict[str, Any]:
    opened = {"no_result": "late"} if p50_ms is None else {"p50_ms": p50_ms}
    return {"closed": {"p50_ms": p50_ms or 5.0}, "open": opened, "processor_ms": {"closed": {"edge": 0.4}, "open": {"edge": edge_ms}}}


def test_goals_are_met_up_to_their_limits() -> None:
    met = figures.goals({"server": hop(3.0, 0), "queue-proxy": hop(9.0, 9), "token check": hop(5.0, 0.5)})
    assert {name: (one["value"], one["met"]) for name, one in met.items()} == {
        "added_p50_closed": (2.0, True), "added_p50_open": (2.0, True), "edge_processor": (0.5, True),
    }  # fmt: skip


def test_goals_beyond_their_limits_are_not_met() -> None:
    found = figures.goals({"server": hop(3.0, 0), "token check": hop(5.01, 0.51)})
    assert {name: (one["value"], one["met"]) for name, one in found.items()} == {
        "added_p50_closed": (2.01, False), "added_p50_open": (2.01, False), "edge_processor": (0.51, False),
    }  # fmt: skip
    assert found["edge_processor"]["goal"] == "the edge's processor time for one request, the larger of both loops: at most 0.5 ms"


def test_goal_without_a_figure_is_not_met() -> None:
    found = figures.goals({"server": hop(3.0, 0), "token check": hop(None, 0.3)})["added_p50_open"]
    assert (found["value"], found["met"]) == (None, False)


def test_processor_time_is_shared_by_all_that_were_sent() -> None:
    assert figures.per_request({"edge": 0.5, "server": 2.0}, 1000) == {"edge": 0.5, "server": 2.0}
    assert figures.per_request({"edge": 0.5}, 0) == {}


def test_requests_wait_for_each_other_in_each_process_of_the_line() -> None:
    assert figures.through_line([0.0, 0.001, 0.1], [1.0, 3.0]) == pytest.approx([4.0, 6.0, 4.0])


def test_enough_cores_never_wait_for_a_core() -> None:
    apart = [float(number) for number in range(200)]
    found = figures.enough_cores(apart, {"edge": 1.0, "server": 3.5}, 8)
    assert found == {"one_request_ms": 4.5, "p50_ms": 4.5, "p99_ms": 4.5, "share_within_objective": 1.0}
    at_once = figures.enough_cores([0.0] * 200, {"edge": 1.0, "server": 3.5}, 8)
    assert at_once["share_within_objective"] == 0.01, "the first two of two hundred"


def test_schedule_is_the_same_for_the_same_seed_and_has_the_rate() -> None:
    assert schedule(70, 5, 1) == schedule(70, 5, 1) != schedule(70, 5, 2)
    assert len(schedule(70, 200, 3)) == pytest.approx(14_000, rel=0.03)
    assert schedule(70, 5, 1) == sorted(schedule(70, 5, 1))
