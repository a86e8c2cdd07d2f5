"""What is kept of each object: enough to decide and to write, and no more, because there are thousands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import to_json

from clusters.workloads.release_controller.api import Json
from tidegate.contracts.release import ReleaseSpec, ReleaseStatus
from tidegate.contracts.release_names import FROZEN_ALL
from tidegate.facts import names
from tidegate.release.objects import guard_of, revision_of, route_of, service_of
from tidegate.release.observation import Command, Guard, Route, Seen, Service
from tidegate.release.orders import freeze_of, order_of


class Model(NamedTuple):
    """Whose release it is."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Release:
    """The Release. `problem` is why it, or an order on it, cannot be read."""

    uid: str
    resource_version: str
    spec: ReleaseSpec | None
    status: ReleaseStatus
    command: Command | None = None
    frozen: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """The InferenceService: the two fields of it that are ours, and what a Route says of its owner."""

    service: Service
    reference: Json


@dataclass(frozen=True, slots=True)
class LiveRoute:
    """The Route of our own."""

    route: Route
    uid: str


@dataclass(frozen=True, slots=True)
class Made:
    """A revision, and when it was made: (time, name) sorts."""

    at: tuple[str, str]
    seen: Seen


@dataclass(frozen=True, slots=True)
class Parameter:
    """The ConfigMap that admission goes by, of all models of a namespace."""

    data: Mapping[str, str] = field(default_factory=dict[str, str])
    uid: str = ""
    resource_version: str = ""

    def guard(self, model: str) -> Guard | None:
        """What it says of one model; None for what cannot be read, so that it is written again."""
        try:
            return guard_of({"data": self.data, "metadata": {"resourceVersion": self.resource_version}}, model)
        except ValueError:
            return None

    def freeze(self, namespace: str) -> str:
        """In the controller's own namespace: why nothing is raised in `namespace`; empty when it may be."""
        return (self.data.get(FROZEN_ALL, "") or self.data.get(f"{FROZEN_ALL}.{namespace}", "")).strip()


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that is known of one model at one moment."""

    model: Model
    release: Release | None
    owner: Owner | None
    revisions: tuple[Made, ...]
    route: LiveRoute | None
    parameter: Parameter | None
    frozen: str = ""

    def by_name(self) -> dict[str, Seen]:
        """The revisions in the order in which they were made."""
        return {one.seen.revision.name: one.seen for one in sorted(self.revisions, key=lambda one: one.at)}


def release(item: Json) -> Release | None:
    """None while it is being deleted: nothing of it is ours to finish."""
    metadata = item["metadata"]
    if metadata.get("deletionTimestamp"):
        return None
    annotations: Mapping[str, str] = metadata.get("annotations") or {}
    spec, command, problem = None, None, ""
    status = ReleaseStatus()
    try:
        spec = ReleaseSpec.model_validate_json(to_json(item["spec"]))
        status = ReleaseStatus.model_validate_json(to_json(item.get("status") or {}))
    except ValidationError as error:
        first = error.errors()[0]
        problem, spec = f"the Release cannot be read at {'.'.join(map(str, first['loc']))}: {first['msg']}", None
    try:
        command = order_of(annotations)
    except ValueError as error:
        problem = problem or str(error)
    return Release(metadata["uid"], metadata["resourceVersion"], spec, status, command, freeze_of(annotations), problem)


def owner(item: Json) -> Owner | None:
    """None while it is being deleted, and for one that is not ours to release."""
    metadata = item["metadata"]
    if metadata.get("deletionTimestamp"):
        return None
    labels: Mapping[str, str] = metadata.get("labels") or {}
    kept = {key: labels[key] for key in (names.LABEL_TENANT, names.LABEL_TIER, names.LABEL_SERVED_MODEL) if key in labels}
    reference = {"name": metadata["name"], "uid": metadata["uid"], "labels": kept}
    return Owner(service_of(item), {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": reference})


def made(item: Json) -> Made | None:
    """None for a revision that goes, or that is none of a model with files."""
    metadata = item["metadata"]
    seen = None if metadata.get("deletionTimestamp") else revision_of(item)
    return Made((metadata["creationTimestamp"], metadata["name"]), seen) if seen else None


def model_of_revision(item: Json) -> str:
    """The model's name."""
    labels: Mapping[str, str] = item["metadata"].get("labels") or {}
    return labels.get(names.KSERVE_LABEL_MODEL, "")


def live_route(item: Json) -> LiveRoute:
    """The Route, also one that is being deleted: it still leads users."""
    return LiveRoute(route_of(item), item["metadata"]["uid"])


def parameter(item: Json) -> Parameter:
    """The ConfigMap."""
    data: dict[str, str] = item.get("data") or {}
    metadata: Mapping[str, Any] = item["metadata"]
    return Parameter(data, metadata["uid"], metadata["resourceVersion"])
