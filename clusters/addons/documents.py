"""Upstream's YAML as mutable documents, and the changes that several add-ons make to them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias, cast

import yaml_rs

from tidegate.errors import Finding, ManifestError
from tidegate.facts import names

Document: TypeAlias = "dict[str, object]"
"""A Kubernetes object of somebody else's, which no typed dictionary of ours describes."""

REQUESTS: Mapping[str, str] = {"cpu": "10m", "memory": "64Mi"}
"""What every container of an add-on asks for: a region of two cores must hold all of them and the models."""

WAITED_FOR_CPU = "50m"
"""What a controller asks for that every new pod or object waits for. Where all want the cores at once each gets the share of what it
asks for, and models ask for 40m: with 10m the controllers that models wait for came last."""

DEFINITION = "CustomResourceDefinition"

_POD_TEMPLATES = {"DaemonSet", "Deployment", "Job", "StatefulSet"}
_CLUSTER_KINDS = frozenset(
    {
        "APIService", "CSIDriver", "ClusterRole", "ClusterRoleBinding", "ClusterServingRuntime", "ClusterStorageContainer",
        "CustomResourceDefinition", "GatewayClass", "KWOKNodeClass", "MutatingWebhookConfiguration", "Namespace", "NodePool",
        "PersistentVolume", "PriorityClass", "StorageClass", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    }
)  # fmt: skip


def parse_all(text: str) -> list[Document]:
    """Every object of a YAML stream, read by YAML 1.2: YAML 1.1 stumbles over the `=` in a definition's choices."""
    loaded = cast("object", yaml_rs.loads(text, parse_datetime=False))
    parsed = cast("list[object]", loaded) if isinstance(loaded, list) else [loaded]
    return [cast("Document", document) for document in parsed if isinstance(document, dict)]


def kind(document: Document) -> str:
    """`kind`."""
    return str(document.get("kind", ""))


def metadata(document: Document) -> Document:
    """`metadata`, which is made if it is not there."""
    return cast("Document", document.setdefault("metadata", {}))


def name(document: Document) -> str:
    """`metadata.name`."""
    return str(metadata(document).get("name", ""))


def section(document: Document, *path: str) -> Document:
    """The mapping at `path`, made where it is missing, to be changed in place."""
    at = document
    for step in path:
        inner = at.get(step)
        at[step] = at = cast("Document", inner) if isinstance(inner, dict) else {}
    return at


def find(documents: Iterable[Document], wanted_kind: str, wanted_name: str) -> Document:
    """The one object of that kind and name; raises `ManifestError` when upstream has none, which a new release may do."""
    for document in documents:
        if kind(document) == wanted_kind and name(document) == wanted_name:
            return document
    raise ManifestError(
        [
            Finding(
                f"{wanted_kind} {wanted_name}", "", "upstream-changed", "upstream no longer has it", "read the release and adapt the add-on"
            )
        ]
    )


def without(documents: Iterable[Document], is_dropped: Callable[[Document], bool]) -> list[Document]:
    """All but the dropped."""
    return [document for document in documents if not is_dropped(document)]


def pod_spec(document: Document) -> Document | None:
    """The pod specification of what makes pods; None for anything else."""
    return section(document, "spec", "template", "spec") if kind(document) in _POD_TEMPLATES else None


def containers(document: Document) -> list[Document]:
    """Every container and init container of what makes pods."""
    spec = pod_spec(document) or {}
    groups = ("initContainers", "containers")
    return [container for group in groups for container in cast("list[Document]", spec.get(group) or [])]


def pin_images(documents: Iterable[Document], images: Mapping[str, str]) -> None:
    """Replaces each image by ours, looked up without tag and digest; one that is not in `images` raises `ManifestError`."""
    for document in documents:
        for container in containers(document):
            upstream = str(container.get("image", ""))
            pinned = images.get(_repository(upstream))
            if pinned is None:
                source = f"{kind(document)} {name(document)}"
                raise ManifestError(
                    [Finding(source, str(container.get("name")), "image-unknown", "no image of ours stands for it", "add it", upstream)]
                )
            container["image"] = pinned
            container["imagePullPolicy"] = "IfNotPresent"


def _repository(image: str) -> str:
    repository = image.partition("@")[0]
    head, colon, tag = repository.rpartition(":")
    return head if colon and "/" not in tag and not repository.startswith("ko:") else repository


def shrink(documents: Iterable[Document], memory: Mapping[str, str] | None = None, cpu: Mapping[str, str] | None = None) -> None:
    """Sets every container's requests and drops its limits; `memory` and `cpu` override by container name."""
    for document in documents:
        for container in containers(document):
            name = str(container["name"])
            own = {"cpu": (cpu or {}).get(name), "memory": (memory or {}).get(name)}
            container["resources"] = {"requests": {**REQUESTS, **{key: value for key, value in own.items() if value}}}


def set_environment(container: Document, values: Mapping[str, str]) -> None:
    """Sets environment variables, in place of any of the same name."""
    kept = [variable for variable in cast("list[Document]", container.get("env") or []) if variable["name"] not in values]
    container["env"] = [*kept, *({"name": key, "value": value} for key, value in values.items())]


def trust(documents: Iterable[Document], ca_certificate: str) -> None:
    """Writes the CA bundle into every webhook of these configurations."""
    bundle = base64.b64encode(ca_certificate.encode()).decode()
    for document in documents:
        if kind(document).endswith("WebhookConfiguration"):
            for webhook in cast("list[Document]", document["webhooks"]):
                section(webhook, "clientConfig")["caBundle"] = bundle


def complete(document: Document, namespace: str) -> Document:
    """The object with its namespace set (charts and kustomizations leave it out) and what only the server writes removed."""
    described = metadata(document)
    described.pop("creationTimestamp", None)
    if kind(document) in _CLUSTER_KINDS:
        described.pop("namespace", None)
    else:
        described.setdefault("namespace", namespace)
    for subject in cast("list[Document]", document.get("subjects") or []):
        if subject.get("kind") == "ServiceAccount":
            subject.setdefault("namespace", namespace)
    document.pop("status", None)
    return document


def namespace_object(namespace: str, *, privileged: bool = False) -> Document:
    """A Namespace that is there before everything else of its add-on; `privileged` lets its pods change the node."""
    allowed = {"pod-security.kubernetes.io/enforce": "privileged"} if privileged else {}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": namespace,
            "labels": {**names.component_labels("add-ons"), **allowed},
            "annotations": {"argocd.argoproj.io/sync-wave": "-1"},
        },
    }


def move(document: Document, namespace: str) -> None:
    """Puts a namespaced object, and the subjects of a binding, into another namespace."""
    if "namespace" in metadata(document):
        metadata(document)["namespace"] = namespace
    for subject in cast("list[Document]", document.get("subjects") or []):
        if "namespace" in subject:
            subject["namespace"] = namespace


def without_descriptions(definition: Document) -> Document:
    """A definition without the prose of its schema, half of its size, which API servers and Argo CD hold many times over."""
    for version in cast("list[Document]", section(definition, "spec")["versions"]):
        _drop_descriptions(section(version, "schema", "openAPIV3Schema"))
    return definition


def _drop_descriptions(schema: Document) -> None:
    """Down every path that leads to a schema; a property that is called `description` is none, and stays."""
    if isinstance(schema.get("description"), str):
        del schema["description"]
    for key in ("properties", "patternProperties", "definitions"):
        for inner in cast("dict[str, Document]", schema.get(key) or {}).values():
            _drop_descriptions(inner)
    for key in ("items", "additionalProperties", "not"):
        if isinstance(inner := schema.get(key), dict):
            _drop_descriptions(cast("Document", inner))
    for key in ("allOf", "anyOf", "oneOf"):
        for inner in cast("list[Document]", schema.get(key) or []):
            _drop_descriptions(inner)


def locked_down() -> Document:
    """The security context of a container of ours: what Pod Security `restricted` asks, and nothing to write to."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
