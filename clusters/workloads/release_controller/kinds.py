"""The kinds of objects that are watched, where they are, and which rights the controller needs for what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate.contracts.release_names import GUARD_CONFIG_MAP, RELEASE_GROUP, RELEASE_PLURAL, RELEASE_VERSION
from tidegate.facts.names import KSERVE_LABEL_MODEL, KSERVE_LABEL_PART

PREDICTOR = f"{KSERVE_LABEL_PART}=predictor"


@dataclass(frozen=True, slots=True)
class Kind:
    """A collection of the API."""

    group: str
    """With its version, as in a path."""
    plural: str
    selector: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    """What the server leaves out of lists and watches."""

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Of one object, of a namespace's, or of all."""
        parts = [self.group, *(["namespaces", namespace] if namespace else []), self.plural, name, subresource]
        return "/" + "/".join(part for part in parts if part)

    def __str__(self) -> str:
        return self.plural


RELEASES = Kind(f"apis/{RELEASE_GROUP}/{RELEASE_VERSION}", RELEASE_PLURAL)
SERVICES = Kind("apis/serving.kserve.io/v1beta1", "inferenceservices")
REVISIONS = Kind("apis/serving.knative.dev/v1", "revisions", {"labelSelector": f"{KSERVE_LABEL_MODEL},{PREDICTOR}"})
ROUTES = Kind("apis/serving.knative.dev/v1", "routes")
PARAMETERS = Kind("api/v1", "configmaps", {"fieldSelector": f"metadata.name={GUARD_CONFIG_MAP}"})
WATCHED = (RELEASES, SERVICES, REVISIONS, ROUTES, PARAMETERS)

LEASES = Kind("apis/coordination.k8s.io/v1", "leases")
EVENTS = Kind("apis/events.k8s.io/v1", "events")


def cluster_rules() -> list[dict[str, Any]]:
    """The rules of its ClusterRole. Lists by field selector need the name `releases` only, which RBAC takes for a list and a watch."""
    return [
        _rule(RELEASE_GROUP, [RELEASE_PLURAL], ["get", "list", "watch"]),
        _rule(RELEASE_GROUP, [f"{RELEASE_PLURAL}/status"], ["update"]),
        _rule("serving.kserve.io", ["inferenceservices"], ["get", "list", "watch", "patch"]),
        _rule("serving.knative.dev", ["revisions"], ["get", "list", "watch"]),
        _rule("serving.knative.dev", ["routes"], ["get", "list", "watch", "create", "patch"]),
        _rule("", ["configmaps"], ["get", "list", "watch", "update"], names=[GUARD_CONFIG_MAP]),
        _rule("", ["configmaps"], ["create"]),  # RBAC knows no name of what is not there yet
        _rule("events.k8s.io", ["events"], ["create"]),
    ]


def namespace_rules(lease: str) -> list[dict[str, Any]]:
    """The rules of the Role in its own namespace."""
    return [
        _rule("coordination.k8s.io", ["leases"], ["get", "update"], names=[lease]),
        _rule("coordination.k8s.io", ["leases"], ["create"]),
    ]


def _rule(group: str, resources: list[str], verbs: list[str], *, names: list[str] | None = None) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs} | ({"resourceNames": names} if names else {})
