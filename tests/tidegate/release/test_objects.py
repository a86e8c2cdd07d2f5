"""Objects as Knative and KServe write them (fields seen in a running region), and those that a release writes."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.tidegate.release.world import files
from tidegate.release import objects
from tidegate.release.observation import Guard, Health, Route, Service, SetFiles, SetRoute, Target

SHA = files(1).sha256
REVISION: dict[str, Any] = {
    "metadata": {
        "name": "scorer-predictor-00001", "uid": "u1", "creationTimestamp": "2026-11-30T15:38:31Z",
        "annotations": {
            objects.SOURCE_URI: "s3://models/fraud/scorer/1", "tidegate.dev/model-sha256": SHA, "tidegate.dev/rollout": "canary",
            "serving.knative.dev/routingStateModified": "2026-11-30T15:38:30Z", "autoscaling.knative.dev/min-scale": "1",
        },
    },
    "spec": {"containers": [{"image": "registry.example.com/tidegate/mlserver:9.9.9"}]},
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Active", "status": "False"}]},
}  # fmt: skip
OWNER: dict[str, Any] = {
    "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
    "metadata": {"name": "scorer", "uid": "i1", "resourceVersion": "9", "labels": {"tidegate.dev/tenant": "fraud", "x": "y"},
                 "annotations": {"tidegate.dev/model-sha256": SHA}},
    "spec": {"predictor": {"model": {"storageUri": "s3://models/fraud/scorer/1"}}},
}  # fmt: skip


def changed(path: str, value: object) -> dict[str, Any]:
    """The revision with another value at a path of keys separated by `|`; None takes it away."""
    item = copy.deepcopy(REVISION)
    *way, last = path.split("|")
    place: Any = item
    for key in way:
        place = place[int(key) if key.isdigit() else key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return item


def ready(status: str, reason: str = "", message: str = "") -> dict[str, Any]:
    return changed("status|conditions", [{"type": "Ready", "status": status, "reason": reason, "message": message}])


def test_revision_is_its_files_its_template_and_its_health() -> None:
    seen = objects.revision_of(REVISION)
    assert seen
    assert (seen.revision.name, seen.revision.uid, seen.health) == ("scorer-predictor-00001", "u1", Health.READY)
    assert seen.revision.files == files(1).model_copy(update={"uri": "s3://models/fraud/scorer/1"})


@pytest.mark.parametrize(
    "path",
    [
        "metadata|name", "metadata|uid", "metadata|annotations|serving.knative.dev/routingStateModified", "metadata|annotations|tidegate.dev/rollout",
        f"metadata|annotations|{objects.SOURCE_URI}", "metadata|annotations|tidegate.dev/model-sha256",
    ],
)  # fmt: skip
def test_what_no_pod_has_makes_no_other_template(path: str) -> None:
    other = "2" * 64 if "sha256" in path else "s3://models/fraud/scorer/2" if objects.SOURCE_URI in path else "other"
    before, after = objects.revision_of(REVISION), objects.revision_of(changed(path, other))
    assert before
    assert after
    assert before.revision.template == after.revision.template


@pytest.mark.parametrize(
    "path", ["spec|containers|0|image", "metadata|annotations|autoscaling.knative.dev/min-scale", "spec|timeoutSeconds"]
)
def test_whatever_else_differs_is_another_template(path: str) -> None:
    before, after = objects.revision_of(REVISION), objects.revision_of(changed(path, "2"))
    assert before
    assert after
    assert before.revision.template != after.revision.template


@pytest.mark.parametrize(
    ("item", "health", "why"),
    [
        (ready("Unknown", "Deploying", "waits for a pod"), Health.STARTING, "Deploying waits for a pod"),
        (changed("status", {}), Health.STARTING, "it is starting"),
        (ready("False", "ExitCode1", "container exited"), Health.FAILED, "ExitCode1 container exited"),
        (ready("False", "ProgressDeadlineExceeded", "no pod in 600 s"), Health.FAILED, "ProgressDeadlineExceeded no pod in 600 s"),
        (ready("False", "NoTraffic", ""), Health.STARTING, "NoTraffic"),
    ],
)
def test_health_is_what_knative_says(item: dict[str, Any], health: Health, why: str) -> None:
    seen = objects.revision_of(item)
    assert seen
    assert (seen.health, seen.why) == (health, why)


@pytest.mark.parametrize(
    "item",
    [
        changed(f"metadata|annotations|{objects.SOURCE_URI}", None),
        changed("metadata|annotations|tidegate.dev/model-sha256", None),
        changed(f"metadata|annotations|{objects.SOURCE_URI}", "s3://models/fraud/scorer/newest"),
    ],
)
def test_revision_that_names_no_version_is_none(item: dict[str, Any]) -> None:
    assert objects.revision_of(item) is None


def test_revisions_come_in_the_order_in_which_they_were_made_without_those_that_go() -> None:
    later = changed("metadata|name", "scorer-predictor-00002")
    later["metadata"] |= {"creationTimestamp": "2026-11-30T16:00:00Z", "uid": "u2"}
    going = changed("metadata|deletionTimestamp", "2026-11-30T16:01:00Z")
    going["metadata"] |= {"name": "scorer-predictor-00003", "uid": "u3"}
    assert list(objects.revisions_of([going, later, REVISION])) == ["scorer-predictor-00001", "scorer-predictor-00002"]


def test_route_is_read_as_it_was_written() -> None:
    targets = (Target("scorer-predictor-00001", 90), Target("scorer-predictor-00002", 10, "candidate"))
    written = objects.route_object("tenant-fraud", "scorer", OWNER, SetRoute(targets, "3", "u2", "half of it was errors"))
    assert objects.route_of(written) == Route(targets, "3", "u2", "half of it was errors")
    raised = objects.route_object("tenant-fraud", "scorer", OWNER, SetRoute(targets, "3", given="u2 10"))
    assert objects.route_of(raised) == Route(targets, "3", given="u2 10")
    assert written["metadata"]["name"] == "scorer-live"
    assert written["metadata"]["labels"] == {"tidegate.dev/tenant": "fraud", "networking.knative.dev/visibility": "cluster-local"}
    assert written["metadata"]["ownerReferences"] == [
        {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "name": "scorer", "uid": "i1"}
    ]
    assert "resourceVersion" not in objects.route_object("tenant-fraud", "scorer", OWNER, SetRoute(targets, ""))["metadata"]


@pytest.mark.parametrize("target", [{"latestRevision": True, "percent": 100, "revisionName": "scorer-predictor-00001"}, {"percent": 100}])
def test_route_that_follows_whatever_is_newest_names_nobody(target: dict[str, Any]) -> None:
    found = objects.route_of({"metadata": {"resourceVersion": "1"}, "spec": {"traffic": [target]}})
    assert found.targets == (Target("", 100),)


def test_guard_of_one_model_is_read_as_it_was_written_and_leaves_the_others() -> None:
    first = Guard("scorer-00001", {"scorer-00001": 100, "scorer-00002": 10}, {"scorer-00001": "a", "scorer-00002": "b"})
    other = Guard("ranker-00001", {"ranker-00001": 100}, {"ranker-00001": "c"})
    data = objects.guard_data(objects.guard_data({}, "scorer", first), "ranker", other)
    item = {"metadata": {"resourceVersion": ""}, "data": data}
    assert objects.guard_of(item, "scorer") == first
    assert objects.guard_of(item, "ranker") == other
    alone = Guard("scorer-00002", {"scorer-00002": 100}, {"scorer-00002": "b"})
    after = objects.guard_data(data, "scorer", alone)
    assert objects.guard_of({"metadata": {"resourceVersion": ""}, "data": after}, "scorer") == alone
    assert not [key for key in after if key.startswith("scorer-00001.")], "a name that is free again is not held back"
    assert objects.guard_of(item, "none") is None


def test_files_are_named_in_one_write_of_two_fields() -> None:
    assert objects.service_of(OWNER) == Service("s3://models/fraud/scorer/1", SHA, "9")
    written = objects.files_object("tenant-fraud", "scorer", SetFiles(files(2), "9"))
    assert objects.service_of(written) == Service(files(2).uri, files(2).sha256, "9")
    assert written["spec"] == {"predictor": {"model": {"storageUri": files(2).uri}}}
