"""A model that nobody asks has no pods, and the first who asks gets the right answer all the same."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator

import pytest

from tests.acceptance.running_platform import REGIONS, Running, tell, wait_for
from tests.acceptance.served_repository import Repository, model_file

MODEL = "assistant/chat"
COLD_STARTS = int(os.environ.get("TIDEGATE_COLD_STARTS", "4"))
"""Over all regions together; `make soak` asks for 200."""

# Alone in its region, because a change at the edge cuts what takes longer than the mesh's drain of ten seconds, and a cold start
# does when the machine is busy.
pytestmark = pytest.mark.timeout(3600)

RecordProperty = Callable[[str, object], None]


@pytest.fixture(scope="module", params=REGIONS)
def region(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def wait_until_zero(running: Running, region: str) -> float:
    return wait_for(f"{MODEL} of {region} has no pods", lambda: running.places(region, MODEL), lambda there: not there, 240, 0.5)


def start_cold(running: Running, region: str) -> tuple[int, float, str]:
    """Waits for zero pods and sends a request: status, seconds and body of the answer."""
    wait_until_zero(running, region)
    answer = running.ask(region, MODEL)
    return answer.status, round(answer.milliseconds / 1000, 2), answer.body


@pytest.fixture(scope="module")
def leaves_soon(platform: Running, region: str) -> Iterator[None]:
    """Pods leave after 6 idle seconds for the time of these tests, the shortest that Knative takes."""
    repository = Repository(platform)
    repository.edit(model_file(region, "assistant", "chat"), leave_soon)
    try:
        repository.commit("Let chat leave soon")

        def look() -> str:
            found = platform.read(region, "services.serving.knative.dev/chat-predictor", "--namespace=tenant-assistant")
            annotations = found["spec"]["template"]["metadata"]["annotations"]
            fresh = found["status"].get("latestReadyRevisionName") == found["status"].get("latestCreatedRevisionName")
            return annotations.get("autoscaling.knative.dev/window", "") if fresh else "not ready"

        wait_for(f"chat of {region} leaves after 6 s", look, lambda window: window == "6s", 180, 1)
        yield
    finally:
        repository.close()


@pytest.fixture(scope="module")
def idle(platform: Running, leaves_soon: None, region: str) -> float:  # noqa: ARG001 - so that nobody waits for a minute each time
    """Seconds from the last request to no pods."""
    platform.ask(region, MODEL)
    return wait_until_zero(platform, region)


def test_first_request_after_zero_is_answered_as_in_process(
    platform: Running, idle: float, region: str, record_property: RecordProperty
) -> None:
    record_property("seconds_to_zero", idle)
    (told,) = [one for one in platform.state(region).models if one.name == MODEL]
    assert (told.replicas, told.ready, told.executed) == (0, True, True), f"at zero it is told as {told}"
    started = time.monotonic()
    status, seconds, body = start_cold(platform, region)
    record_property("first_answer_seconds", seconds)
    assert status == 200, f"{status} after {time.monotonic() - started:.1f} s: {body[:300]}"
    assert platform.sample(MODEL).largest_difference(json.loads(body)) == 0


def test_model_at_zero_keeps_its_application_healthy_when_kserve_judges_it_anew(platform: Running, idle: float, region: str) -> None:
    """KServe calls a model without pods pending; nobody should have to ask it for its Application to be well."""
    assert idle
    wait_until_zero(platform, region)
    cluster = platform.cluster(region)
    cluster.run(
        "annotate", "inferenceservice", "chat", "--namespace=tenant-assistant", "--overwrite", f"example.com/judged-at={time.time()}"
    )
    time.sleep(3)  # KServe answers an event within a second
    try:

        def look() -> list[str]:
            return [f"{one.sync}, {one.health}" for one in platform.state(region).applications if one.name == "tenant-assistant"]

        wait_for(f"tenant-assistant of {region} is well", look, lambda seen: seen == ["Synced, Healthy"], 120, 1)
    finally:
        cluster.run("annotate", "inferenceservice", "chat", "--namespace=tenant-assistant", "example.com/judged-at-")


def test_cold_starts_one_after_another_are_all_answered(
    platform: Running, idle: float, region: str, record_property: RecordProperty
) -> None:
    assert idle
    found: list[tuple[int, float, str]] = []
    each = -(-COLD_STARTS // len(REGIONS))
    for number in range(each):
        found.append(start_cold(platform, region))
        tell(f"cold start {number + 1} of {each} in {region}: {found[-1][0]} after {found[-1][1]} s")
    seconds = sorted(one[1] for one in found)
    record_property("cold_starts", {"count": len(seconds), "median_seconds": seconds[len(seconds) // 2], "worst_seconds": seconds[-1]})
    assert not [f"{status} {body[:200]}" for status, _, body in found if status != 200]


def leave_soon(text: str) -> str:
    key = "autoscaling.knative.dev/scale-to-zero-pod-retention-period"
    return re.sub(rf"(?m)^(\s*){key}: .*$", rf"\g<1>{key}: 0s\n\g<1>autoscaling.knative.dev/window: 6s", text)
