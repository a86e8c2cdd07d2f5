"""A policy that changes while predictions are under way cuts none of them."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from tests.acceptance.edge_client import send
from tests.acceptance.running_platform import REGIONS, Running, model_of
from tidegate.operations.local import prediction

pytestmark = [pytest.mark.timeout(300), pytest.mark.touches(regions=[REGIONS[0]], alone=True)]

MODEL = "fraud/scorer"
ROWS = 100_000
"""Makes a prediction take some two to four seconds, most of them spent on reading it."""

DRAIN_SECONDS = 10
"""Of the mesh (clusters/addons/istio.py): what takes longer than that is cut, and no test.

A change that follows another within that time finds predictions on connections of the listener before, which were kept and idle
when its drain began. They are cut when it ends, however short they are (seen: 503 after 4.6 s, 12 s after a change). So a change
comes after the drain of the one before it.
"""

PUSH_SECONDS = 3
"""Until a change is with every proxy."""


def test_changed_policy_cuts_no_prediction_that_is_under_way(platform: Running, tmp_path: Path) -> None:
    region, (tenant, _) = REGIONS[0], model_of(MODEL)
    host, sample = tenant.host_in(platform.local.platform.clusters[region].domain), platform.sample(MODEL)
    bearer = prediction.token_for(platform.local, tenant, region)
    headers = {"Host": host, "Content-Type": "application/json", "Authorization": f"Bearer {bearer}"}
    request = json.loads(json.dumps(sample.request))
    for column in request["inputs"]:
        column["data"], column["shape"][0] = column["data"] * ROWS, column["shape"][0] * ROWS
    body = json.dumps(request).encode()
    statuses: list[tuple[int, float]] = []

    def predict() -> None:
        started = time.monotonic()
        status, _ = send(platform, region, host, f"/scorer{sample.path}", headers, body=body)
        statuses.append((status, time.monotonic() - started))

    policy = {
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": {"name": "changing", "namespace": "tenant-fraud"},
    }  # fmt: skip
    changed = float("-inf")
    try:
        for number in range(4):
            time.sleep(max(0.0, changed + PUSH_SECONDS + DRAIN_SECONDS - time.monotonic()))
            caller = threading.Thread(target=predict)
            caller.start()
            time.sleep(0.5)
            rule = {"to": [{"operation": {"paths": [f"/nothing-{number}"]}}]}
            file = tmp_path / f"{number}.json"
            file.write_text(json.dumps({**policy, "spec": {"action": "DENY", "rules": [rule]}}))
            platform.cluster(region).run("apply", f"--filename={file}")
            changed = time.monotonic()
            caller.join()
    finally:
        platform.cluster(region).run("delete", "authorizationpolicy", "changing", "--namespace=tenant-fraud", "--ignore-not-found")
    within = [status for status, seconds in statuses if seconds < DRAIN_SECONDS]
    assert within, f"every prediction took longer than {DRAIN_SECONDS} s, so that nothing was shown: {statuses}"
    assert set(within) == {200}, statuses
