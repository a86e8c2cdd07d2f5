"""What keeps a model from coming up is told by `status` and by `model explain`, with the step that mends it.

One region gets a server that crashes from its start, which Knative then gives up on, the other a quota with no room.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.acceptance.command_line import shown
from tests.acceptance.running_platform import Running, wait_for
from tests.acceptance.served_repository import Repository, model_file
from tidegate.live.observed_pods import KNATIVE_LABEL_REVISION
from tidegate.live.states import ModelState
from tidegate.manifests.layout import RENDERED, tenant_folder

CRASHES, REFUSED = "live-2", "live-1"
TENANT, NAME = "scoring", "fraud-shadow"
MODEL, NAMESPACE = f"{TENANT}/{NAME}", f"tenant-{TENANT}"
CRASH = r"container kserve-container crashes \(exit code [1-9][0-9]*, [0-9]+ restarts\): ."
RecordProperty = Callable[[str, object], None]

pytestmark = [pytest.mark.timeout(900), pytest.mark.touches(regions=[CRASHES, REFUSED], asks=[], tenant=TENANT, alone=False)]


def with_environment(name: str, value: str) -> Callable[[str], str]:
    """Gives the server a variable, which is a new revision."""
    return lambda text: text.replace(
        "      protocolVersion:", f"      env:\n        - name: {name}\n          value: {value}\n      protocolVersion:", 1
    )


def state(running: Running, region: str) -> ModelState:
    return next(one for one in running.state(region).models if one.name == MODEL)


def explained(region: str) -> dict[str, Any]:
    """The row with the cause; its `why` is the next step."""
    rows = json.loads(shown("model", "explain", MODEL, "--json"))
    return next(row for row in rows if row["path"] == f"{region}.live.cause")


@pytest.fixture(scope="module")
def broken(platform: Running) -> Iterator[Repository]:
    repository = Repository(platform)
    quota = f"{RENDERED}/{tenant_folder(REFUSED, TENANT)}/resourcequota-quota.yaml"
    try:
        repository.edit(model_file(CRASHES, TENANT, NAME), with_environment("MLSERVER_HTTP_PORT", "none"))
        repository.edit(quota, lambda text: re.sub(r"(?m)^    pods: .*$", '    pods: "0"', text))
        repository.commit("Let a server crash, and leave no room for pods")

        def room() -> str:
            return platform.read(REFUSED, "resourcequotas/quota", f"--namespace={NAMESPACE}")["spec"]["hard"]["pods"]

        wait_for("the quota has no room for a pod", room, lambda pods: pods == "0", 90, 1)
        repository.edit(model_file(REFUSED, TENANT, NAME), with_environment("MLSERVER_DEBUG", '"false"'))
        repository.commit("Ask for a pod that no quota allows")
        yield repository
    finally:
        repository.close()


@pytest.mark.usefixtures("broken")
def test_crash_from_the_start_is_told_long_before_knative_gives_up(platform: Running, record_property: RecordProperty) -> None:
    def problem() -> str:
        return state(platform, CRASHES).problem

    wait_for("status tells the crash", problem, lambda told: bool(re.search(CRASH, told)), 90, 1)
    selector = f"--selector=serving.kserve.io/inferenceservice={NAME}"
    pods = platform.read(CRASHES, "pods", f"--namespace={NAMESPACE}", selector)["items"]
    newest = max(one["metadata"]["creationTimestamp"] for one in pods)
    began = time.mktime(time.strptime(newest, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    record_property("told_after_seconds", round(time.time() - began, 1))
    assert time.time() - began < 300, f"the crashing pod began at {newest}; Knative says Deploying for ten minutes"
    row = explained(CRASHES)
    assert re.search(CRASH, row["value"]), row["value"]
    assert f"kubectl -n {NAMESPACE} logs " in row["why"]
    assert "-c kserve-container" in row["why"]


def test_revision_that_knative_gave_up_on_is_told_with_the_command_that_has_it_made_again(
    platform: Running, broken: Repository, record_property: RecordProperty
) -> None:
    deadline = "\n    annotations:\n      serving.knative.dev/progress-deadline: 20s\n"
    broken.edit(model_file(CRASHES, TENANT, NAME), lambda text: text.replace("\n    annotations:\n", deadline, 1))
    broken.commit("Let Knative give up on the server that crashes")

    def told() -> str:
        return state(platform, CRASHES).problem

    gave_up = r"Knative gave up on revision (\S+) at its progress deadline and tries it no more: ."
    seconds = wait_for("status tells that Knative gave up", told, lambda problem: bool(re.search(gave_up, problem)), 240, 1)
    record_property("told_after_seconds", seconds)
    row = explained(CRASHES)
    named = re.search(gave_up, row["value"])
    assert named, row["value"]
    assert f"kubectl delete revisions.serving.knative.dev {named[1]} --namespace={NAMESPACE} --cascade=foreground" in row["why"]
    assert "look again" not in row["why"]


@pytest.mark.usefixtures("broken")
def test_quota_is_told_with_the_field_to_change(platform: Running, record_property: RecordProperty) -> None:
    def told() -> str:
        return state(platform, REFUSED).problem

    field = r"quota exceeded: .*requested: pods=1.*raise quota\.pods, or lower models\.fraud-shadow\.scaling\.max_replicas"
    seconds = wait_for("status names quota.pods", told, lambda problem: bool(re.search(field, problem)), 90, 1)
    record_property("told_after_seconds", seconds)
    row = explained(REFUSED)
    assert "quota exceeded" in row["value"]
    assert "look again" not in row["why"]
    assert "quota.pods" in row["why"]


def test_restart_of_a_ready_model_is_told(platform: Running, broken: Repository) -> None:
    broken.close()  # in the other region the pod that crashed is still counted for a while

    def ready_pod() -> str:
        """Of the revision that stays: those of others are about to leave, and their restarts do not count."""
        service = platform.read(REFUSED, f"services.serving.knative.dev/{NAME}-predictor", f"--namespace={NAMESPACE}")
        status = service["status"]
        revision = status["latestCreatedRevisionName"]
        is_settled = status["observedGeneration"] == service["metadata"]["generation"] and status["latestReadyRevisionName"] == revision
        if not is_settled:
            return ""
        pods = platform.read(REFUSED, "pods", f"--namespace={NAMESPACE}", f"--selector={KNATIVE_LABEL_REVISION}={revision}")["items"]
        ready = [
            one["metadata"]["name"] for one in pods if "deletionTimestamp" not in one["metadata"]
            and any(each["type"] == "Ready" and each["status"] == "True" for each in one["status"].get("conditions", []))
        ]  # fmt: skip
        return next(iter(ready), "")

    wait_for("a replica is ready", ready_pod, bool, 120, 1)
    before = state(platform, REFUSED).restarts
    end = "import os, signal; os.kill(1, signal.SIGTERM)"
    platform.cluster(REFUSED).run(
        "exec", ready_pod(), f"--namespace={NAMESPACE}", "--container=kserve-container", "--", "python3", "-c", end
    )

    def told() -> tuple[bool, int]:
        now = state(platform, REFUSED)
        return now.ready and bool(now.ready_replicas), now.restarts

    wait_for("status tells the restart of a ready model", told, lambda seen: seen == (True, before + 1), 90, 1)
    again = r"ready, but container kserve-container was started again (once|[0-9]+ times), last after exit code "
    assert re.match(again, explained(REFUSED)["value"])
