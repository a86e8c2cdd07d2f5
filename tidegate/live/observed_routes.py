"""The parts of Knative's and the gateway's objects that lie between a served model and its callers."""

from __future__ import annotations

from pydantic import Field

from tidegate.live.kubernetes import Condition
from tidegate.live.observed import Judged, Observed, ReadPart


class KnativeStatus(Judged):
    """How a Knative Service stands, and which of its revisions is the newest."""

    latest_created: str = Field(default="", alias="latestCreatedRevisionName")
    latest_ready: str = Field(default="", alias="latestReadyRevisionName")


class KnativeService(Observed):
    """What KServe makes for each part of a served model."""

    RESOURCE, KIND = "services.serving.knative.dev", "Service"

    status: KnativeStatus = KnativeStatus()


class Revision(Observed):
    """One state of a Knative Service: image, arguments and model."""

    RESOURCE, KIND = "revisions.serving.knative.dev", "Revision"

    status: Judged = Judged()


class ReplicaSet(Observed):
    """What makes a revision's pods; it says why it cannot."""

    RESOURCE, KIND = "replicasets.apps", "ReplicaSet"

    status: Judged = Judged()


class EventObject(ReadPart):
    """What an event is about."""

    kind: str = ""
    name: str = ""
    field: str = Field(default="", alias="fieldPath")
    """The container, such as `spec.containers{kserve-container}`."""


class Event(Observed):
    """Something that happened lately."""

    RESOURCE, KIND = "events", "Event"

    about: EventObject = Field(default=EventObject(), alias="involvedObject")
    reason: str = ""
    message: str = ""
    last_seen: str = Field(default="", alias="lastTimestamp")


class PathMatch(ReadPart):
    """A path that a route takes."""

    value: str = "/"


class RouteMatch(ReadPart):
    """What a request must look like."""

    path: PathMatch = PathMatch()


class RouteRule(ReadPart):
    """One way of a route."""

    matches: list[RouteMatch] = Field(default_factory=list[RouteMatch])


class RouteSpec(ReadPart):
    """What a route leads where."""

    hostnames: list[str] = Field(default_factory=list[str])
    rules: list[RouteRule] = Field(default_factory=list[RouteRule])


class RouteParent(Judged):
    """What a gateway says of a route."""


class RouteStatus(ReadPart):
    """What every gateway says of a route."""

    parents: list[RouteParent] = Field(default_factory=list[RouteParent])


class HttpRoute(Observed):
    """The way from a gateway to a tenant's models."""

    RESOURCE, KIND = "httproutes.gateway.networking.k8s.io", "HTTPRoute"

    spec: RouteSpec = RouteSpec()
    status: RouteStatus = RouteStatus()

    def leads(self, path: str) -> bool:
        """Whether some rule takes `path`."""
        return any(
            path == match.path.value or path.startswith(f"{match.path.value}/") for rule in self.spec.rules for match in rule.matches
        )

    @property
    def refusal(self) -> Condition | None:
        """Why a gateway does not follow it; None when every gateway does."""
        judged = [parent.find(kind) for parent in self.status.parents for kind in ("Accepted", "ResolvedRefs")]
        if not judged:
            return Condition(type="Accepted", message="no gateway has looked at it")
        return next((one for one in judged if one.status != "True"), None)


class Gateway(Observed):
    """Where callers come in."""

    RESOURCE, KIND = "gateways.gateway.networking.k8s.io", "Gateway"

    status: Judged = Judged()
