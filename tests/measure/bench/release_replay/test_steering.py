"""The replay steers as the pages say: what each of them does with candidates whose end is known."""

from __future__ import annotations

import pytest

from tests.measure.bench.release_replay.series import Series, draw
from tests.measure.bench.release_replay.steering import STEERING, argo_rollouts, flagger, ours


@pytest.fixture(scope="module")
def crashing() -> Series:
    return draw("crashing", 0)


@pytest.fixture(scope="module")
def healthy() -> Series:
    return draw("healthy", 0)


def test_flagger_rolls_back_one_interval_after_its_threshold(crashing: Series) -> None:
    ended = flagger(crashing)
    assert (ended.how, ended.seconds) == ("aborted", 60 + 10 * 60 + 60)
    assert ended.bad == ended.answers
    assert flagger(crashing, 1).seconds == 60 + 60 + 60


def test_flagger_promotes_after_ten_weights_of_five(healthy: Series) -> None:
    assert (flagger(healthy).how, flagger(healthy).seconds) == ("promoted", 60 + 10 * 60)


def test_argo_rollouts_measures_from_the_second_weight_on(crashing: Series) -> None:
    assert argo_rollouts(crashing, 0).seconds == 600 + 300
    assert (argo_rollouts(crashing).how, argo_rollouts(crashing).seconds) == ("aborted", 600 + 4 * 300)


def test_argo_rollouts_promotes_after_four_pauses(healthy: Series) -> None:
    assert (argo_rollouts(healthy).how, argo_rollouts(healthy).seconds) == ("promoted", 2400)


def test_ours_aborts_a_crash_with_few_bad_answers(crashing: Series) -> None:
    ended = ours(crashing)
    assert ended.how == "aborted"
    assert (ended.seconds <= 3, ended.bad <= 24) == (True, True)


def test_ours_promotes_a_healthy_version_by_its_steps() -> None:
    ended = ours(draw("healthy", 0, 400), step_seconds=60, steps=(50, 100))
    assert (ended.how, ended.seconds) == ("promoted", 120)


def test_same_requests_meet_the_same_versions(healthy: Series) -> None:
    stable, candidate = healthy.between(0, 60, 0.0), healthy.between(0, 60, 1.0)
    assert stable[1] == candidate[0] == (0, 0, 0, 0)
    few, many = healthy.between(0, 60, 0.1)[1], healthy.between(0, 60, 0.5)[1]
    assert all(one <= other for one, other in zip(few, many, strict=True))
    assert len(STEERING) == 5
