"""How long it takes to look at 2,000 releases when nothing is to be done, as after a takeover."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, cast
from unittest import mock

import pytest

from clusters.workloads.release_controller import kinds
from clusters.workloads.release_controller.known import Model
from clusters.workloads.release_controller.server_time import ServerTime
from clusters.workloads.release_controller.sources import Sources
from clusters.workloads.release_controller.store import Store
from clusters.workloads.release_controller.turn import Parts, Turn
from tests.clusters.workloads.release_controller.simulated_region import release_object, service_object
from tests.tidegate.release.world import files
from tidegate.contracts.release import Phase, ReleaseSpec, ReleaseStatus
from tidegate.release.objects import SOURCE_URI, guard_data, revision_of, route_object
from tidegate.release.observation import Guard, SetRoute, Target

MODELS, SECONDS_AT_MOST = 2000, 8.0
"""The bound is ten times what it takes, because the machine may be busy; the figure itself is recorded."""

SPEC = ReleaseSpec(
    strategy="canary", wanted=files(1), promoted=files(1), steps_percent=(10, 100), step_seconds=60, minimum_requests=300, p99_ms=50,
    availability=0.99, rollback_hours=1,
)  # fmt: skip


def named(item: dict[str, Any], name: str, number: int, suffix: str = "") -> dict[str, Any]:
    stamp = datetime(2026, 11, 30, tzinfo=UTC).isoformat()
    kept = {"uid": f"{name}-{number}", "resourceVersion": str(number), "creationTimestamp": stamp}
    return {**item, "metadata": {**item["metadata"], **kept, "name": f"{name}{suffix}"}}


def fill(store: Store) -> list[Model]:
    data: dict[str, str] = {}
    models: list[Model] = []
    for number in range(MODELS):
        name = f"model-{number}"
        service = named(service_object(files(1)), name, number)
        namespace = service["metadata"]["namespace"]
        annotations = {"tidegate.dev/model-sha256": files(1).sha256, SOURCE_URI: files(1).uri}
        labels = {"serving.kserve.io/inferenceservice": name, "component": "predictor"}
        made = named({"metadata": {"namespace": namespace, "annotations": annotations, "labels": labels}}, name, number, "-predictor-00001")
        made["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
        seen = revision_of(made)
        assert seen
        stable = seen.revision
        status = ReleaseStatus(phase=Phase.STEADY, stable=stable).model_dump(mode="json", by_alias=True, exclude_none=True)
        store.put(kinds.SERVICES, service)
        store.put(kinds.REVISIONS, made)
        store.put(kinds.RELEASES, named(release_object(SPEC) | {"status": status}, name, number))
        route = route_object(namespace, name, service, SetRoute((Target(stable.name, 100),), "1"))
        store.put(kinds.ROUTES, named(route, name, number, "-live"))
        data |= guard_data({}, name, Guard(stable.name, {stable.name: 100}, {stable.name: stable.sha256}))
        models.append(Model(namespace, name))
    parameter = {"metadata": {"namespace": models[0].namespace, "name": "releases", "uid": "p", "resourceVersion": "1"}, "data": data}
    store.put(kinds.PARAMETERS, parameter)
    return models


def test_two_thousand_releases_are_looked_at(record_property: Any) -> None:
    store = Store("release-controller")
    models = fill(store)
    nobody = cast("Any", mock.Mock())
    clock = ServerTime(time.monotonic, time.time)
    turn = Turn(Parts(store, nobody, nobody, Sources(), clock, nobody, lambda: ""))
    began = time.perf_counter()
    for model in models:
        with pytest.raises(StopIteration) as paused:
            turn.look(model).send(None)
        assert paused.value.value > 500, "at rest"
    seconds = time.perf_counter() - began
    record_property("seconds", seconds)
    assert seconds < SECONDS_AT_MOST
