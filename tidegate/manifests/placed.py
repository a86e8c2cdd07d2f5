"""An object where it stands, and safe ways into its parts; what rules are written against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, cast

from tidegate.errors import Finding
from tidegate.manifests.yaml_text import Manifest

Fields: TypeAlias = "Mapping[str, object]"

_NOTHING: Fields = {}


@dataclass(frozen=True, slots=True)
class Placed:
    """An object, its file and, in a tenant's folder, the namespace that is the tenant's."""

    source: str
    manifest: Manifest
    tenant_namespace: str | None = None
    facts: str = ""
    """The file that its own head says it was rendered from; empty when it says nothing."""

    @property
    def kind(self) -> str:
        """`kind`."""
        return str(self.manifest.get("kind", ""))

    @property
    def metadata(self) -> Fields:
        """`metadata`."""
        return fields(self.manifest.get("metadata"))

    @property
    def spec(self) -> Fields:
        """`spec`."""
        return fields(self.manifest.get("spec"))

    def finding(self, rule: str, path: str, problem: str, remedy: str, value: object = "") -> Finding:
        """A finding about this object."""
        shown = "true" if value is True else "false" if value is False else str(value)
        return Finding(self.source, path, rule, problem, remedy, shown)


class Rule(Protocol):
    """One rule of the platform; its name in findings is the function's, with dashes."""

    __name__: str

    def __call__(self, placed: Placed) -> Iterator[Finding]:
        """Every breach by one object."""
        ...


def fields(value: object) -> Fields:
    """`value` if it is a mapping, else an empty one: what is of the wrong type is the schema's finding, not a rule's."""
    return cast("Fields", value) if isinstance(value, dict) else _NOTHING


def items(value: object) -> Sequence[object]:
    """`value` if it is a list, else an empty one."""
    return cast("list[object]", value) if isinstance(value, list) else ()


def fields_in(value: object) -> Iterator[tuple[int, Fields]]:
    """(index, mapping) of each entry of a list."""
    for index, item in enumerate(items(value)):
        yield index, fields(item)


_TEMPLATED = frozenset({"DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"})
RUNTIMES = frozenset({"ClusterServingRuntime", "ServingRuntime"})
"""Kinds that describe model servers."""

POD_KINDS = frozenset({*_TEMPLATED, *RUNTIMES, "CronJob", "InferenceService", "Pod", "PodTemplate"})
"""Kinds that describe pods."""

_PARTS = ("predictor", "transformer", "explainer")


def pod_specs(placed: Placed) -> Iterator[tuple[str, Fields]]:
    """(path, pod specification) of everything that the object makes pods from."""
    kind = placed.kind
    if kind in _TEMPLATED:
        yield "spec.template.spec", fields(fields(placed.spec.get("template")).get("spec"))
    elif kind == "CronJob":
        job = fields(fields(placed.spec.get("jobTemplate")).get("spec"))
        yield "spec.jobTemplate.spec.template.spec", fields(fields(job.get("template")).get("spec"))
    elif kind == "PodTemplate":
        yield "template.spec", fields(fields(placed.manifest.get("template")).get("spec"))
    elif kind == "InferenceService":
        for part in _PARTS:
            if part in placed.spec:
                yield f"spec.{part}", fields(placed.spec[part])
    elif kind == "Pod" or kind in RUNTIMES:
        yield "spec", placed.spec


def containers(placed: Placed) -> Iterator[tuple[str, Fields, Fields]]:
    """(path, container, its pod) of every container, KServe's `model` included: it has resources, and an image at times."""
    for path, pod in pod_specs(placed):
        for group in ("initContainers", "containers", "ephemeralContainers"):
            for index, container in fields_in(pod.get(group)):
                yield f"{path}.{group}[{index}]", container, pod
        if "model" in pod:
            yield f"{path}.model", fields(pod["model"]), pod
