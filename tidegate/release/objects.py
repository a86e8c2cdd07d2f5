"""Kubernetes' objects as a release sees them, and those that it writes: plain JSON on one side, types on the other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from tidegate.contracts.release import Files, Revision
from tidegate.contracts.release_names import ANNOTATION_GIVEN, ANNOTATION_TAKEN_BACK, ANNOTATION_TAKEN_BACK_BECAUSE, live_route
from tidegate.facts import names
from tidegate.release.observation import Guard, Health, Route, Seen, Service, SetFiles, SetRoute, Target

Json = Mapping[str, Any]

SOURCE_URI = "internal.serving.kserve.io/storage-initializer-sourceuri"
"""KServe writes there what the InferenceService's storageUri was when the revision was made."""

_REASON_MAX = 1000
_OF_THE_VERSION = (names.ANNOTATION_MODEL_SHA256, SOURCE_URI)
_VOLATILE = ("serving.knative.dev/", "argocd.argoproj.io/", "autoscaling.knative.dev/last", "kubectl.kubernetes.io/")
"""Who made a revision and which routes name it: no two are alike, and none of it reaches the pods."""
_SAME = (names.ANNOTATION_ROLLOUT, names.ANNOTATION_APPROVAL)
"""How it is released, which is no part of what is released."""
_FAILED = {"ContainerMissing", "ExitCode", "ProgressDeadlineExceeded", "RevisionFailed", "PodCreateFailed"}


def revision_of(item: Json) -> Seen | None:
    """A Knative Revision with its health; None for one of another component, or without files and digest."""
    metadata, spec = item["metadata"], item.get("spec", {})
    annotations = metadata.get("annotations", {})
    uri, sha256 = annotations.get(SOURCE_URI, ""), annotations.get(names.ANNOTATION_MODEL_SHA256, "")
    number = uri.rstrip("/").rpartition("/")[2].partition("-")[0]
    if not uri or not sha256 or not number.isdigit():
        return None
    files = Files(version=int(number), uri=uri, sha256=sha256)
    health, why = _health_of(item)
    return Seen(Revision(name=metadata["name"], uid=metadata["uid"], files=files, template=_template_of(annotations, spec)), health, why)


def revisions_of(items: Iterable[Json]) -> dict[str, Seen]:
    """By name, in the order in which they were made. Those that are being deleted are gone."""
    living = [one for one in items if not one["metadata"].get("deletionTimestamp")]
    made = sorted(living, key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["name"]))
    return {one.revision.name: one for one in map(revision_of, made) if one}


def service_of(item: Json) -> Service:
    """The two fields of an InferenceService that a release owns."""
    metadata, model = item["metadata"], item["spec"]["predictor"].get("model", {})
    sha256 = metadata.get("annotations", {}).get(names.ANNOTATION_MODEL_SHA256, "")
    return Service(model.get("storageUri", ""), sha256, metadata["resourceVersion"])


def route_of(item: Json) -> Route:
    """A Knative Route. A target that names no revision stands with an empty name: it may lead anywhere."""
    annotations = item["metadata"].get("annotations", {})
    targets = tuple(
        Target(one.get("revisionName", "") if not one.get("latestRevision") else "", one.get("percent", 0), one.get("tag", ""))
        for one in item.get("spec", {}).get("traffic", [])
    )
    return Route(
        targets,
        item["metadata"]["resourceVersion"],
        annotations.get(ANNOTATION_TAKEN_BACK, ""),
        annotations.get(ANNOTATION_TAKEN_BACK_BECAUSE, ""),
        annotations.get(ANNOTATION_GIVEN, ""),
    )


def guard_of(item: Json, model: str) -> Guard | None:
    """What admission's parameter says of one model; None while it says nothing."""
    data: Mapping[str, str] = item.get("data", {})
    stable = data.get(f"{model}.stable")
    if not stable:
        return None
    known = [name for name in data.get(f"{model}.revisions", "").split(" ") if name]
    shares = {name: int(data[f"{name}.share"]) for name in known if f"{name}.share" in data}
    digests = {name: data[f"{name}.sha256"] for name in known if f"{name}.sha256" in data}
    return Guard(stable, shares, digests, item["metadata"]["resourceVersion"])


def guard_data(before: Mapping[str, str], model: str, guard: Guard) -> dict[str, str]:
    """The parameter's whole data with one model's part replaced."""
    old = before.get(f"{model}.revisions", "").split(" ")
    kept = {key: value for key, value in before.items() if key.partition(".")[0] not in {model, *old}}
    mine = {f"{model}.stable": guard.stable, f"{model}.revisions": " ".join(sorted(guard.shares))}
    shares = {f"{name}.share": str(share) for name, share in guard.shares.items()}
    return kept | mine | shares | {f"{name}.sha256": digest for name, digest in guard.digests.items()}


def route_object(namespace: str, model: str, owner: Json, wanted: SetRoute) -> dict[str, Any]:
    """The Route as it is applied. It is the model's own and goes with its InferenceService."""
    # Empty ones, too: who created the Route owns them beside who applies it, and leaving one out would not take it away.
    annotations = {
        ANNOTATION_TAKEN_BACK: wanted.taken_back,
        ANNOTATION_TAKEN_BACK_BECAUSE: wanted.reason[:_REASON_MAX] if wanted.taken_back else "",
        ANNOTATION_GIVEN: wanted.given,
    }
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Route",
        "metadata": {
            "name": live_route(model), "namespace": namespace, "annotations": annotations,
            "labels": {**_labels_of(owner), "networking.knative.dev/visibility": "cluster-local"},
            "ownerReferences": [
                {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
            ],
            **({"resourceVersion": wanted.resource_version} if wanted.resource_version else {}),
        },
        "spec": {
            "traffic": [
                {"revisionName": one.revision, "latestRevision": False, "percent": one.percent} | ({"tag": one.tag} if one.tag else {})
                for one in wanted.targets
            ]
        },
    }  # fmt: skip


def files_object(namespace: str, model: str, wanted: SetFiles) -> dict[str, Any]:
    """The two fields of the InferenceService, as they are applied: both in one write, because admission compares them."""
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": model, "namespace": namespace, "resourceVersion": wanted.resource_version,
            "annotations": {names.ANNOTATION_MODEL_SHA256: wanted.files.sha256},
        },
        "spec": {"predictor": {"model": {"storageUri": wanted.files.uri}}},
    }  # fmt: skip


def _labels_of(owner: Json) -> dict[str, str]:
    labels: Mapping[str, str] = owner["metadata"].get("labels", {})
    return {key: labels[key] for key in (names.LABEL_TENANT, names.LABEL_TIER, names.LABEL_SERVED_MODEL) if key in labels}


def _health_of(item: Json) -> tuple[Health, str]:
    conditions = {one["type"]: one for one in item.get("status", {}).get("conditions", [])}
    ready = conditions.get("Ready", {})
    why = " ".join(part for part in (ready.get("reason", ""), ready.get("message", "")) if part)
    if ready.get("status") == "True":
        return Health.READY, ""
    reason: str = ready.get("reason", "")
    failed = ready.get("status") == "False" and (reason in _FAILED or reason.startswith("ExitCode"))
    return (Health.FAILED if failed else Health.STARTING), why or "it is starting"


def _template_of(annotations: Mapping[str, str], spec: Json) -> str:
    ours = {key: value for key, value in annotations.items() if key not in {*_OF_THE_VERSION, *_SAME} and not key.startswith(_VOLATILE)}
    return hashlib.sha256(json.dumps([ours, spec], sort_keys=True).encode()).hexdigest()[:16]
