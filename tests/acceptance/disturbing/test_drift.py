"""What is changed by hand is healed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.acceptance.running_platform import Running, wait_for

REGION = "live-2"
RecordProperty = Callable[[str, object], None]

pytestmark = [pytest.mark.timeout(900), pytest.mark.touches(regions=[REGION])]


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
