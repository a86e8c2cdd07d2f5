"""What a tenant commits is live soon, and touches nobody else in any region."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.acceptance.running_platform import REGIONS, Running, wait_for
from tests.acceptance.served_repository import Repository, model_file, setting

REGION = "live-2"
RecordProperty = Callable[[str, object], None]

pytestmark = pytest.mark.timeout(900)


def syncs(running: Running) -> dict[str, str]:
    """When each Application of every region was last applied."""
    return {
        f"{region}/{one['metadata']['name']}": one["status"].get("operationState", {}).get("startedAt", "")
        for region in REGIONS
        for one in running.read(region, "applications.argoproj.io", "--namespace=argocd")["items"]
    }


def test_commit_of_one_tenant_is_live_soon_and_touches_only_that_tenant(
    platform: Running, repository: Repository, record_property: RecordProperty
) -> None:
    before = syncs(platform)
    repository.edit(model_file(REGION, "merchants", "anomaly"), setting("maxReplicas", "3"))
    started = time.monotonic()
    repository.commit("Let merchants grow")

    def look() -> int:
        return platform.read(REGION, "inferenceservices/anomaly", "--namespace=tenant-merchants")["spec"]["predictor"]["maxReplicas"]

    wait_for("maxReplicas of merchants/anomaly is 3", look, lambda count: count == 3, 120, 0.3)
    record_property("commit_to_applied_seconds", round(time.monotonic() - started, 2))
    wait_for("the new revision of merchants/anomaly is ready", lambda: revisions(platform), lambda two: two[0] == two[1] != "", 120, 1)
    record_property("commit_to_ready_seconds", round(time.monotonic() - started, 2))
    # A root that was still ending the round of the bring-up is no part of this commit.
    touched = {name for name, when in syncs(platform).items() if when != before.get(name) and not name.endswith("/root")}
    record_property("applications_touched", sorted(touched))
    assert f"{REGION}/tenant-merchants" in touched
    assert touched <= {f"{REGION}/tenant-merchants", f"{REGION}/guard-rails-merchants"}
    assert platform.ask(REGION, "merchants/anomaly").status == 200


def revisions(running: Running) -> tuple[str, str]:
    """The newest revision of merchants/anomaly, and the newest that is ready."""
    status = running.read(REGION, "services.serving.knative.dev/anomaly-predictor", "--namespace=tenant-merchants")["status"]
    return status.get("latestCreatedRevisionName", ""), status.get("latestReadyRevisionName", "")
