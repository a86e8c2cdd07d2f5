"""What is committed is live soon and touches nobody else; what is changed by hand is healed; what is broken disturbs nobody."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from edge_client import load
from running_platform import REGIONS, Running, wait_for
from served_repository import Repository, model_file, setting

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

REGION = "live-2"
RecordProperty = Callable[[str, object], None]


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


@pytest.mark.parametrize(
    ("edited", "patch", "path"),
    [
        (("resourcequota", "quota", "tenant-fraud"), '{"spec": {"hard": {"pods": "999"}}}', "{.spec.hard.pods}"),
        (("inferenceservice", "scorer", "tenant-fraud"), '{"spec": {"predictor": {"maxReplicas": 9}}}', "{.spec.predictor.maxReplicas}"),
        (("peerauthentication", "strict", "tenant-credit"), '{"spec": {"mtls": {"mode": "PERMISSIVE"}}}', "{.spec.mtls.mode}"),
        (("gateway", "edge", "istio-ingress"), '{"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}}', "{.metadata.labels}"),
    ],
    ids=["quota", "model", "mesh", "gateway"],
)
def test_object_edited_by_hand_is_healed(
    platform: Running, record_property: RecordProperty, edited: tuple[str, str, str], patch: str, path: str,
) -> None:  # fmt: skip
    kind, name, namespace = edited
    cluster = platform.cluster(REGION)

    def look() -> str:
        return cluster.run("get", kind, name, f"--namespace={namespace}", f"--output=jsonpath={path}")

    before = look()
    cluster.run("patch", kind, name, f"--namespace={namespace}", "--type=merge", f"--patch={patch}")
    seconds = wait_for(f"{kind} {name} of {namespace} is as in Git again ({path} = {before})", look, lambda now: now == before, 120, 0.3)
    record_property("healed_after_seconds", seconds)


@pytest.mark.parametrize(
    ("kind", "name", "namespace"),
    [
        ("networkpolicy", "default-deny", "tenant-fraud"),
        ("authorizationpolicy", "callers", "tenant-credit"),
        ("authorizationpolicy", "tenants", "istio-ingress"),
        ("httproute", "fraud", "istio-ingress"),
    ],
    ids=["network-policy", "callers", "admission-at-the-edge", "route"],
)
def test_object_deleted_by_hand_comes_back(
    platform: Running, record_property: RecordProperty, kind: str, name: str, namespace: str
) -> None:
    cluster = platform.cluster(REGION)

    def look() -> str:
        return cluster.run("get", kind, name, f"--namespace={namespace}", "--output=jsonpath={.metadata.uid}", "--ignore-not-found")

    before = look()
    assert before, f"{namespace} has no {kind} {name}"
    cluster.run("delete", kind, name, f"--namespace={namespace}", "--wait=false")
    seconds = wait_for(f"{kind} {name} of {namespace} is back", look, lambda now: now not in {"", before}, 120, 0.3)
    record_property("back_after_seconds", seconds)


def test_model_answers_after_all_that_healing(platform: Running) -> None:
    def look() -> int:
        return platform.ask(REGION, "fraud/scorer").status

    wait_for("fraud/scorer answers", look, lambda status: status == 200, 60, 1)


BROKEN: dict[str, tuple[Callable[[str], str], str]] = {
    "unknown-runtime": (setting("runtime", "tidegate-no-such-runtime"), "RuntimeNotRecognized|no-such-runtime"),
    "unknown-field": (lambda text: text.replace("  predictor:\n", "  predictor:\n    noSuchField: true\n", 1), "noSuchField"),
    "wrong-type": (setting("maxReplicas", '"many"'), "maxReplicas"),
    "another-version": (lambda text: text.replace("/fraud-shadow/2", "/fraud-shadow/99"), "knows this digest under another"),
}
"""How the file is broken, and what whoever broke it must find named in the status."""


@pytest.mark.parametrize("fault", sorted(BROKEN))
def test_broken_manifest_leaves_the_previous_version_serving_and_is_named(
    platform: Running, repository: Repository, record_property: RecordProperty, fault: str
) -> None:
    change, word = BROKEN[fault]
    with load(platform, REGION, "scoring/fraud-shadow", per_second=5, callers=1) as seen:
        repository.edit(model_file(REGION, "scoring", "fraud-shadow"), change)
        repository.commit(f"Break scoring: {fault}")

        def problems() -> list[str]:
            state = platform.state(REGION)
            return [
                *(f"{one.name}: {one.problem or one.sync}" for one in state.applications if one.name == "tenant-scoring" and one.problem),
                *(f"{one.name}: {one.problem}" for one in state.models if one.name == "scoring/fraud-shadow" and one.problem),
            ]

        seconds = wait_for(f"status names {word}", problems, lambda said: any(re.search(word, line) for line in said), 120, 1)
        record_property("named_after_seconds", seconds)
        record_property("named", problems())
        time.sleep(3)  # long enough for a wrong answer to show
    record_property("callers", seen.told())
    assert seen.sent > 10
    assert not seen.bad, f"{seen.told()} while {fault} was in Git"
    repository.revert()
    platform.wait_until_live(REGION)
    assert platform.ask(REGION, "scoring/fraud-shadow").status == 200
