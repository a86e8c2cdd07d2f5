"""`argoproj.io`: AppProject and Application (Argo CD 3.5)."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from clusters.objects import Metadata


class GroupKind(TypedDict):
    """A kind that a project may or may not manage."""

    group: str
    kind: str


class Destination(TypedDict):
    """One namespace of one cluster."""

    server: str
    namespace: str


class DestinationServiceAccount(Destination):
    """Whom Argo CD impersonates there."""

    defaultServiceAccount: str


class AppProjectSpec(TypedDict):
    """Everything is named; nothing is a pattern."""

    description: str
    sourceRepos: list[str]
    destinations: list[Destination]
    destinationServiceAccounts: NotRequired[list[DestinationServiceAccount]]
    clusterResourceWhitelist: list[GroupKind]
    namespaceResourceWhitelist: list[GroupKind]


class AppProject(TypedDict):
    """What its Applications may reach."""

    apiVersion: Literal["argoproj.io/v1alpha1"]
    kind: Literal["AppProject"]
    metadata: Metadata
    spec: AppProjectSpec


class Source(TypedDict):
    """A folder of plain YAML in Git."""

    repoURL: str
    targetRevision: str
    path: str
    directory: NotRequired[dict[str, str]]


class ChartSource(TypedDict):
    """A Helm chart of a release."""

    repoURL: str
    chart: str
    targetRevision: str
    helm: dict[str, object]


class IgnoredDifference(GroupKind):
    """Fields that somebody else owns."""

    jsonPointers: NotRequired[list[str]]
    jqPathExpressions: NotRequired[list[str]]


class ApplicationSpec(TypedDict):
    """What is applied where, and how."""

    project: str
    source: Source | ChartSource
    destination: Destination
    syncPolicy: dict[str, object]
    ignoreDifferences: NotRequired[list[IgnoredDifference]]


class Application(TypedDict):
    """One folder kept in step with a cluster."""

    apiVersion: Literal["argoproj.io/v1alpha1"]
    kind: Literal["Application"]
    metadata: Metadata
    spec: ApplicationSpec
