"""A served model is walked from Git to the gateway, and what is fine is not called a cause."""

from __future__ import annotations

from typing import Any

from tests.tidegate.embedded.canned_models import CRASHED, EDGE, FETCH, READY, explain, starting, sync_failed, waiting
from tests.tidegate.live.canned_cluster import (  # fmt: skip
    FIRST,
    PARTS,
    SECOND,
    CannedCluster,
    Object,
    application,
    condition,
    container,
    gateway,
    inference_service,
    knative,
    make,
    node,
    platform,
    pod,
    revision,
    route,
)
from tidegate.live.explanation import explain_live
from tidegate.repository.explain_model import explain_diagnosis


def test_a_ready_model_has_no_cause_and_every_step() -> None:
    found = explain(*READY)
    assert (found.ready, found.cause, found.summary) == (True, "", "ready; nothing to do")
    assert [(step.object, step.state) for step in found.steps] == [
        ("Application tenant-fraud", "Synced, Healthy"), ("InferenceService scorer", "Ready"), ("Knative Service scorer-predictor", "Ready"),
        ("Revision scorer-predictor-00001", "Ready"), ("Pod scorer-1", "Ready"), ("Node live-1-node-1", "Ready"),
        ("HTTPRoute fraud", "Accepted"), ("Gateway edge", "Programmed"),
    ]  # fmt: skip


def test_model_beyond_the_first_sixteen_is_found_in_the_route_that_serves_it() -> None:
    others = route(path="/seventeen-others-before")
    found = explain(*READY[:-2], gateway(), others, route("fraud.2"))
    assert (found.ready, found.cause) == (True, "")
    assert ("HTTPRoute fraud.2", "Accepted") in [(step.object, step.state) for step in found.steps]
    refused = explain(*READY[:-2], gateway(), others, route("fraud.2", accepted=False, message="host not allowed"))
    assert refused.cause == "gateway route: HTTPRoute fraud.2 is not accepted (Accepted): host not allowed"


def test_model_in_none_of_a_tenants_routes_is_told_with_all_of_them() -> None:
    elsewhere = route("fraud.2", path="/other"), route("credit", tenant="credit")  # which happens to lead /scorer, of another host
    found = explain(*READY[:-2], gateway(), route(path="/first"), *elsewhere)
    assert found.cause == "gateway route: HTTPRoute fraud, fraud.2 has no rule for /scorer, so callers get 404"
    assert ("HTTPRoute fraud, fraud.2", "no rule") in [(step.object, step.state) for step in found.steps]


def test_scaled_to_zero_is_fine() -> None:
    asleep = revision(FIRST, condition("Ready", True), condition("Active", False, "NoTraffic", "The target is not receiving traffic."))
    found = explain(application(), inference_service(), knative(), asleep, *EDGE)
    assert (found.ready, found.cause) == (True, "scaled to zero, which is fine")
    assert ("Revision scorer-predictor-00001", "scaled to zero") in [(step.object, step.state) for step in found.steps]


def test_pods_on_pretended_nodes_are_scheduled_only() -> None:
    found = explain(*READY[:4], pod(ready=True), node(fake=True), *EDGE)
    assert found.ready
    assert found.cause == "scheduled, not executed: live-1-node-1 is a simulated node"


def test_pods_on_pretended_nodes_need_no_probe() -> None:
    unprobed = pod(status={"containerStatuses": [container(ready=True)]})
    assert explain(*READY[:4], unprobed, node(fake=True), *EDGE).cause.startswith("scheduled, not executed")


def test_node_of_several_parts_is_shown_once() -> None:
    steps = [step.object for step in explain(*READY, pod("scorer-2", ready=True)).steps]
    assert (steps.count("Node live-1-node-1"), steps.count("Pod scorer-2")) == (1, 1)


def test_broken_commit_leaves_the_model_serving_and_is_told() -> None:
    found = explain(sync_failed("spec.predictor: Required value"), *READY[1:])
    assert found.ready
    assert (
        found.cause
        == "serving, but Git's newest is not applied: InferenceService scorer: spec.predictor: Required value; one or more objects failed to apply"
    )


def test_failure_of_the_revision_that_serves_comes_before_a_canarys() -> None:
    failing = [
        pod(name, of, status={"containerStatuses": [waiting("kserve-container", "CrashLoopBackOff", last=CRASHED)]})
        for name, of in (("a", SECOND), ("b", FIRST))
    ]
    found = explain(
        application(), inference_service(ready=False), knative(newest=SECOND), revision(), revision(SECOND), *failing, node(), *EDGE
    )
    assert found.cause.startswith("container kserve-container crashes")
    assert "logs b " in found.next_step


def test_a_replica_more_that_starts_is_no_cause() -> None:
    assert explain(*READY, pod("scorer-2")).summary == "ready; nothing to do"


def test_pods_that_leave_are_not_looked_at() -> None:
    leaving = pod("scorer-0", metadata={"deletionTimestamp": "2026-11-21T12:00:00Z"})
    assert "Pod scorer-0" not in [step.object for step in explain(*READY, leaving).steps]


def test_a_failure_comes_before_what_may_pass() -> None:
    crashing = pod("scorer-2", status={"containerStatuses": [waiting("kserve-container", "CrashLoopBackOff", last=CRASHED)]})
    assert explain(*starting(pod("scorer-1"), crashing)).cause.startswith("container kserve-container crashes")


def test_failed_companion_comes_before_a_predictor_that_starts() -> None:
    def of_credit(api: str, kind: str, name: str, part: str, **rest: Any) -> Object:
        labels = {"tidegate.dev/served-model": "decision", "component": part, "serving.knative.dev/revision": f"decision-{part}-00001"}
        return make(api, kind, name, "tenant-credit", metadata={"labels": labels}, **rest)

    objects: list[Object] = [of_credit("serving.kserve.io/v1beta1", "InferenceService", "decision", "", status={})]
    for part, judged in (("predictor", condition("Ready", None)), ("transformer", condition("Ready", False, "ContainerMissing", FETCH))):
        status = {"latestCreatedRevisionName": f"decision-{part}-00001"}
        objects.append(of_credit("serving.knative.dev/v1", "Service", f"decision-{part}", part, status=status))
        objects.append(of_credit("serving.knative.dev/v1", "Revision", f"decision-{part}-00001", part, status={"conditions": [judged]}))
    objects.append(
        of_credit(
            "v1",
            "Pod",
            "decision-1",
            "predictor",
            status={"phase": "Pending", "containerStatuses": [waiting("kserve-container", "PodInitializing")]},
        )
    )
    found = explain_live(CannedCluster([*objects, gateway()]), platform().tenants["credit"], "decision")
    assert found.cause == f"image cannot be resolved: {FETCH}"
    assert found.next_step == "push the image, or correct models.decision.transformer.image in gitops/tenants/credit.yaml, then commit"
    assert "Knative Service decision-explainer" in [step.object for step in found.steps if step.state == "missing"]


def test_api_server_that_is_down_is_the_cause() -> None:
    found = explain(down=True)
    assert (found.ready, found.cause) == (False, "the region's API server does not answer")


def test_kinds_that_the_cluster_does_not_know_yet_are_missing_not_an_error() -> None:
    unknown = [
        "inferenceservices.serving.kserve.io",
        "services.serving.knative.dev",
        "revisions.serving.knative.dev",
        "applications.argoproj.io",
    ]
    found = explain(*EDGE, unknown=unknown)
    assert found.cause == "not applied: Argo CD has no Application tenant-fraud"


def test_null_where_a_controller_has_not_come_yet_is_absence() -> None:
    bare = make(
        "serving.kserve.io/v1beta1",
        "InferenceService",
        "scorer",
        metadata={"labels": PARTS},
        spec=None,
        status={"conditions": None, "components": None},
    )
    assert explain(application(), bare, *EDGE).cause.startswith("KServe has made no Knative Service scorer-predictor")


def test_diagnosis_as_rows_ends_with_the_cause() -> None:
    rows = explain_diagnosis("live-1", explain(*EDGE))
    assert (rows[-1].path, rows[-1].value) == ("live-1.live.cause", "not applied: Argo CD has no Application tenant-fraud")
    assert rows[0].path == "live-1.live.Application tenant-fraud"
