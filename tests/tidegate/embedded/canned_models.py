"""Served models as they are in a cluster: ready, starting, refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.tidegate.live.canned_cluster import (  # fmt: skip
    FIRST,
    CannedCluster,
    Object,
    application,
    condition,
    container,
    gateway,
    inference_service,
    knative,
    node,
    platform,
    pod,
    revision,
    route,
)
from tidegate.live.diagnosis import Diagnosis
from tidegate.live.explanation import explain_live

EDGE = [gateway(), route()]
READY = [application(), inference_service(), knative(), revision(), pod(ready=True), node(), *EDGE]
CRASHED = {"reason": "Error", "exitCode": 1}
TRACEBACK = "Traceback (most recent call last):\n  File \"/app/server.py\", line 11\n\x1b[31mModuleNotFoundError: No module named 'features'\x1b[0m\n\n"
STORAGE_LOG = (
    "2026-11-21 11:56:03.452 1 storage.initializer INFO Copying contents\n"
    "2026-11-21 11:56:03.962 1 storage.initializer ERROR [x():28] Storage initialization failed: "
)


def explain(*objects: Object, logs: dict[str, str] | None = None, now: datetime | None = None, **options: Any) -> Diagnosis:
    return explain_live(CannedCluster(objects, logs, **options), platform().tenants["fraud"], "scorer", now)


def starting(*objects: Object) -> list[Object]:
    """A model whose first revision is not ready; what it hangs on is given."""
    unready = [inference_service(ready=None), knative(serving=None), application(health="Degraded"), node(), *EDGE]
    own = [] if any(one["kind"] == "Revision" for one in objects) else [revision(FIRST, condition("Ready", None, "Deploying"))]
    return [*unready, *own, *objects]


def waiting(name: str, reason: str, message: str = "", *, last: Object | None = None) -> Object:
    return container(name, restarts=4 if last else 0, last=last, waiting={"reason": reason, "message": message})


def initializing(**init: Any) -> Object:
    return pod(
        status={
            "phase": "Pending", "initContainerStatuses": [container("storage-initializer", **init)],
            "containerStatuses": [waiting("kserve-container", "PodInitializing"), waiting("queue-proxy", "PodInitializing")],
        }
    )  # fmt: skip


def sync_failed(message: str) -> Object:
    results = {"resources": [{"kind": "InferenceService", "name": "scorer", "status": "SyncFailed", "message": message}]}
    operation = {"phase": "Failed", "message": "one or more objects failed to apply", "syncResult": results}
    return application(sync="OutOfSync", health="Missing", operationState=operation)


FETCH = 'Unable to fetch image "registry.example.com/tidegate/mlserver:9": failed to resolve image to digest: unexpected status code 404 Not Found'
