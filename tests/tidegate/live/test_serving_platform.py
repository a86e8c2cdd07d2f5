"""When nothing of a model says why it is not ready, the programs that serve all models are looked at."""

from __future__ import annotations

import pytest

from tests.tidegate.embedded.canned_models import EDGE, READY, explain
from tests.tidegate.live.canned_cluster import (
    Object,
    application,
    condition,
    container,
    inference_service,
    knative,
    make,
    node,
    pod,
    revision,
)

WAITING = [application(), inference_service(ready=None), knative(), revision(), pod(ready=True), node(), *EDGE]
"""All of the model is well, and KServe has not said that it is ready."""


def part(name: str, namespace: str = "knative-serving", *, ready: bool, restarts: int = 0, phase: str = "Running") -> Object:
    judged = [condition("Ready", ready)]
    containers = [container(name.partition("-")[0], ready=ready, restarts=restarts), container("istio-proxy", ready=True)]
    return make("v1", "Pod", name, namespace, status={"phase": phase, "conditions": judged, "containerStatuses": containers})


def test_program_that_is_not_ready_is_named_with_its_restarts() -> None:
    found = explain(*WAITING, part("activator-1", ready=False, restarts=5), part("autoscaler-1", ready=True))
    assert found.cause == "pod activator-1 of knative-serving, through which models are served, is not ready, and was started again 5 times"
    assert found.next_step == (
        "kubectl -n knative-serving describe pod activator-1; kubectl -n knative-serving logs activator-1 --all-containers"
    )


def test_the_one_that_crashes_most_comes_first_and_the_others_are_named() -> None:
    found = explain(
        *WAITING, part("kserve-1", "kserve", ready=False), part("webhook-1", ready=False), part("activator-1", ready=False, restarts=1)
    )
    assert found.cause == (
        "pod activator-1 of knative-serving, through which models are served, is not ready, and was started again; nor are kserve-1, webhook-1"
    )


@pytest.mark.parametrize("fine", [part("activator-1", ready=True), part("job-1", ready=False, phase="Succeeded")], ids=["ready", "a-job"])
def test_without_one_it_is_kserve_that_has_not_finished(fine: Object) -> None:
    assert explain(*WAITING, fine).cause.startswith("KServe has not finished: ")


def test_of_a_ready_model_nobody_asks() -> None:
    assert explain(*READY, part("activator-1", ready=False)).summary == "ready; nothing to do"
