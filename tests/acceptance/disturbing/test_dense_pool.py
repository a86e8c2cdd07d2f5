"""The long tail in a region: 420 models in two pods, each in one of them, and none lost when a pod goes."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.acceptance.running_platform import INVENTORY, Running, wait_for
from tests.acceptance.served_repository import Repository, model_file, setting
from tidegate.embedded import prediction
from tidegate.facts import names
from tidegate.facts.ports import POOL_PORT

REGION, NAMESPACE, TENANT = "live-2", "tenant-merchants", INVENTORY.tenants["merchants"]

pytestmark = [pytest.mark.timeout(900), pytest.mark.touches(regions=[REGION], asks=["merchants"], alone=False)]

POOL = TENANT.models["anomaly"].dense_pool
assert POOL
MODELS = POOL.models
CALLERS = 6
RecordProperty = Callable[[str, object], None]

RESIDENT = f"""
import json, urllib.request
asked = urllib.request.Request("http://127.0.0.1:{POOL_PORT}/v2/repository/index", b'{{"ready": true}}', {{"Content-Type": "application/json"}})
print(json.dumps([item["name"] for item in json.load(urllib.request.urlopen(asked))]))
"""
"""Run in a pod: which models it has in memory."""


@pytest.fixture
def pool(platform: Running, repository: Repository) -> list[str]:
    """Two pods of one revision, by name."""
    repository.edit(model_file(REGION, "merchants", "anomaly"), setting("minReplicas", "2"))
    repository.commit("Give the merchants two pods")

    def look() -> list[str]:
        newest = platform.read(REGION, "services.serving.knative.dev/anomaly-predictor", f"--namespace={NAMESPACE}")["status"]
        revision = newest.get("latestReadyRevisionName", "")
        if revision != newest.get("latestCreatedRevisionName"):
            return []
        # Pods of the revision before have the same catalogue: until they have ended they are peers too.
        everyone = pods(platform)
        return ready_pods(everyone) if all(pod["metadata"]["name"].startswith(f"{revision}-") for pod in everyone) else []

    wait_for("two pods of the dense pool are ready, and no others", look, lambda there: len(there) == 2, 300, 1)
    return look()


def pods(running: Running) -> list[Any]:
    """Every pod of the pool, those about to end as well."""
    return running.read(REGION, "pods", f"--namespace={NAMESPACE}", f"--selector={names.KSERVE_LABEL_MODEL}=anomaly")["items"]


def ready_pods(found: list[Any]) -> list[str]:
    """Those that take requests and are not about to end, by name."""
    return sorted(
        pod["metadata"]["name"] for pod in found
        if "deletionTimestamp" not in pod["metadata"]
        and any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))
    )  # fmt: skip


def resident(running: Running, pod: str) -> set[str]:
    """What `pod` has in memory, in its own word."""
    return set(json.loads(running.cluster(REGION).run(
        "exec", pod, f"--namespace={NAMESPACE}", "--container=kserve-container", "--", "python3", "-c", RESIDENT
    )))  # fmt: skip


def ask(running: Running, model: str) -> prediction.ModelAnswer:
    """Asks one merchant's model through the edge."""
    request = running.sample("merchants/anomaly").request
    return prediction.call(running.local, TENANT, "anomaly", request, path=f"/v2/models/{model}/infer", region=REGION)


def ask_all(running: Running, models: Sequence[str]) -> list[prediction.ModelAnswer]:
    """Asks many, some at once; the answers in order."""
    with ThreadPoolExecutor(CALLERS) as callers:
        return list(callers.map(functools.partial(ask, running), models))


def test_each_model_has_one_home_and_none_is_lost_with_a_pod(platform: Running, pool: list[str], record_property: RecordProperty) -> None:
    asked = random.Random(73).sample([f"merchant-{number:03d}" for number in range(MODELS)], 120)
    for model, answer in zip(asked, ask_all(platform, asked), strict=True):
        assert (answer.status, json.loads(answer.body)["model_name"]) == (200, model), answer.body[:300]
    homes = [resident(platform, pod) for pod in pool]
    record_property("resident", [len(one) for one in homes])
    assert set(asked) <= homes[0] | homes[1]
    assert len(homes[0] & homes[1]) <= 12, "models are in both pods, though nobody asks for them often"
    assert min(map(len, homes)) >= 40, "one pod has nearly all"
    platform.cluster(REGION).run("delete", "pod", pool[0], f"--namespace={NAMESPACE}", "--wait=false")
    assert {answer.status for answer in ask_all(platform, asked)} == {200}

    def replaced() -> list[str]:
        everyone = pods(platform)
        return ready_pods(everyone) if len(everyone) == 2 and pool[0] not in ready_pods(everyone) else []

    wait_for("the pod has ended and is replaced", replaced, bool, 300, 1)
    assert {answer.status for answer in ask_all(platform, asked)} == {200}
    homes = [resident(platform, pod) for pod in replaced()]
    assert set(asked) <= homes[0] | homes[1]


def test_nobody_reaches_a_model_that_is_not_in_the_catalogue(platform: Running) -> None:
    answer = ask(platform, "merchant-999")
    assert (answer.status, json.loads(answer.body)) == (404, {"error": "Model merchant-999 not found"})
