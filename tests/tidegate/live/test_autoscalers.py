"""Which revision works by the limits that were asked for, and how many of its replicas take requests."""

from __future__ import annotations

import pytest

from tests.tidegate.live.canned_cluster import FIRST, NAMESPACE, SECOND, CannedCluster, Object, autoscaler, pod
from tidegate.errors import ToolError
from tidegate.facts.models.scaling import Scaling
from tidegate.live.autoscalers import Replicas, ScaledModel

LIMITS = Scaling(min_replicas=1, max_replicas=5, requests_per_second_target=7)
OTHER = autoscaler(FIRST, ceiling=1, metric="concurrency", target=4)
TRANSFORMER = pod("scorer-t", of="scorer-transformer-00001", ready=True)
TRANSFORMER["metadata"]["labels"] = TRANSFORMER["metadata"]["labels"] | {"component": "transformer"}


def scaled(*objects: Object, down: bool = False) -> ScaledModel:
    return ScaledModel(CannedCluster(objects, down=down), NAMESPACE, "scorer")


def test_revision_that_works_by_the_limits_and_is_alone_is_settled() -> None:
    found = scaled(OTHER, autoscaler(SECOND), pod("new", of=SECOND, ready=True), TRANSFORMER)
    assert found.settled(LIMITS) == (SECOND, "")


@pytest.mark.parametrize(
    ("objects", "why"),
    [
        pytest.param((), "no revision has these limits yet", id="nothing"),
        pytest.param((OTHER, pod(ready=True)), "no revision has these limits yet", id="other-limits"),
        pytest.param((autoscaler(target=8), pod(ready=True)), "no revision has these limits yet", id="other-target"),
        pytest.param(
            (OTHER, autoscaler(SECOND), pod("old", ready=True), pod("new", of=SECOND, ready=True)), "old of another revision is still there", id="both",
        ),
        pytest.param((autoscaler(), pod()), "scorer-predictor-00001 has 0 of 1 replicas ready", id="starting"),
        pytest.param((autoscaler(ready=False), pod(ready=True)), "scorer-predictor-00001 has 1 of 1 replicas ready", id="autoscaler-not-ready"),
        pytest.param(
            (autoscaler(), pod("a", ready=True), pod("b", ready=True)), "scorer-predictor-00001 has 2 of 1 replicas ready", id="above-its-floor"
        ),
    ],
)  # fmt: skip
def test_what_is_not_settled_says_what_is_missing(objects: tuple[Object, ...], why: str) -> None:
    assert scaled(*objects).settled(LIMITS) == ("", why)


def test_replicas_are_pods_that_take_requests_and_stay() -> None:
    leaving = pod("c", ready=True, metadata={"deletionTimestamp": "2026-11-30T12:00:00Z"})
    leaving["metadata"]["labels"] = pod()["metadata"]["labels"]
    objects = (autoscaler(wanted=4), pod("a", ready=True), pod("b"), leaving, pod("other", of=SECOND, ready=True), TRANSFORMER)
    assert scaled(*objects).replicas(FIRST) == Replicas(ready=1, wanted=4)
    assert scaled(pod("a", ready=True)).replicas(FIRST) == Replicas(ready=1, wanted=None)
    assert scaled(autoscaler(wanted=None)).replicas(FIRST) == Replicas(ready=0, wanted=None)


def test_region_that_does_not_answer_is_no_region_without_replicas() -> None:
    with pytest.raises(ToolError, match="refused"):
        scaled(down=True).replicas(FIRST)
