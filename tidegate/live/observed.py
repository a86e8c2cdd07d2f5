"""The parts of Kubernetes objects that say how the platform is. Absent and null are the same: a controller may not have come yet."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from pydantic import Field, model_validator

from tidegate.facts import names
from tidegate.live.kubernetes import Condition, Metadata, Read

FAKE_NODE_ANNOTATION = "kwok.x-k8s.io/node"
"""Karpenter's KWOK provider puts it on the nodes it pretends."""


_NAMED = 3
"""An add-on has a hundred objects; the first few tell which kind of difference it is."""


class ReadPart(Read):
    """Part of an object; null reads as absent."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:  # noqa: ANN401 - anything may stand there before it is checked
        if not isinstance(value, dict):
            return value
        return {key: each for key, each in cast("dict[str, Any]", value).items() if each is not None}


class ObjectMetadata(Metadata, ReadPart):
    """Who the object is, and whether somebody is deleting it."""

    deletion_timestamp: str = Field(default="", alias="deletionTimestamp")


class Observed(ReadPart):
    """An object of its own. `RESOURCE` is its kind's name for kubectl, `KIND` the one in the object."""

    RESOURCE: ClassVar[str]
    KIND: ClassVar[str]

    metadata: ObjectMetadata

    @property
    def is_leaving(self) -> bool:
        """Whether it is being deleted and waits for its end."""
        return bool(self.metadata.deletion_timestamp)


class Judged(ReadPart):
    """A status with conditions."""

    conditions: list[Condition] = Field(default_factory=list[Condition])

    def find(self, kind: str) -> Condition:
        """The condition of a kind; one that says Unknown when nobody has judged it yet."""
        return next((one for one in self.conditions if one.type == kind), Condition(type=kind))

    def is_true(self, kind: str) -> bool:
        """Whether a condition holds."""
        return self.find(kind).status == "True"


class Node(Observed):
    """A node, real or pretended."""

    RESOURCE, KIND = "nodes", "Node"

    status: Judged = Judged()

    @property
    def is_fake(self) -> bool:
        """Whether pods on it are scheduled but not executed."""
        return self.metadata.annotations.get(FAKE_NODE_ANNOTATION) == "fake"


class SyncStatus(ReadPart):
    """How an Application stands to Git."""

    status: str = "Unknown"
    revision: str = ""


class HealthStatus(ReadPart):
    """How an Application's objects are."""

    status: str = "Unknown"
    message: str = ""


class SyncedObject(ReadPart):
    """One object of an Application: what became of it in a sync, or how it stands."""

    kind: str = ""
    name: str = ""
    status: str = ""
    message: str = ""
    is_not_in_git: bool = Field(default=False, alias="requiresPruning")


class SyncResult(ReadPart):
    """What became of the objects of a sync."""

    resources: list[SyncedObject] = Field(default_factory=list[SyncedObject])


class SyncOperation(ReadPart):
    """The last sync of an Application."""

    phase: str = ""
    message: str = ""
    result: SyncResult = Field(default=SyncResult(), alias="syncResult")


class ApplicationStatus(ReadPart):
    """What Argo CD says of an Application."""

    sync: SyncStatus = SyncStatus()
    health: HealthStatus = HealthStatus()
    operation: SyncOperation = Field(default=SyncOperation(), alias="operationState")
    conditions: list[Condition] = Field(default_factory=list[Condition])
    resources: list[SyncedObject] = Field(default_factory=list[SyncedObject])


class Application(Observed):
    """Argo CD's Application."""

    RESOURCE, KIND = "applications.argoproj.io", "Application"

    status: ApplicationStatus = ApplicationStatus()

    @property
    def is_live(self) -> bool:
        """Whether all it names is applied and healthy, and Git has lost nothing that it holds."""
        return self.status.sync.status == "Synced" and self.status.health.status == "Healthy" and not self.lost

    @property
    def lost(self) -> list[str]:
        """The models that it holds by its own list and that Git does not, for which a file that is cut short is enough (decision 0045)."""
        if self.status.sync.status not in {"Synced", "OutOfSync"}:
            return []  # Argo CD could not read the folder, and says so
        in_git = {one.name for one in self.status.resources if one.kind == InferenceService.KIND and not one.is_not_in_git}
        return [name for name in self.metadata.annotations.get(names.ANNOTATION_HOLDS, "").split() if name not in in_git]

    @property
    def refusals(self) -> list[str]:
        """What kept its objects from being applied, in the words of Argo CD or the API server."""
        said = [one.message for one in self.status.conditions if one.message]
        operation = self.status.operation
        if self.status.sync.status != "Synced" and operation.phase in {"Failed", "Error", "Running"}:
            said += [f"{one.kind} {one.name}: {one.message}" for one in operation.result.resources if one.status == "SyncFailed"]
            if operation.phase != "Running" and operation.message:
                said.append(operation.message)
        return list(dict.fromkeys(said))

    @property
    def problem(self) -> str:
        """Why it is not live, in Argo CD's words."""
        lost = [f"Git has lost InferenceService {name}, which no tombstone removes" for name in self.lost]
        said = [*lost, *self.refusals, self.status.health.message]
        differing = [f"{one.kind} {one.name}" for one in self.status.resources if one.status == "OutOfSync"]
        if differing and not any(said):
            more = f" and {len(differing) - _NAMED} more" if len(differing) > _NAMED else ""
            said.append(f"differ from Git: {', '.join(differing[:_NAMED])}{more}")
        return "; ".join(dict.fromkeys(" ".join(one.split()) for one in said if one))


class Traffic(ReadPart):
    """A share of a model's traffic."""

    revision: str = Field(default="", alias="revisionName")
    percent: int = 0
    tag: str = ""


class ServiceComponent(ReadPart):
    """Predictor, transformer or explainer as KServe sees it."""

    latest_created: str = Field(default="", alias="latestCreatedRevision")
    latest_ready: str = Field(default="", alias="latestReadyRevision")
    traffic: list[Traffic] = Field(default_factory=list[Traffic])


class LoadFailure(ReadPart):
    """Why a model could not be loaded; the message is the end of a container's log."""

    exit_code: int = Field(default=0, alias="exitCode")
    message: str = ""
    reason: str = ""


class ModelStatus(ReadPart):
    """How loading a model went."""

    last_failure: LoadFailure = Field(default=LoadFailure(), alias="lastFailureInfo")
    transition: str = Field(default="", alias="transitionStatus")


class InferenceServiceStatus(Judged):
    """What KServe says of a served model."""

    url: str = ""
    components: dict[str, ServiceComponent] = Field(default_factory=dict[str, ServiceComponent])
    model: ModelStatus = Field(default=ModelStatus(), alias="modelStatus")

    @property
    def is_refused(self) -> bool:
        """Whether what was asked for last has failed; an older revision may well serve on.

        As Argo CD judges it (`clusters/addons/argo_cd.py`): a failed load is past when the newest revision is the one that serves.
        """
        if self.model.transition == "BlockedByFailedLoad":
            predictor = self.components.get("predictor", ServiceComponent())
            return not (self.is_true("Ready") and predictor.latest_created and predictor.latest_created == predictor.latest_ready)
        return self.model.transition == "InvalidSpec"


class ModelSource(ReadPart):
    """What a predictor loads and with what."""

    storage_uri: str = Field(default="", alias="storageUri")
    runtime: str = ""


class Predictor(ReadPart):
    """The predictor's part of an InferenceService."""

    model: ModelSource = ModelSource()


class InferenceServiceSpec(ReadPart):
    """What was asked for."""

    predictor: Predictor = Predictor()


class InferenceService(Observed):
    """A served model in a cluster."""

    RESOURCE, KIND = "inferenceservices.serving.kserve.io", "InferenceService"

    spec: InferenceServiceSpec = InferenceServiceSpec()
    status: InferenceServiceStatus = InferenceServiceStatus()
