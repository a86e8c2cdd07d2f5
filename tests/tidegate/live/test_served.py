"""Status tells which version answers, what was started again, and why a model does not come up, without a look at each object."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.tidegate.embedded.canned_models import CRASHED, TRACEBACK, explain, initializing, waiting
from tests.tidegate.embedded.canned_models import READY as READY_MODEL
from tests.tidegate.live.canned_cluster import (  # fmt: skip
    FIRST,
    GIVEN_UP,
    SECOND,
    CannedCluster,
    Object,
    condition,
    container,
    inference_service,
    loads,
    platform,
    pod,
    revision,
)
from tidegate.live.served import observe
from tidegate.live.states import ModelState

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
KILLED = {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-11-21T11:48:00Z"}
ENDED = {"reason": "Error", "exitCode": 1, "finishedAt": "2026-11-21T11:57:30Z"}
STALE = {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-11-21T10:48:00Z"}
QUOTA = 'Revision "scorer-predictor-00001" failed with message: pods "s" is forbidden: exceeded quota: quota, requested: requests.cpu=2, used: requests.cpu=63, limited: requests.cpu=64.'


def scorer(*objects: Object, logs: dict[str, str] | None = None) -> ModelState:
    cluster = CannedCluster(objects, logs)
    observed = observe(cluster, platform(), "live-1", NOW)
    assert observed is not None
    return next(one for one in observed[2] if one.name == "fraud/scorer")


def asked_for(
    version: str, *, newest: str = FIRST, ready: str | None = FIRST, is_ready: bool | None = True, shares: Any = None, **more: Any
) -> Object:
    traffic = [{"revisionName": name, "percent": percent} for name, percent in (shares or ({FIRST: 100} if ready else {})).items()]
    component = {"latestCreatedRevision": newest, "traffic": traffic, **({"latestReadyRevision": ready} if ready else {})}
    service = inference_service(ready=is_ready, components={"predictor": component}, **more)
    service["spec"]["predictor"]["model"]["storageUri"] = f"s3://tidegate-live-1-models-1/fraud/scorer/{version}"
    return service


@pytest.mark.parametrize(
    ("objects", "shown"),
    [
        pytest.param([asked_for("1"), revision()], "1", id="as-wanted"),
        pytest.param([asked_for("2", newest=SECOND), revision(), revision(SECOND, condition("Ready", None), version="2")], "1 (2 wanted)", id="next-not-ready"),
        pytest.param([asked_for("2"), revision()], "1 (2 wanted)", id="next-not-made-yet"),
        pytest.param([asked_for("2", newest=SECOND, ready=SECOND, shares={FIRST: 90, SECOND: 10}), revision(), revision(SECOND, version="2")], "1, 2 (2 wanted)", id="canary"),
        pytest.param([asked_for("2", newest=SECOND, ready=SECOND, shares={SECOND: 100}), revision(), revision(SECOND, version="2")], "2", id="taken-over"),
        pytest.param([asked_for("1", ready=None, is_ready=None), revision(FIRST, condition("Ready", None))], "none (1 wanted)", id="first-not-ready"),
        pytest.param([asked_for("2"), pod(ready=True, metadata={"annotations": loads("1")})], "1 (2 wanted)", id="revision-not-seen-but-its-pod"),
        pytest.param([asked_for("1")], "unknown (1 wanted)", id="revision-not-seen"),
        pytest.param([], "", id="not-applied"),
    ],
)  # fmt: skip
def test_version_is_what_has_traffic(objects: list[Object], shown: str) -> None:
    assert scorer(*objects).shown_version == shown


def test_version_in_standard_mode_is_what_ready_pods_have_loaded() -> None:
    old, new = pod(ready=True, metadata={"annotations": loads("1")}), pod("scorer-2", metadata={"annotations": loads("2")})
    for one in (old, new):
        del one["metadata"]["labels"]["serving.knative.dev/revision"]
    assert scorer(asked_for("2", shares={}, ready=None), old, new).shown_version == "1 (2 wanted)"


def restarting(last: Object, *, ready: bool = True, restarts: int = 3) -> Object:
    return pod(
        ready=ready,
        status={"containerStatuses": [container(ready=ready, restarts=restarts, last=last), container("queue-proxy", ready=ready)]},
    )


def test_restarts_and_the_last_kill_for_memory_are_told_of_a_ready_model() -> None:
    found = scorer(asked_for("1"), revision(), restarting(KILLED))
    assert (found.ready, found.restarts, found.out_of_memory_at, found.problem) == (True, 3, "2026-11-21T11:48:00Z", "")
    found = scorer(asked_for("1"), revision(), restarting(ENDED), pod("scorer-2", ready=True))
    assert (found.restarts, found.out_of_memory_at) == (3, "")


def test_what_ended_more_than_an_hour_ago_is_not_told() -> None:
    found = scorer(asked_for("1"), revision(), restarting(STALE))
    assert (found.restarts, found.out_of_memory_at) == (0, "")
    assert explain(*READY_MODEL[:4], restarting(STALE), *READY_MODEL[5:], now=NOW).summary == "ready; nothing to do"


def test_explanation_of_a_ready_model_tells_what_was_started_again() -> None:
    found = explain(*READY_MODEL[:4], restarting(ENDED), *READY_MODEL[5:], now=NOW)
    told = "container kserve-container was started again 3 times, last after exit code 1 2 min ago"
    assert found.ready
    assert found.cause == f"ready, but {told} (pod scorer-1)"
    assert found.next_step == "kubectl -n tenant-fraud logs scorer-1 -c kserve-container --previous"
    assert ("Pod scorer-1", "Ready", told) in [(step.object, step.state, step.why) for step in found.steps]


def test_kill_for_memory_is_told_before_a_later_crash_of_another_pod() -> None:
    killed = restarting(KILLED, restarts=1)
    killed["metadata"]["name"] = "scorer-2"
    found = explain(*READY_MODEL[:4], restarting(ENDED), killed, *READY_MODEL[5:], now=NOW)
    assert found.cause == "ready, but container kserve-container was started again once, last after OOMKilled 12 min ago (pod scorer-2)"
    assert found.next_step == "raise models.scorer.resources.memory_gib in gitops/tenants/fraud.yaml, then commit"


def test_init_container_that_did_its_work_is_no_restart() -> None:
    done = {"reason": "Completed", "exitCode": 0, "finishedAt": "2026-11-21T11:58:00Z"}
    started = pod(ready=True, status={"initContainerStatuses": [container("storage-initializer", ready=True, terminated=done)]})
    assert scorer(asked_for("1"), revision(), started).restarts == 0


CRASHING = pod(status={"containerStatuses": [waiting("kserve-container", "CrashLoopBackOff", last=CRASHED), container("queue-proxy")]})
LOGS = {"scorer-1/kserve-container": TRACEBACK}
DEPLOYING = revision(FIRST, condition("Ready", None, "Deploying"))


def test_crash_is_told_though_knative_still_says_deploying() -> None:
    found = scorer(asked_for("1", ready=None, is_ready=None), DEPLOYING, CRASHING, logs=LOGS)
    assert found.problem == "container kserve-container crashes (exit code 1, 4 restarts): ModuleNotFoundError: No module named 'features'"


def test_crash_of_the_next_version_is_told_while_the_one_before_serves() -> None:
    crashing = json.loads(json.dumps(CRASHING).replace(FIRST, SECOND).replace("scorer-1", "scorer-2"))
    found = scorer(
        asked_for("2", newest=SECOND), revision(), revision(SECOND, condition("Ready", None), version="2"), pod(ready=True), crashing,
        logs={"scorer-2/kserve-container": TRACEBACK},
    )  # fmt: skip
    assert found.ready
    assert found.problem.startswith(
        "the version before serves on; the new one: container kserve-container crashes (exit code 1, 4 restarts): Mod"
    )


@pytest.mark.parametrize("starting", [pod("scorer-2"), initializing(waiting={"reason": "PodInitializing"})], ids=["probe", "initializing"])
def test_replica_more_that_starts_is_no_problem(starting: Object) -> None:
    assert scorer(asked_for("1"), revision(), pod("scorer-0", ready=True), starting).problem == ""


def test_crash_of_one_replica_of_the_version_that_serves_is_told_as_restarts_only() -> None:
    found = scorer(asked_for("1"), revision(), pod("scorer-0", ready=True), restarting(ENDED, ready=False))
    assert (found.problem, found.restarts) == ("", 3)


def test_quota_is_told_with_the_field_to_change() -> None:
    found = scorer(asked_for("1", ready=None, is_ready=False, conditions=[condition("PredictorReady", False, "", QUOTA)]), DEPLOYING)
    assert found.problem.startswith("quota exceeded: quota, requested: requests.cpu=2")
    assert (
        "raise quota.cpu, or lower models.scorer.resources.cpu or models.scorer.scaling.max_replicas, in gitops/tenants/fraud.yaml"
        in found.problem
    )


def test_quota_of_the_next_version_is_told_while_the_one_before_serves() -> None:
    judged = [condition("PredictorReady", False, "", QUOTA)]
    behind = asked_for("2", newest=SECOND, is_ready=False, conditions=judged)
    found = scorer(behind, revision(), revision(SECOND, condition("Ready", False), version="2"), pod(ready=True))
    assert (found.shown_version, found.ready) == ("1 (2 wanted)", False)
    assert found.problem.startswith("the version before serves on; the new one: quota exceeded: quota, requested: requests.cpu=2")


def test_revision_that_knative_gave_up_is_told_with_the_command_that_mends_it() -> None:
    found = scorer(asked_for("1", ready=None, is_ready=False), revision(FIRST, *GIVEN_UP))
    assert found.given_up == (FIRST,)
    assert found.problem == (
        f"Knative gave up on revision {FIRST} at its progress deadline and tries it no more: Initial scale was never achieved; "
        f"`kubectl delete revisions.serving.knative.dev {FIRST} --namespace=tenant-fraud --cascade=foreground`, and Knative makes it again"
    )
    refused = scorer(
        asked_for("1", ready=None, is_ready=False), revision(FIRST, condition("Ready", False, "FailedCreate", QUOTA), GIVEN_UP[1])
    )
    assert refused.problem.startswith(
        f"Knative gave up on revision {FIRST} at its progress deadline and tries it no more: quota exceeded: quota, "
    )
    assert "raise quota.cpu, or lower" in refused.problem
    assert "; when that is applied, `kubectl delete revisions.serving.knative.dev " in refused.problem


@pytest.mark.parametrize(
    "objects",
    [
        pytest.param([asked_for("1", ready=None, is_ready=False), revision(FIRST, *GIVEN_UP), CRASHING], id="it-has-a-pod"),
        pytest.param([asked_for("1"), revision(FIRST, *GIVEN_UP)], id="it-was-ready-once-and-a-request-wakes-it"),
        pytest.param([asked_for("2", newest=SECOND, ready=SECOND, shares={SECOND: 100}), revision(FIRST, *GIVEN_UP), revision(SECOND)], id="an-older-one"),
        pytest.param([asked_for("1", ready=None, is_ready=None), DEPLOYING], id="it-is-still-tried"),
        pytest.param([asked_for("1", ready=None, is_ready=False), revision(FIRST, GIVEN_UP[0], condition("Active", False, "FailedCreate"))], id="knative-tries-again"),
    ],
)  # fmt: skip
def test_what_knative_still_tries_is_not_given_up(objects: list[Object]) -> None:
    assert scorer(*objects).given_up == ()


def test_canary_that_knative_gave_up_is_told_while_the_version_before_serves() -> None:
    found = scorer(asked_for("2", newest=SECOND), revision(), pod(ready=True), revision(SECOND, *GIVEN_UP, version="2"))
    assert (found.ready, found.given_up) == (True, (SECOND,))
    assert found.problem.startswith(f"the version before serves on; the new one: Knative gave up on revision {SECOND}")
